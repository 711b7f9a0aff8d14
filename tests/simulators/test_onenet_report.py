"""Steps and results: 1xx, then 2xx, then nothing."""

import pytest
from aiohttp import ServerDisconnectedError

from tests.simulators import Verdict
from tests.simulators.callers import OneNetCaller
from tests.simulators.faults import Fault
from tests.simulators.onenet import OneNetCloud, State

DEVICE = ("527776559", 2)


async def test_the_whole_way(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """Check, token check, steps, 101, 201: the task is done and the device runs the target."""
    token = await onenet_device.begin()
    said = [await onenet_device.step(token, step) for step in (0, 50, 20, 99)]
    said += [await onenet_device.report(token, result) for result in (101, 201)]
    assert said == [0] * 6
    assert onenet_cloud.tasks[DEVICE].state is State.DONE
    assert onenet_cloud.devices["527776559"].versions[2] == "2.0"
    assert onenet_cloud.record.illegal == 0
    assert onenet_cloud.record.heard == 6


async def test_a_step_needs_the_token_check(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """Steps are taken only while downloading."""
    token = await onenet_device.take_token()
    assert await onenet_device.step(token, 1) == 17
    assert onenet_cloud.record.reasons == {"wrong_state": 1}


@pytest.mark.parametrize(("before", "errno"), [([], 21), ([101], 0)])
async def test_201_needs_101(onenet_device: OneNetCaller, before: list[int], errno: int) -> None:
    """The upgrade succeeds only after the download has."""
    token = await onenet_device.begin()
    for result in before:
        await onenet_device.report(token, result)
    assert await onenet_device.report(token, 201) == errno


async def test_101_needs_the_token_check(onenet_device: OneNetCaller) -> None:
    """A download that was never begun cannot succeed."""
    assert await onenet_device.report(await onenet_device.take_token(), 101) == 21


@pytest.mark.parametrize("second", [101, 102, 107])
async def test_never_two_1xx(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller, second: int) -> None:
    """While upgrading only 2xx is heard."""
    token = await onenet_device.begin()
    await onenet_device.report(token, 101)
    assert await onenet_device.report(token, second) == 21
    assert onenet_cloud.record.reasons == {"out_of_order": 1}
    assert onenet_cloud.tasks[DEVICE].state is State.UPGRADING


async def test_step_100_is_101(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """After step 100 the download is over, so that 101 comes too late and 201 is right."""
    token = await onenet_device.begin()
    assert await onenet_device.step(token, 100) == 0
    assert await onenet_device.step(token, 100) == 17
    assert await onenet_device.report(token, 101) == 21
    assert await onenet_device.report(token, 201) == 0


async def test_progress_takes_results_too(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """The vendor's own SDK reports 101 and 201 through progress."""
    token = await onenet_device.begin()
    assert [await onenet_device.step(token, code) for code in (101, 201)] == [0, 0]
    assert onenet_cloud.tasks[DEVICE].state is State.DONE


@pytest.mark.parametrize("code", [*range(102, 108), *range(202, 209)])
async def test_failures_end_a_download(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller, code: int
) -> None:
    """Any failure code ends the task for good; a second word is too much."""
    token = await onenet_device.begin()
    assert await onenet_device.report(token, code) == 0
    assert onenet_cloud.tasks[DEVICE].state is State.FAILED
    assert await onenet_device.report(token, 201) == 20
    assert onenet_cloud.record.reasons == {"after_terminal": 1}


@pytest.mark.parametrize("code", range(202, 209))
async def test_failures_end_an_upgrade(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller, code: int
) -> None:
    """After 101 a 2xx failure is as good."""
    token = await onenet_device.begin()
    await onenet_device.report(token, 101)
    assert await onenet_device.report(token, code) == 0
    assert onenet_cloud.tasks[DEVICE].result == code
    assert onenet_cloud.record.illegal == 0


async def test_a_failure_needs_no_download(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """A task that was never begun may fail."""
    assert await onenet_device.report(await onenet_device.take_token(), 105) == 0
    assert onenet_cloud.tasks[DEVICE].state is State.FAILED


@pytest.mark.parametrize("code", [0, 100, 108, 200, 209, -1])
async def test_unknown_codes(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller, code: int) -> None:
    """A code outside the table is errno 2."""
    assert await onenet_device.report(await onenet_device.begin(), code) == 2
    assert onenet_cloud.record.reasons == {"bad_parameter": 1}


@pytest.mark.parametrize("result", ["101", None, 101.0, True, [101]])
async def test_a_result_is_an_int(onenet_device: OneNetCaller, result: object) -> None:
    """Anything else in ``result`` is errno 24."""
    token = await onenet_device.begin()
    assert await onenet_device.report(token, result) == 24
    assert await onenet_device.step(token, result) == 24


async def test_nothing_after_the_end(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """A finished task answers 20 to everything that uses its token."""
    token = await onenet_device.begin()
    for result in (101, 201):
        await onenet_device.report(token, result)
    assert await onenet_device.report(token, 201) == 20
    assert await onenet_device.step(token, 5) == 20
    assert await onenet_device.check_token(token) == 20
    assert onenet_cloud.record.reasons == {"after_terminal": 3}


async def test_a_cancellation_is_learned_once(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """The first 22 is how one learns of it; going on after that is marked."""
    token = await onenet_device.begin()
    onenet_cloud.tasks[DEVICE].cancel()
    assert await onenet_device.report(token, 101) == 22
    assert onenet_cloud.record.illegal == 0
    assert await onenet_device.report(token, 107) == 22
    assert onenet_cloud.record.reasons == {"after_cancel": 1}


async def test_a_new_order_cancels_the_former(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """The token of the former task learns of a cancellation; the new task has a token of its own."""
    old = await onenet_device.begin()
    onenet_cloud.create_task("527776559", "3.0")
    assert await onenet_device.report(old, 101) == 22
    assert await onenet_device.report(await onenet_device.begin(), 101) == 0


@pytest.mark.parametrize("result", [101, 201])
async def test_a_resend_after_a_lost_reply_is_excused(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller, result: int
) -> None:
    """The report was applied and its reply lost: the resend is refused, but is no offence; a third is."""
    token = await onenet_device.begin()
    if result == 201:
        await onenet_device.report(token, 101)
    onenet_cloud.faults.reply_lost = Fault(times=1)
    with pytest.raises(ServerDisconnectedError):
        await onenet_device.report(token, result)
    assert await onenet_device.report(token, result) in (20, 21)
    assert onenet_cloud.record.illegal == 0
    await onenet_device.report(token, result)
    assert onenet_cloud.record.illegal == 1


async def test_a_killed_caller_may_walk_the_way_again(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller
) -> None:
    """Killed after 201, the caller looks at the token and repeats 101 and 201; the next repetition is marked."""
    token = await onenet_device.begin()
    for result in (101, 201):
        await onenet_device.report(token, result)
    onenet_cloud.record.excuse_resends()
    assert await onenet_device.check_token(token) == 20
    assert [await onenet_device.report(token, result) for result in (101, 201)] == [20, 20]
    assert onenet_cloud.record.illegal == 0
    await onenet_device.report(token, 201)
    assert onenet_cloud.record.illegal == 1


async def test_looking_again_after_a_lost_reply_is_excused(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller
) -> None:
    """Who does not know where the task stands may check the token."""
    token = await onenet_device.begin()
    onenet_cloud.faults.reply_lost = Fault(times=1, only="report")
    with pytest.raises(ServerDisconnectedError):
        await onenet_device.report(token, 101)
    assert await onenet_device.check_token(token) == 17
    assert onenet_cloud.record.verdicts[Verdict.RESEND] == 1
    assert onenet_cloud.record.illegal == 0


@pytest.mark.parametrize("errno", ["", "7", "21"])
async def test_an_injected_error_is_nobodys_fault(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller, errno: str
) -> None:
    """The error is answered without applying anything and is not held against the caller."""
    token = await onenet_device.begin()
    onenet_cloud.faults.error = Fault(times=1, error=errno)
    assert await onenet_device.report(token, 101) == int(errno or 7)
    assert onenet_cloud.record.illegal == 0
    assert onenet_cloud.tasks[DEVICE].state is State.DOWNLOADING
