"""Devices that take orders, against the least of a gateway: each flashes once, and says what it runs."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.simulators.fleet import Device
from tests.simulators.fleet.ordered import Behaviour, Manner, OrderedDevice, OrderedFleet
from tests.simulators.fleet.saying import Word
from tests.simulators.ordering import IMAGE, TARGET, Ordering, ordering

PLAIN = Device(product="P", name="d", secret="AAAA")
TENCENT = replace(PLAIN, dialect="tencent")
CHUNKS = Manner(fetch="chunks", part=512)
QUICK = Manner(away=0.02, retry_pause=0.001)


@pytest.fixture
def device() -> Device:
    """Who is ordered; a test may ask for another one."""
    return PLAIN


@pytest.fixture
async def gateway(device: Device) -> AsyncIterator[Ordering]:
    """Who orders."""
    async with ordering(device) as made:
        yield made


every_way = pytest.mark.parametrize(
    ("device", "manner"),
    [(PLAIN, Manner()), (TENCENT, Manner()), (PLAIN, CHUNKS)],
    ids=["plain", "tencent", "chunks"],
)


@every_way
async def test_an_order_is_obeyed(gateway: Ordering, device: Device, manner: Manner) -> None:
    """The device says what it runs, fetches, checks, flashes once, boots and says the new version."""
    async with OrderedDevice(device, gateway.address, manner).powered() as ordered:
        await ordered.until_reported(TARGET)

    spoken = [word for word in ordered.words if word not in ("verified", "applying")]
    assert spoken == ["version 1.0", "downloading", "downloaded", "installing", "done", "version 2.0"]
    assert ordered.flashes == {"2.0": 1}
    assert (ordered.boots, len(ordered.orders), ordered.repeats) == (2, 1, 0)
    assert not ordered.misunderstood


@every_way
async def test_a_download_is_told_in_steps(gateway: Ordering, device: Device, manner: Manner) -> None:
    """Percents rise, and are as far apart as the manner says."""
    async with OrderedDevice(
        device, gateway.address, replace(manner, part=256, step=20)
    ).powered() as ordered:
        await ordered.until_reported(TARGET)

    percents = [each.percent for each in ordered.said if each.word is Word.DOWNLOADING]
    assert percents == [0, 20, 40, 60, 80]


async def test_a_plain_device_asks_for_parts(gateway: Ordering, device: Device) -> None:
    """Each with both of its ends."""
    async with OrderedDevice(device, gateway.address, Manner(part=4096)).powered() as ordered:
        await ordered.until_reported(TARGET)

    assert gateway.ranges == ["bytes=0-4095", "bytes=4096-8191", "bytes=8192-10239"]


@pytest.mark.parametrize("device", [TENCENT])
async def test_a_tencent_device_asks_beyond_the_end(gateway: Ordering, device: Device) -> None:
    """As the vendor's SDKs do; after a broken connection it goes on where it was."""
    gateway.breaks = 1
    async with OrderedDevice(device, gateway.address, replace(QUICK, part=256)).powered() as ordered:
        await ordered.until_reported(TARGET)

    assert gateway.ranges[0] == f"bytes=0-{len(IMAGE)}"
    assert gateway.ranges[1] == f"bytes={len(IMAGE) // 2}-{len(IMAGE)}"
    assert len(gateway.ranges) == 2


async def test_an_order_for_what_runs_is_answered_and_not_flashed(gateway: Ordering, device: Device) -> None:
    """However often it comes."""
    async with OrderedDevice(device, gateway.address).powered() as ordered:
        await ordered.until_reported(TARGET)
        for _ in range(3):
            gateway.order(device)
        await ordered.until(lambda it: len(it.said) >= 3 and it.repeats == 3)

    assert ordered.flashes == {"2.0": 1}
    assert ordered.boots == 2


async def test_an_order_that_comes_twice_is_carried_out_once(gateway: Ordering, device: Device) -> None:
    """While it is carried out, the copy is answered with where it stands."""
    manner = Manner(part=256, part_pause=0.002)
    async with OrderedDevice(device, gateway.address, manner).powered() as ordered:
        await ordered.until(lambda it: "downloading" in it.words)
        gateway.order(device)
        await ordered.until_reported(TARGET)

    assert ordered.flashes == {"2.0": 1}
    assert ordered.repeats == 1


