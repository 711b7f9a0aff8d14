"""How a device that takes orders gets its image, and what it says when it does not."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.simulators.fleet import Device
from tests.simulators.fleet.ordered import Behaviour, Manner, OrderedDevice
from tests.simulators.fleet.saying import Failure, Word
from tests.simulators.fleet.story import FAILURES
from tests.simulators.ordering import IMAGE, TARGET, Ordering, ordering

PLAIN = Device(product="P", name="d", secret="AAAA")
TENCENT = replace(PLAIN, dialect="tencent")
HTTP = Manner(retry_pause=0.001, tries=3, patience=0.2)
CHUNKS = replace(HTTP, fetch="chunks", part=512)


@pytest.fixture
def device() -> Device:
    """Who is ordered; a test may ask for another one."""
    return PLAIN


@pytest.fixture
async def gateway(device: Device) -> AsyncIterator[Ordering]:
    """Who orders."""
    async with ordering(device) as made:
        yield made


async def failure_of(gateway: Ordering, device: Device, manner: Manner) -> Failure:
    """Return what the device gave up for; the gateway does not order again."""
    gateway.times = 1
    async with OrderedDevice(device, gateway.address, manner).powered() as ordered:
        await ordered.until(lambda it: "failed" in it.words)
    assert not ordered.flashes
    [failure] = [each.failure for each in ordered.said if each.failure is not None]
    return failure


@pytest.mark.parametrize(
    ("statuses", "reason"),
    [([403], "URL_EXPIRED"), ([404], "PACKAGE_NOT_FOUND"), ([503, 503, 503], "DOWNLOAD_TIMEOUT")],
)
@pytest.mark.parametrize("device", [PLAIN, TENCENT], ids=["plain", "tencent"])
async def test_a_refused_download_has_its_reason(
    gateway: Ordering, device: Device, statuses: list[int], reason: str
) -> None:
    """What is not there or not allowed is no use to try again; a busy server is, up to a point."""
    gateway.statuses = list(statuses)

    assert (await failure_of(gateway, device, HTTP)).reason == reason


async def test_a_busy_server_is_asked_again(gateway: Ordering, device: Device) -> None:
    """As often as the manner says."""
    gateway.statuses = [503, 500]
    async with OrderedDevice(device, gateway.address, HTTP).powered() as ordered:
        await ordered.until_reported(TARGET)

    assert "failed" not in ordered.words


async def test_a_server_that_breaks_off_is_asked_for_the_rest(gateway: Ordering, device: Device) -> None:
    """More often than it has tries, because it gets further every time."""
    gateway.breaks = 5
    async with OrderedDevice(device, gateway.address, replace(HTTP, part=1024)).powered() as ordered:
        await ordered.until_reported(TARGET)

    assert ordered.flashes == {"2.0": 1}


async def test_a_server_without_ranges_is_read_from_the_beginning(gateway: Ordering, device: Device) -> None:
    """Whatever was asked for."""
    gateway.knows_no_range = True
    async with OrderedDevice(device, gateway.address, HTTP).powered() as ordered:
        await ordered.until_reported(TARGET)

    assert len(gateway.ranges) == 1


async def test_a_server_that_is_not_there_ends_the_download(gateway: Ordering, device: Device) -> None:
    """After all tries."""
    gateway.url = "http://127.0.0.1:1"

    assert (await failure_of(gateway, device, HTTP)).reason == "DOWNLOAD_TIMEOUT"


@pytest.mark.parametrize("manner", [HTTP, CHUNKS], ids=["http", "chunks"])
async def test_a_wrong_image_is_never_flashed(gateway: Ordering, device: Device, manner: Manner) -> None:
    """One byte is enough; the next order begins with the first byte."""
    gateway.image = IMAGE[:-1] + b"!"

    assert (await failure_of(gateway, device, manner)).reason == "INTEGRITY_CHECK_FAILED"


@pytest.mark.parametrize("status", [1, 3])
async def test_a_chunk_that_cannot_be_ends_the_download(
    gateway: Ordering, device: Device, status: int
) -> None:
    """A bad request and an offset out of range are mistakes that asking again does not mend."""
    gateway.chunk_statuses = [status]

    assert (await failure_of(gateway, device, CHUNKS)).reason == "INTEGRITY_CHECK_FAILED"


async def test_a_chunk_is_asked_for_until_it_comes(gateway: Ordering, device: Device) -> None:
    """An image that is still being fetched, a busy gateway, an answer that was lost."""
    gateway.chunk_statuses = [4, 5, 0, 0, None, 5]
    async with OrderedDevice(device, gateway.address, CHUNKS).powered() as ordered:
        await ordered.until_reported(TARGET)

    assert ordered.flashes == {"2.0": 1}


async def test_a_gateway_that_is_never_ready_ends_the_download(gateway: Ordering, device: Device) -> None:
    """After all tries."""
    gateway.chunk_statuses = [4] * 3

    assert (await failure_of(gateway, device, CHUNKS)).reason == "DOWNLOAD_TIMEOUT"


@pytest.mark.parametrize("status", [2, 6])
async def test_an_order_that_is_gone_is_left(gateway: Ordering, device: Device, status: int) -> None:
    """Nothing is said of it; a new one is taken."""
    gateway.chunk_statuses = [0, status]
    async with OrderedDevice(device, gateway.address, CHUNKS).powered() as ordered:
        await ordered.until(lambda _: not gateway.chunk_statuses)
        gateway.order(device)
        await ordered.until_reported(TARGET)

    assert "failed" not in ordered.words


async def test_what_is_no_chunk_is_ignored(gateway: Ordering, device: Device) -> None:
    """Too short, of another order, damaged: the device waits for its own."""
    gateway.chunk_statuses = [None]
    slow = replace(CHUNKS, patience=0.05)
    async with OrderedDevice(device, gateway.address, slow).powered() as ordered:
        await ordered.until(lambda _: not gateway.chunk_statuses)
        for packet in (b"OC", b"OC" + bytes(18), b"XX" + bytes(40)):
            gateway.listener.tell("ota/P/d/chunk", packet)
        await ordered.until_reported(TARGET)

    assert ordered.flashes == {"2.0": 1}


@pytest.mark.parametrize("device", [PLAIN, TENCENT], ids=["plain", "tencent"])
async def test_a_failing_device_says_why(gateway: Ordering, device: Device) -> None:
    """In the state of the test's choice, with the failure of its choice; then it obeys."""
    failure = FAILURES[device.dialect][-1]
    manner = Manner(behaviour=Behaviour.FAILING, at=Word.INSTALLING, failure=failure)
    async with OrderedDevice(device, gateway.address, manner).powered() as ordered:
        await ordered.until(lambda it: "failed" in it.words)
        if device.dialect == "plain":
            gateway.order(device)  # a Tencent device reports its version, and is ordered for that
        await ordered.until_reported(TARGET)

    assert [each.failure for each in ordered.said if each.failure] == [failure]
    assert ordered.flashes == {"2.0": 1}


