"""The promise to an adapter and its own to the gateway (`gateway.ports.cloud`), over every adapter there is."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from gateway.core import trail
from gateway.errors import CloudError, Denied, Rejected, Scope, Unavailable
from gateway.model.states import Phase, Reason, State
from gateway.ports.cloud import Site
from tests.contract.benches import SERVED, Bench, Teller
from tests.contract.servers import Server
from tests.simulators import Fault, Record
from tests.simulators.serving import serve

PATH = [state for state in State if not state.is_terminal]
ENDS = [state for state in State if state.is_terminal]
TROUBLES = [
    ("down", True, "disconnected"),
    ("status", Fault(code=500), "http_5xx"),
    ("status", Fault(code=503), "http_5xx"),
    ("status", Fault(code=429), "http_429"),
    ("status", Fault(code=408), "http_408"),
    ("html", True, "misshapen"),
    ("truncated", True, "misshapen"),
    ("enormous", Fault(size=4 * 1024 * 1024), "too_large"),
]


def record(teller: Teller) -> Record:
    """Return what the cloud wrote down."""
    cloud = teller.bench.cloud
    assert cloud is not None
    return cloud.record


def faults(teller: Teller) -> Any:
    """Return the cloud's switches of trouble."""
    cloud = teller.bench.cloud
    assert cloud is not None
    return cloud.faults


async def insist(teller: Teller, state: State, tries: int = 40, **rest: Any) -> None:
    """Deliver until the cloud has it."""
    for _ in range(tries):
        try:
            await teller.tell(state, **rest)
        except Unavailable:
            continue
        return
    pytest.fail(f"{state} was not delivered in {tries} tries")


async def test_whole_path_arrives(teller: Teller) -> None:
    """An update that passes through each state succeeds at the cloud."""
    for state in PATH:
        assert await teller.tell(state, percent=20) == []
    assert await teller.tell(State.SUCCEEDED) == []

    assert teller.bench.end() == "succeeded"


async def test_answers_are_named(served: Teller) -> None:
    """For each request the timeline gets what the cloud called its answer, on one line and without a secret."""
    with trail.followed():
        await served.tell(State.DOWNLOADING, percent=20)
        walked = trail.walked()
    assert re.search(r" \d+ ms (RequestId [0-9a-f-]{36}|errno \d+)", walked), walked
    assert not any(secret in walked for secret in served.bench.secrets)


@pytest.mark.parametrize("skipped_to", PATH)
async def test_states_may_be_skipped(teller: Teller, skipped_to: State) -> None:
    """A terse device is understood: one state, then success."""
    await teller.tell(skipped_to, percent=20)
    await teller.tell(State.SUCCEEDED)

    assert teller.bench.end() == "succeeded"


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("after", [None, State.DOWNLOADING, State.INSTALLING])
async def test_update_may_end_in_each_way_at_each_point(
    teller: Teller, after: State | None, end: State
) -> None:
    """Each terminal state is told, from the beginning and from the middle, in the cloud's order."""
    if after is not None:
        await teller.tell(after, percent=20)

    assert await teller.tell(end, phase=Phase.DOWNLOAD, reason=Reason.LOW_BATTERY) == []

    expected = {"succeeded": "succeeded", "canceled": ""}.get(end, "failed")
    if teller.bench.cloud is not None:
        assert teller.bench.end() == expected
        assert record(teller).illegal == 0


@pytest.mark.parametrize("end", ENDS)
async def test_nothing_is_told_after_the_end(teller: Teller, end: State) -> None:
    """A terminal state that the cloud acknowledged absorbs whatever comes."""
    await teller.tell(end)
    heard = teller.bench.heard()

    for state in State:
        teller.after = end
        assert await teller.tell(state, percent=20) == []

    assert teller.bench.heard() == heard


async def test_repeats_are_harmless(served: Teller) -> None:
    """The same state again is legal at the cloud, whether it is sent or not."""
    for state in [*PATH, State.SUCCEEDED]:
        await served.tell(state, percent=20)
        await served.tell(state, percent=20)

    assert record(served).illegal == 0
    assert served.bench.end() == "succeeded"


@pytest.mark.parametrize(("mode", "setting", "code"), TROUBLES)
async def test_trouble_is_unavailable_and_passes(
    served: Teller,
    mode: str,
    setting: Fault | bool,  # noqa: FBT001 - a switch of the simulator
    code: str,
) -> None:
    """A cloud that cannot answer is tried again later, and nothing was lost or told twice."""
    setattr(faults(served), mode, setting)
    with pytest.raises(Unavailable) as caught:
        await served.tell(State.DOWNLOADING, percent=20)
    faults(served).clear()

    for state in (State.DOWNLOADING, State.DOWNLOADED, State.SUCCEEDED):
        await served.tell(state, percent=20)

    assert caught.value.code == code
    assert record(served).illegal == 0
    assert served.bench.end() == "succeeded"