@pytest.mark.parametrize("at", [Word.DOWNLOADING, Word.DOWNLOADED, Word.INSTALLING, Word.APPLYING, Word.DONE])
@every_way
async def test_a_power_cut_costs_no_second_flash(
    gateway: Ordering, device: Device, manner: Manner, at: Word
) -> None:
    """In whatever state: the device comes back, and what was written to its end is not written again."""
    cut = replace(manner, behaviour=Behaviour.POWER_CUT, at=at, part=256, away=0.02)
    async with OrderedDevice(device, gateway.address, cut).powered() as ordered:
        await ordered.until_reported(TARGET)

    assert ordered.flashes == {"2.0": 1}
    assert ordered.memory.disturbed == 1
    is_written = at in (Word.APPLYING, Word.DONE)
    assert ordered.boots == (2 if is_written else 3)
    assert len(ordered.orders) == (1 if is_written else 2)


async def test_a_download_goes_on_after_a_power_cut(gateway: Ordering, device: Device) -> None:
    """What had come is in the flash and not asked for again."""
    cut = Manner(behaviour=Behaviour.POWER_CUT, part=1024, away=0.02)
    async with OrderedDevice(device, gateway.address, cut).powered() as ordered:
        await ordered.until_reported(TARGET)

    assert len(gateway.ranges) == len(set(gateway.ranges)) == 10


async def test_a_power_cut_can_come_at_any_time(gateway: Ordering, device: Device) -> None:
    """The test pulls the plug."""
    gateway.times = 0
    async with OrderedDevice(device, gateway.address).powered() as ordered:
        await ordered.until_reported("1.0")
        ordered.cut_power(0.01)
        await ordered.until(lambda it: it.boots == 2)
        await ordered.until(lambda it: len(it.said) == 2)

    assert gateway.listener.connections == 2


@pytest.mark.parametrize("at", [Word.DOWNLOADING, Word.INSTALLING])
async def test_a_sleepy_device_comes_back_and_goes_on(gateway: Ordering, device: Device, at: Word) -> None:
    """It says goodbye, and is the same when it comes again; nothing is told twice."""
    manner = Manner(behaviour=Behaviour.SLEEPY, at=at, part=256, away=0.05)
    async with OrderedDevice(device, gateway.address, manner).powered() as ordered:
        await ordered.until_reported(TARGET)

    assert ordered.flashes == {"2.0": 1}
    assert (ordered.boots, gateway.listener.connections) == (2, 3)
    assert not [each for each in gateway.listener.publishes if each.is_dup]


async def test_a_device_can_sleep_before_its_order_comes(gateway: Ordering, device: Device) -> None:
    """It has said its version, and is away when the order is made."""
    gateway.times = 0
    manner = Manner(behaviour=Behaviour.SLEEPY, at=Word.VERSION, away=0.05)
    async with OrderedDevice(device, gateway.address, manner).powered() as ordered:
        await ordered.until(lambda it: len(it.said) == 1 and not it.is_connected)
        await ordered.until(lambda it: it.is_connected)
        assert ordered.boots == 1
        gateway.order(device)
        await ordered.until_reported(TARGET)


async def test_a_device_can_roll_back(gateway: Ordering, device: Device) -> None:
    """It says done, boots, and reports the version that ran before; the next time it comes up."""
    async with OrderedDevice(
        device, gateway.address, Manner(behaviour=Behaviour.ROLLING_BACK)
    ).powered() as ordered:
        await ordered.until_reported(TARGET)

    assert ordered.flashes == {"2.0": 2}
    done = ordered.words.index("done")
    assert ordered.words[done + 1] == "version 1.0"


async def test_a_device_that_hears_nothing_must_be_told_again(gateway: Ordering, device: Device) -> None:
    """The first order is lost on it."""
    async with OrderedDevice(device, gateway.address, Manner(behaviour=Behaviour.DEAF)).powered() as ordered:
        await ordered.until(lambda it: bool(it.orders))
        await asyncio.sleep(0.05)
        assert ordered.words == ["version 1.0"]
        gateway.order(device)
        await ordered.until_reported(TARGET)

    assert len(ordered.orders) == 2


@pytest.mark.parametrize("behaviour", [Behaviour.AGREEING, Behaviour.REFUSING])
async def test_a_user_answers_what_waits(gateway: Ordering, device: Device, behaviour: Behaviour) -> None:
    """Again and again, until an order comes."""
    gateway.times = 0
    manner = Manner(behaviour=behaviour, away=0.01, times=1000)
    async with OrderedDevice(device, gateway.address, manner).powered() as ordered:
        await ordered.until(lambda _: len(gateway.heard()) >= 4)
        gateway.order(device)
        end = "version 2.0" if behaviour is Behaviour.AGREEING else "rejected"
        await ordered.until(lambda it: it.words[-1] == end)

    assert gateway.heard()[1] == {"type": "confirm", "accept": behaviour is Behaviour.AGREEING}