@pytest.mark.parametrize("manner", [HTTP, CHUNKS], ids=["http", "chunks"])
async def test_a_lost_connection_does_not_stop_a_download(
    gateway: Ordering, device: Device, manner: Manner
) -> None:
    """The device comes back and says what was not acknowledged; it does not begin anew."""
    slow = replace(manner, part=256, part_pause=0.005, patience=0.05, tries=100)
    async with OrderedDevice(device, gateway.address, slow).powered() as ordered:
        await ordered.until(lambda it: "downloading" in it.words)
        gateway.listener.drop()
        await ordered.until_reported(TARGET)

    assert (ordered.boots, len(ordered.orders)) == (2, 1)
    assert ordered.flashes == {"2.0": 1}


async def test_nothing_is_lost_while_nobody_acknowledges(gateway: Ordering, device: Device) -> None:
    """A device boots only when its last word is acknowledged."""
    async with OrderedDevice(device, gateway.address, replace(HTTP, flash_pause=0.1)).powered() as ordered:
        await ordered.until(lambda it: "installing" in it.words)
        gateway.listener.is_mute = True
        await ordered.until(lambda it: bool(it.flashes))
        assert ordered.boots == 1
        gateway.listener.is_mute = False
        gateway.listener.drop()
        await ordered.until_reported(TARGET)

    assert "done" in ordered.words
