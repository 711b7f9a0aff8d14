"""An image as a cloud holds it and as it goes out: in pieces, so that a gigabyte needs no memory."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from aiohttp import web

from tests.simulators.record import Download

PIECE = 65536  # bytes sent at once
BLOCK = 4096  # bytes of a grown image that are made at once


class Content(Protocol):
    """Bytes of a known length."""

    @property
    def length(self) -> int:
        """How many there are."""
        ...

    def read(self, start: int, end: int) -> bytes:
        """Return those from ``start`` to before ``end``."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes in memory."""

    data: bytes

    @property
    def length(self) -> int:
        """How many there are."""
        return len(self.data)

    def read(self, start: int, end: int) -> bytes:
        """Return a slice."""
        return self.data[start:end]


@dataclass(frozen=True, slots=True)
class Grown:
    """Bytes made when they are asked for; no block is like another, so that a misplaced one shows."""

    length: int
    seed: str

    def read(self, start: int, end: int) -> bytes:
        """Make the blocks in question."""
        first, last = start // BLOCK, -(-min(end, self.length) // BLOCK)
        made = b"".join(self._block(number) for number in range(first, last))
        return made[start - first * BLOCK : min(end, self.length) - first * BLOCK]

    def _block(self, number: int) -> bytes:
        return hashlib.blake2b(f"{self.seed}/{number}".encode()).digest() * (BLOCK // 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Firmware:
    """An image with the figures that the cloud publishes about it; ``replace`` makes them lies."""

    content: Content
    size: int  # bytes
    md5: str  # of the whole file, lower-case hexadecimal; empty: not published
    kind: str = "mcu"

    @classmethod
    def of(cls, image: bytes, *, kind: str = "mcu") -> "Firmware":
        """Measure an image."""
        return cls(content=Held(image), size=len(image), md5=hashlib.md5(image).hexdigest(), kind=kind)

    @classmethod
    def grown(cls, size: int, seed: str, *, kind: str = "mcu") -> "Firmware":
        """Return an image of any size that is nowhere held; another seed is another image."""
        content = Grown(size, seed)
        return cls(content=content, size=size, md5=_md5_of(content), kind=kind)

    @property
    def length(self) -> int:
        """The true length in bytes."""
        return self.content.length

    @property
    def image(self) -> bytes:
        """The whole image, held in memory by whoever asks."""
        return self.content.read(0, self.length)

    def pieces(self) -> Iterator[bytes]:
        """Yield the image in order."""
        return _pieces(self.content)


@dataclass(slots=True, kw_only=True)
class Part:
    """What one request gets of an image, both ends included; faults spoil it before it is sent."""

    content: Content
    first: int
    last: int
    tally: Download
    flaw_at: int | None = None  # this byte goes out as another one
    stop_at: int | None = None  # the connection ends before this byte
    piece: int = PIECE
    wait: Callable[[], Awaitable[None]] | None = None  # before every piece
    hang_up: Callable[[], None] = field(default=lambda: None)

    @property
    def middle(self) -> int:
        """A byte well inside."""
        return (self.first + self.last + 1) // 2

    def __len__(self) -> int:
        return self.last + 1 - self.first

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the bytes and keep the tally."""
        self.tally.requests += 1
        self.tally.begun += self.first == 0
        end = self.last + 1 if self.stop_at is None else self.stop_at
        for start in range(self.first, end, self.piece):
            if self.wait is not None:
                await self.wait()
            piece = self._read(start, min(start + self.piece, end))
            yield piece
            self.tally.sent += len(piece)
        if self.stop_at is not None:
            self.hang_up()
            raise ConnectionResetError("broken off on purpose")
        self.tally.ended += 1

    def _read(self, start: int, end: int) -> bytes:
        piece = self.content.read(start, end)
        if self.flaw_at is None or not start <= self.flaw_at < end:
            return piece
        at = self.flaw_at - start
        return piece[:at] + bytes([piece[at] ^ 0xFF]) + piece[at + 1 :]


PART = web.RequestKey("part", Part)


def image_response(
    request: web.Request, part: Part, *, headers: Mapping[str, str], status: int = 200
) -> web.Response:
    """Return a response that sends the part, where the faults can still find it."""
    request[PART] = part
    return web.Response(status=status, headers={**headers, "Content-Length": str(len(part))}, body=part)


@lru_cache(maxsize=64)
def _md5_of(content: Grown) -> str:
    digest = hashlib.md5()
    for piece in _pieces(content):
        digest.update(piece)
    return digest.hexdigest()


def _pieces(content: Content) -> Iterator[bytes]:
    return (content.read(start, start + PIECE) for start in range(0, content.length, PIECE))


# OneNET, sample of "detect upgrade task": its md5 ad2f4e4ea2a27eace7e4913139f8f01a is that of these 22 bytes.
SAMPLE = Firmware.of(b"1" * 14 + b"2" * 8)
