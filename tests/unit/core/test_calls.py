"""Calls to adapters: whatever they may do, what comes out is an answer or an error that somebody expects."""

import asyncio

import pytest
from structlog.testing import capture_logs

from gateway.core.calls import LIMIT, asked_of
from gateway.errors import Denied, Rejected, Scope, StoreError, Unavailable

LANE = "cloud/one"


async def answers(value: str) -> str:
    """Answer."""
    return value


async def raises(error: BaseException) -> str:
    """Fail."""
    raise error


async def hangs() -> str:
    """Never answer."""
    await asyncio.Event().wait()
    return ""


async def test_an_answer_is_an_answer() -> None:
    """The usual case."""
    assert await asked_of(answers("yes"), LANE) == "yes"


@pytest.mark.parametrize(
    "error",
    [Unavailable("down"), Rejected("16", "no"), Denied(Scope.LANE, "403", "who are you"), StoreError("disk")],
    ids=lambda error: type(error).__name__,
)
async def test_an_error_of_ours_is_passed_on(error: Exception) -> None:
    """As it is: it says what is to be done."""
    with pytest.raises(type(error)) as caught:
        await asked_of(raises(error), LANE)
    assert caught.value is error


async def test_a_call_that_hangs_is_given_up() -> None:
    """It says nothing of the cloud: other devices may fare better."""
    started = asyncio.get_running_loop().time()
    with pytest.raises(Unavailable) as caught:
        await asked_of(hangs(), LANE)
    assert (caught.value.code, caught.value.scope) == ("timeout", Scope.DEVICE)
    assert asyncio.get_running_loop().time() - started == pytest.approx(LIMIT.total_seconds())


async def test_a_call_may_take_its_time_where_it_has_none() -> None:
    """An image is as large as it is."""
    slow = asyncio.sleep(10 * LIMIT.total_seconds(), "yes")
    assert await asked_of(slow, LANE, limit=None) == "yes"


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("y"), RecursionError(), StopAsyncIteration()])
async def test_an_adapter_that_breaks_is_a_rejection_and_said_loudly(error: Exception) -> None:
    """With the traceback, for its author."""
    with capture_logs() as logs, pytest.raises(Rejected) as caught:
        await asked_of(raises(error), LANE)
    assert caught.value.code == "adapter_error"
    assert type(error).__name__ in caught.value.reason
    assert [(log["event"], log["lane"], log["log_level"]) for log in logs] == [
        ("adapter_broke", LANE, "error")
    ]


async def test_an_adapter_s_own_timeout_is_no_answer() -> None:
    """Whoever raised it."""
    with pytest.raises(Unavailable):
        await asked_of(raises(TimeoutError()), LANE)


async def test_what_was_cancelled_within_the_adapter_is_no_answer() -> None:
    """A worker that took it for its own end would be gone without a word."""
    with pytest.raises(Unavailable) as caught:
        await asked_of(raises(asyncio.CancelledError()), LANE)
    assert (caught.value.code, caught.value.scope) == ("canceled", Scope.DEVICE)


async def test_to_be_cancelled_is_to_end() -> None:
    """The gateway stops."""
    task = asyncio.create_task(asked_of(hangs(), LANE))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_second_call_in_the_same_task_is_like_the_first() -> None:
    """A timeout leaves nothing behind in its task."""
    with pytest.raises(Unavailable):
        await asked_of(hangs(), LANE)
    assert await asked_of(answers("yes"), LANE) == "yes"
