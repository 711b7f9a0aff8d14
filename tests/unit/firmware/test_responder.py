"""Who gets which chunk."""

import asyncio
from types import TracebackType
from typing import Self

import pytest

from gateway.firmware.chunks import Request, Status, read_chunk, write_request
from gateway.firmware.responder import MAX_PER_DEVICE, ChunkResponder
from gateway.model.firmware import Firmware, Image, Md5, Sha256
from gateway.model.identity import DeviceId
from gateway.ports.firmware import (
    ImageGoneError,
    ImageSource,
    NotNowError,
    OpenImage,
    Progress,
    Served,
    Trouble,
)

DEVICE = DeviceId("P", "d1")
CONTENT = bytes(range(256)) * 4
DIGEST = Sha256("a" * 64)
LOST = Sha256("b" * 64)
LATER = Sha256("c" * 64)


class Opened:
    """An image in memory; reading waits for `gate` where one is set."""

    image = Image(sha256=DIGEST, md5=Md5("a" * 32), size=len(CONTENT))

    def __init__(self, house: "Memory") -> None:
        self.house = house
        house.open_now += 1

    def fileno(self) -> int:
        """There is none."""
        return -1

    async def read(self, offset: int, length: int) -> bytes:
        """Return a slice."""
        await self.house.gate.wait()
        return CONTENT[offset : offset + length]

    def close(self) -> None:
        """Let go."""
        self.house.open_now -= 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Memory:
    """`Firmwares` with one image."""

    def __init__(self) -> None:
        self.open_now = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def obtain(self, firmware: Firmware, source: ImageSource, *, key: str) -> Image:
        """Nothing is fetched here."""
        raise NotImplementedError

    async def open(self, sha256: Sha256) -> OpenImage:
        """Open the one, or fail as a cache does."""
        if sha256 == LOST:
            raise ImageGoneError(Trouble.GONE, sha256)
        if sha256 == LATER:
            raise NotNowError(Trouble.DISK_FAILED, "too many open files")
        return Opened(self)

    def find(self, sha256: Sha256) -> Image | None:
        """Know nothing."""
        return None

    def pin(self, sha256: Sha256, key: str) -> bool:
        """Keep nothing."""
        return False

    def keep(self, firmware: Firmware, key: str) -> bool:
        """Keep nothing."""
        return False

    def unpin(self, key: str) -> None:
        """Nothing was kept."""

    def progress(self, key: str) -> Progress | None:
        """Nothing comes."""
        return None


class Site:
    """A responder with what it needs."""

    def __init__(self, *, at_once: int = 8) -> None:
        self.memory = Memory()
        self.served: list[Served] = []
        self.responder = ChunkResponder(
            self.memory, self.order, report=self.served.append, max_chunk=256, max_at_once=at_once
        )

    def order(self, device: DeviceId, id: str) -> Sha256 | Status:  # noqa: A002 - the field's name
        """Only one device has orders."""
        orders: dict[str, Sha256 | Status] = {
            "u1": DIGEST,
            "lost": LOST,
            "later": LATER,
            "soon": Status.NOT_READY,
        }
        return orders.get(id, Status.UNKNOWN_ID) if device == DEVICE else Status.UNKNOWN_ID

    async def status(self, id: str, offset: int = 0, device: DeviceId = DEVICE) -> Status:  # noqa: A002
        """Ask and return how it went."""
        return read_chunk(await self.responder.answer(device, write_request(Request(id, offset)))).status


@pytest.fixture
async def site() -> Site:
    """A site with one device."""
    return Site()


async def test_an_image_comes_whole_in_chunks(site: Site) -> None:
    """The device goes on where the last chunk ended, until it has the total."""
    got = bytearray()
    while True:
        packet = await site.responder.answer(DEVICE, write_request(Request("u1", len(got), 300)))
        chunk = read_chunk(packet)
        got += chunk.data
        if len(got) == chunk.total:
            break
    assert bytes(got) == CONTENT
    assert [served.percent for served in site.served] == [25, 50, 75, 100]
    assert site.responder.bytes_sent == len(CONTENT)
    assert site.memory.open_now == 0


async def test_every_refusal_has_its_word(site: Site) -> None:
    """A device always learns what to do next."""
    assert await site.status("u1", len(CONTENT)) is Status.OUT_OF_RANGE
    assert await site.status("u2") is Status.UNKNOWN_ID
    assert await site.status("lost") is Status.GONE
    assert await site.status("later") is Status.BUSY
    assert await site.status("soon") is Status.NOT_READY
    assert await site.status("u1", device=DeviceId("P", "d2")) is Status.UNKNOWN_ID
    assert read_chunk(await site.responder.answer(DEVICE, b"?")).status is Status.BAD_REQUEST


async def test_one_device_cannot_take_all(site: Site) -> None:
    """Beyond its window a device is told to wait; others are not."""
    site.memory.gate.clear()
    window = [asyncio.create_task(site.status("u1")) for _ in range(MAX_PER_DEVICE)]
    await asyncio.sleep(0)
    assert await site.status("u1") is Status.BUSY
    assert await site.status("u2", device=DeviceId("P", "d2")) is Status.UNKNOWN_ID
    site.memory.gate.set()
    assert await asyncio.gather(*window) == [Status.OK] * MAX_PER_DEVICE
    assert await site.status("u1") is Status.OK


async def test_the_site_has_a_limit() -> None:
    """What is too much for the box is busy at once, and nothing is held for it."""
    site = Site(at_once=1)
    site.memory.gate.clear()
    first = asyncio.create_task(site.status("u1"))
    await asyncio.sleep(0)
    assert await site.status("u1") is Status.BUSY
    assert site.memory.open_now == 1
    site.memory.gate.set()
    assert await first is Status.OK