async def test_cloud_that_asks_for_patience_is_given_it(served: Teller) -> None:
    """Retry-After reaches the gateway."""
    faults(served).status = Fault(code=429, retry_after="7")

    with pytest.raises(Unavailable) as caught:
        await served.tell(State.DOWNLOADING, percent=20)

    assert caught.value.retry_after == 7


async def test_distrust_of_the_gateway_parks_the_lane(served: Teller) -> None:
    """Credentials that the cloud refuses concern every device."""
    served.bench.deny_lane()

    with pytest.raises(Denied) as caught:
        await served.tell(State.DOWNLOADING, percent=20)

    assert caught.value.scope is Scope.LANE


async def test_distrust_of_a_device_parks_the_device(served: Teller) -> None:
    """A device that the cloud refuses concerns no other."""
    served.bench.deny_device()

    with pytest.raises(Denied) as caught:
        await served.tell(State.DOWNLOADING, percent=20)

    assert caught.value.scope is Scope.DEVICE


async def test_refused_message_is_rejected(served: Teller) -> None:
    """A refusal that will stay is told apart from one that will pass."""
    faults(served).error = Fault(error=served.bench.error_code(), only=served.bench.report)

    with pytest.raises(Rejected) as caught:
        await served.tell(State.DOWNLOADING, percent=20)

    assert caught.value.code == served.bench.error_code()


@pytest.mark.parametrize("mode", ["reply_lost", "truncated"])
@pytest.mark.parametrize("end", [State.SUCCEEDED, State.FAILED])
@pytest.mark.parametrize("seed", range(8))
async def test_resend_after_a_lost_reply_is_harmless(
    served: Teller, seed: int, mode: str, end: State
) -> None:
    """Half of all replies are lost after the cloud has acted: no state is told out of order for that."""
    faults(served).dice.seed(seed)
    setattr(faults(served), mode, Fault(chance=0.5))

    for state in [*PATH, end]:
        await insist(served, state, percent=20, phase=Phase.INSTALL, reason=Reason.UNKNOWN)

    assert record(served).illegal == 0
    assert served.bench.end() == end


async def test_restart_in_the_middle_is_harmless(served: Teller, site: Site) -> None:
    """An adapter keeps nothing that must survive: a fresh one goes on where the last one stood."""
    cloud = served.bench.cloud
    assert cloud is not None
    async with serve(cloud) as url:
        for state in (State.DOWNLOADING, State.INSTALLING, State.SUCCEEDED):
            served.adapter = served.bench.make(url, site)
            await served.tell(state, percent=20)

    assert record(served).illegal == 0
    assert served.bench.end() == "succeeded"


async def test_cancellation_rises_unchanged(served: Teller) -> None:
    """A delivery that the gateway calls off stops at once, as nobody's error."""
    hung = asyncio.Event()

    async def hang(_seconds: float) -> None:
        hung.set()
        await asyncio.Event().wait()

    faults(served).sleep = hang
    faults(served).slow = True
    delivery = asyncio.create_task(served.tell(State.DOWNLOADING, percent=20))
    await hung.wait()
    delivery.cancel()

    with pytest.raises(asyncio.CancelledError):
        await delivery


def echo(form: Callable[[str], bytes]) -> Server:
    """Return a server that says back all that it was told, in a form of the test's choice."""

    async def answer(request: web.Request) -> web.Response:
        told = f"{request.headers.get('Authorization')} {await request.text()} {request.path_qs}"
        return web.Response(body=form(told), content_type="application/json")

    return Server(answer)


@pytest.mark.parametrize("is_refusal", [True, False])
@pytest.mark.parametrize("make", SERVED)
async def test_no_error_shows_a_secret(
    make: Callable[[Any], Bench],
    is_refusal: bool,  # noqa: FBT001 - a parameter of the test
    site: Site,
) -> None:
    """A cloud that repeats the credentials, in a refusal or in garbage, does not bring them into our errors."""
    bench = make(site.data_dir)
    async with serve(echo(bench.reply_with if is_refusal else str.encode)) as url:
        teller = Teller(bench, bench.make(url, site))
        with pytest.raises(CloudError) as caught:
            await teller.tell(State.DOWNLOADING, percent=20)

    shown = f"{caught.value} {caught.value!r} {vars(caught.value)}"
    assert not [secret for secret in bench.secrets if secret in shown]
    assert isinstance(caught.value, bench.refusal if is_refusal else Unavailable)
