"""The road down, over every adapter there is: what a cloud wants, what it believes, its images, a user's consent."""

from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Denied, Rejected, Scope, Unavailable
from gateway.model.commands import UpdateOrdered
from gateway.model.firmware import Firmware
from gateway.model.identity import DEFAULT_MODULE, Version
from gateway.model.states import Reason, State
from gateway.ports.cloud import Site
from tests.contract.benches import IMAGE, Teller, TencentBench
from tests.contract.test_conformance import TROUBLES, faults, record
from tests.simulators import Fault
from tests.unit.adapters.events import DEVICE, TARGET

PATH = [State.DOWNLOADING, State.DOWNLOADED, State.INSTALLING, State.SUCCEEDED]


async def ordered(teller: Teller) -> UpdateOrdered:
    """Return the one order that the cloud has."""
    (order,) = await teller.adapter.poll(teller.bench.device)
    assert isinstance(order, UpdateOrdered)
    return order


async def read(teller: Teller, firmware: Firmware, start: int = 0) -> bytes:
    """Read an image to its end."""
    stream: Any = teller.adapter.fetch(firmware, start)
    async with aclosing(stream):
        return b"".join([chunk async for chunk in stream])


async def test_order_names_device_version_and_image(served: Teller) -> None:
    """An order says what to install where, and enough of the image to prove it."""
    served.bench.order()

    order = await ordered(served)

    assert (order.device, order.module, order.version) == (DEVICE, DEFAULT_MODULE, TARGET)
    assert (order.firmware.version, order.firmware.module) == (TARGET, DEFAULT_MODULE)
    assert order.firmware.md5 == IMAGE.md5
    assert order.firmware.size in (None, IMAGE.size)
    assert order.handle
    assert not order.needs_confirmation
    assert record(served).illegal == 0


async def test_open_order_is_the_same_again(served: Teller, site: Site) -> None:
    """Asked again, after a restart too, a cloud names the same task and the same image."""
    served.bench.order()
    first = await ordered(served)
    served.adapter = served.bench.make(served.url, site)
    second = await ordered(served)

    assert (second.handle, second.firmware.identity) == (first.handle, first.firmware.identity)
    assert record(served).illegal == 0


async def test_nothing_is_ordered_where_there_is_no_task(teller: Teller) -> None:
    """A cloud without an order is heard as one."""
    teller.bench.order()
    teller.bench.withdraw()

    assert list(await teller.adapter.poll(teller.bench.device)) == []


async def test_asking_with_nothing_known_does_no_harm(served: Teller) -> None:
    """A device that never told its version is asked about without making one up."""
    served.bench.order()

    await served.adapter.poll(replace(served.bench.device, running=None))
    await served.adapter.observe(replace(served.bench.device, running=None))

    assert record(served).illegal == 0
    assert served.bench.end() == ""


async def test_order_is_over_when_the_update_is(served: Teller) -> None:
    """What was ordered, fetched, told and done is not ordered again, and every step was legal."""
    served.bench.order()
    order = await ordered(served)
    assert await read(served, order.firmware) == IMAGE.image
    for state in PATH:
        await served.tell(state, percent=50)

    done = replace(served.bench.device, running=TARGET)

    assert list(await served.adapter.poll(done)) == []
    assert record(served).illegal == 0
    assert served.bench.end() == "succeeded"


@pytest.mark.parametrize("start", [0, 1, 4096, 60_000])
async def test_image_is_read_from_any_byte(served: Teller, start: int) -> None:
    """A fetch goes on where an earlier one stopped."""
    served.bench.order()
    order = await ordered(served)

    assert await read(served, order.firmware, start) == IMAGE.image[start:]
    assert record(served).illegal == 0


async def test_image_is_read_after_a_restart(served: Teller, site: Site) -> None:
    """What was ordered before a restart is fetched after it, with nothing but the order."""
    served.bench.order()
    order = await ordered(served)
    served.adapter = served.bench.make(served.url, site)

    assert await read(served, order.firmware) == IMAGE.image


async def test_address_that_is_over_is_said_to_be(served: Teller) -> None:
    """An image that is out of reach is no data: whoever wants it asks for the order again."""
    served.bench.order()
    order = await ordered(served)
    served.bench.expire_image()

    with pytest.raises(Rejected) as caught:
        await read(served, order.firmware)

    assert caught.value.code == "url_expired"


async def test_no_image_without_an_order(teller: Teller) -> None:
    """An address that no order of this cloud named gives no image."""
    firmware = Firmware(version=TARGET, url="http://169.254.1.1/image?type=2")

    with pytest.raises((Rejected, Unavailable)):
        await read(teller, firmware)


@pytest.mark.parametrize("state", PATH)
async def test_view_agrees_with_what_was_told(served: Teller, state: State) -> None:
    """What a cloud believes is what it was told, as far as it says anything, and asking changes nothing."""
    served.bench.order()
    await ordered(served)
    for each in PATH[: PATH.index(state) + 1]:
        await served.tell(each, percent=50)

    views = await served.adapter.observe(served.bench.device)
    again = await served.adapter.observe(served.bench.device)

    assert {view.target for view in views} <= {TARGET}
    expected = {State.INSTALLING, State.DOWNLOADED} if state in PATH[1:3] else {state}
    assert {view.state for view in views} <= {*expected, None}
    assert {view.module for view in views} <= {DEFAULT_MODULE}
    assert views == again
    assert record(served).illegal == 0


