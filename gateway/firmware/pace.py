"""Reading from a source that may be slow, but not too slow."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import aiohttp

from gateway.errors import CloudError, Rejected, Unavailable
from gateway.firmware.guard import ForbiddenAddressError
from gateway.ports.firmware import Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How slow a source may be."""

    connect: timedelta = timedelta(seconds=10)
    #: From the request to the last of the headers.
    answer: timedelta = timedelta(seconds=30)
    #: Between two reads.
    silence: timedelta = timedelta(seconds=30)
    #: Less than `bytes_per_second` over `window` is too slow.
    bytes_per_second: int = 512
    window: timedelta = timedelta(seconds=60)


class Stream:
    """A body; only the time that is spent waiting for the source counts."""

    def __init__(self, content: aiohttp.StreamReader, pace: Pace) -> None:
        self._content = content
        self._pace = pace
        self._window = pace.window.total_seconds()
        self._waited = 0.0
        self._came = 0

    async def read(self) -> bytes:
        """Return what there is, b"" at the end; raises Unavailable."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            chunk = await self._content.readany()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise trouble_on_the_line(error) from error
        self._waited += loop.time() - begun
        self._came += len(chunk)
        if self._waited >= self._window:
            if self._came < self._pace.bytes_per_second * self._window:
                raise Unavailable(f"{self._came} bytes came in {self._waited:.0f} s", code="too_slow")
            self._waited, self._came = 0.0, 0
        return chunk

    async def after(self, head: bytes) -> AsyncIterator[bytes]:
        """Yield what was read already, then the rest."""
        if head:
            yield head
        while chunk := await self.read():
            yield chunk


def trouble_on_the_line(error: Exception) -> CloudError:
    """Translate what the HTTP client raised."""
    cause = getattr(error, "os_error", error)
    if isinstance(cause, ForbiddenAddressError):
        return Rejected(Trouble.URL_FORBIDDEN, str(cause))
    if isinstance(error, aiohttp.InvalidURL):
        return Rejected(Trouble.URL_FORBIDDEN, "the URL cannot be followed")
    if isinstance(error, TimeoutError):
        return Unavailable("the source does not answer in time", code="timeout")
    # Not the text: it may hold the URL, and a URL a signature.
    why = getattr(error, "strerror", None) or type(error).__name__
    return Unavailable(f"the connection to the source failed: {why}", code="disconnected")