@pytest.mark.parametrize("device", [TENCENT])
async def test_a_tencent_user_can_only_refuse_an_order(gateway: Ordering, device: Device) -> None:
    """The vendor has no word for an answer; the device fails."""
    manner = replace(QUICK, behaviour=Behaviour.REFUSING)
    async with OrderedDevice(device, gateway.address, manner).powered() as ordered:
        await ordered.until(lambda it: "failed" in it.words)

    assert {each["type"] for each in gateway.heard()} == {"report_version", "report_progress"}


async def test_a_confirmation_can_name_its_version(gateway: Ordering, device: Device) -> None:
    """The test is the user."""
    gateway.times = 0
    async with OrderedDevice(device, gateway.address).powered() as ordered:
        await ordered.until_reported("1.0")
        ordered.confirm(False, "2.0")
        await ordered.until(lambda _: len(gateway.heard()) == 2)

    assert gateway.heard()[1] == {"type": "confirm", "accept": False, "version": "2.0"}


async def test_a_cancel_stops_a_download(gateway: Ordering, device: Device) -> None:
    """The device says what it still runs; a new order begins where the download was."""
    manner = Manner(part=256, part_pause=0.002)
    async with OrderedDevice(device, gateway.address, manner).powered() as ordered:
        await ordered.until(lambda it: "downloading" in it.words)
        gateway.times = 0
        gateway.cancel(device)
        await ordered.until_reported("1.0")
        assert not ordered.flashes
        gateway.order(device)
        await ordered.until_reported(TARGET)

    assert len(ordered.cancels) == 1
    assert len(gateway.ranges) == len(set(gateway.ranges))


async def test_a_cancel_is_too_late_for_a_flash(gateway: Ordering, device: Device) -> None:
    """Who burns is not stopped."""
    async with OrderedDevice(device, gateway.address, Manner(flash_pause=0.05)).powered() as ordered:
        await ordered.until(lambda it: "installing" in it.words)
        gateway.cancel(device)
        await ordered.until_reported(TARGET)


async def test_a_device_is_asked_for_its_version(gateway: Ordering, device: Device) -> None:
    """It says every module's, and how it is."""
    gateway.times = 0
    manner = Manner(battery=80, signal=-97)
    async with OrderedDevice(device, gateway.address, manner, modules={"mcu": "7"}).powered() as ordered:
        await ordered.until(lambda it: len(it.said) == 2)
        gateway.tell(device, {"type": "report_version"})
        await ordered.until(lambda it: len(it.said) == 4)

    assert ordered.asked == 1
    assert gateway.heard()[2:] == [
        {"type": "version", "version": "1.0", "battery": 80, "signal": -97},
        {"type": "version", "version": "7", "module": "mcu", "battery": 80, "signal": -97},
    ]


@every_way
async def test_a_module_is_brought_to_its_version(gateway: Ordering, device: Device, manner: Manner) -> None:
    """Every report of it names it, and the default one stays what it was."""
    gateway.module, gateway.times = "mcu", 0
    async with OrderedDevice(device, gateway.address, manner, modules={"mcu": "7"}).powered() as ordered:
        await ordered.until(lambda it: len(it.said) == 2)
        gateway.order(device)
        await ordered.until(lambda it: it.boots == 2 and "version 2.0" in it.words)

    assert ordered.runs == {"default": "1.0", "mcu": "2.0"}
    assert ordered.flashes == {"mcu 2.0": 1}
    assert {each.module for each in ordered.said if each.word is not Word.VERSION} == {"mcu"}


async def test_what_cannot_be_read_is_kept(gateway: Ordering, device: Device) -> None:
    """For the test to look at."""
    gateway.times = 0
    async with OrderedDevice(device, gateway.address).powered() as ordered:
        await ordered.until_reported("1.0")
        gateway.tell(device, {"type": "dance"})
        gateway.tell(device, gateway.command(device, "2.0") | {"size": "10240"})
        gateway.tell(device, gateway.command(device, "2.0") | {"url": "http://x/".ljust(512, "x")})
        await ordered.until(lambda it: len(it.misunderstood) == 3)

    assert not ordered.orders


async def test_a_fleet_is_counted_together(gateway: Ordering, device: Device) -> None:
    """By device and version."""
    fleet = OrderedFleet([OrderedDevice(device, gateway.address)])
    async with fleet.powered():
        await fleet.until_reported(TARGET)
        await fleet.until(lambda it: it.is_connected)

    assert fleet.flashes == {("P/d", "2.0"): 1}
    assert fleet.running == {"2.0": 1}
    assert fleet.stages == {"version 2.0": 1}


async def test_who_waits_in_vain_is_told_where_it_stands(gateway: Ordering, device: Device) -> None:
    """And which device it is."""
    gateway.times = 0
    async with OrderedDevice(device, gateway.address).powered() as ordered:
        with pytest.raises(TimeoutError, match=r"P/d runs .*1\.0"):
            await ordered.until_reported(TARGET, within_s=0.05)