async def test_no_view_where_there_is_no_task(teller: Teller) -> None:
    """A cloud that knows of nothing believes nothing, or that it was called off."""
    teller.bench.order()
    teller.bench.withdraw()

    states = {view.state for view in await teller.adapter.observe(teller.bench.device)}

    assert states <= {State.CANCELED, State.FAILED}


async def test_consent_reaches_the_cloud_that_waits_for_it(teller: Teller) -> None:
    """Where a cloud asks the user, the answer is told once; where it does not, there is nothing to tell."""
    teller.bench.order(confirm=True)
    waits = isinstance(teller.bench, TencentBench)
    orders = await teller.adapter.poll(teller.bench.device)
    assert [order.needs_confirmation for order in orders if isinstance(order, UpdateOrdered)] in ([waits], [])

    for _ in range(2):
        assert await teller.tell(State.WAITING_CONFIRMATION, confirmed=True) == []

    assert teller.bench.confirmed() == waits
    assert teller.bench.cloud is None or record(teller).illegal == 0


@pytest.mark.parametrize("after", [None, State.QUEUED, State.WAITING_CONFIRMATION])
@pytest.mark.parametrize("state", PATH)
async def test_consent_is_told_before_what_came_of_it(
    teller: Teller, state: State, after: State | None
) -> None:
    """A cloud that was out of reach while the user agreed hears of it first, and then where the update stands."""
    teller.bench.order(confirm=True)
    await teller.adapter.poll(teller.bench.device)
    teller.after = after

    assert await teller.tell(state, confirmed=True, percent=50) == []
    assert await teller.tell(State.SUCCEEDED, confirmed=True) == []

    assert teller.bench.end() == "succeeded"
    assert teller.bench.cloud is None or record(teller).illegal == 0


async def test_refusal_is_the_end_and_no_consent(teller: Teller) -> None:
    """A user who refuses ends the update, and that is all that the cloud hears."""
    teller.bench.order(confirm=True)
    await teller.adapter.poll(teller.bench.device)
    await teller.tell(State.WAITING_CONFIRMATION)
    await teller.tell(State.REJECTED, reason=Reason.DENIED_BY_USER)

    assert not teller.bench.confirmed()
    assert teller.bench.end() in ("failed", "rejected")
    assert teller.bench.cloud is None or record(teller).illegal == 0


async def test_versions_that_cannot_be_carried_are_known_before(teller: Teller) -> None:
    """An ordinary version passes everywhere, an endless one where there is room, and the objection says which."""
    endless = Version("9" * 4096)

    assert teller.adapter.objection(TARGET) is None
    problem = teller.adapter.objection(endless)

    assert problem is None if teller.bench.cloud is None else "version" in str(problem)


@pytest.mark.parametrize(("mode", "setting", "code"), TROUBLES)
@pytest.mark.parametrize("question", ["poll", "observe"])
async def test_trouble_while_asking_is_unavailable(
    served: Teller,
    question: str,
    mode: str,
    setting: Fault | bool,  # noqa: FBT001 - a switch of the simulator
    code: str,
) -> None:
    """A cloud that cannot answer orders nothing and believes nothing: it is asked again later."""
    served.bench.order()
    await ordered(served)
    setattr(faults(served), mode, setting)

    with pytest.raises(Unavailable) as caught:
        await getattr(served.adapter, question)(served.bench.device)

    assert caught.value.code == code


@pytest.mark.parametrize("mode", ["down", "html", "broken_off"])
async def test_trouble_while_reading_is_never_data(served: Teller, mode: str) -> None:
    """Whatever comes in place of an image, or of its end, is an error."""
    served.bench.order()
    order = await ordered(served)
    setattr(faults(served), mode, True)

    with pytest.raises((Unavailable, Rejected)):
        await read(served, order.firmware)


@pytest.mark.parametrize("seed", range(4))
async def test_lost_replies_while_asking_are_harmless(served: Teller, seed: int) -> None:
    """Half of all replies are lost after the cloud has acted: the same order comes in the end."""
    served.bench.order()
    faults(served).dice.seed(seed)
    faults(served).reply_lost = Fault(chance=0.5)
    order = None
    for _ in range(40):
        try:
            order = await ordered(served)
            break
        except Unavailable:
            continue

    assert order is not None
    assert order.version == TARGET
    assert record(served).illegal == 0


async def test_distrust_while_asking_is_of_the_lane_or_the_device(served: Teller) -> None:
    """Who is not trusted is told apart on the road down as well."""
    served.bench.order()
    served.bench.deny_lane()

    with pytest.raises(Denied) as caught:
        await served.adapter.poll(served.bench.device)

    assert caught.value.scope is Scope.LANE


async def test_device_that_is_denied_denies_no_other(served: Teller) -> None:
    """A device that the cloud refuses is parked alone."""
    served.bench.order()
    served.bench.deny_device()

    with pytest.raises(Denied) as caught:
        await served.adapter.poll(served.bench.device)

    assert caught.value.scope is Scope.DEVICE
