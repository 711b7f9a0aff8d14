"""Stands in front of a simulated cloud and answers in its place, as badly as it is told to; bare sockets, no library.

What is well passes to the cloud and back. An injury is a function that gets the request, and the wire to answer on.
"""

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

from tests.simulators.record import Record

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Exchange:
    """One request, and what may be done with it."""

    def __init__(
        self, request: bytes, writer: asyncio.StreamWriter, behind: tuple[str, int], record: Record
    ) -> None:
        self.request = request
        self._writer = writer
        self._behind = behind
        self._record = record

    async def say(self, *pieces: bytes, pause: float = 0.0) -> None:
        """Send these."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()
            await asyncio.sleep(pause)

    async def lost(self) -> bytes:
        """Let the cloud have the request, and return the answer that nobody will hear: asking again is excused."""
        heard = self._record.order
        answer = await self.cloud_says()
        for call in reversed(self._record.calls):
            if call.order <= heard:
                break
            self._record.lose_reply(call)
        return answer

    async def cloud_says(self) -> bytes:
        """Let the cloud have the request, and return its whole answer."""
        reader, writer = await asyncio.open_connection(*self._behind)
        try:
            writer.write(self.request)
            return await _message(reader)
        finally:
            writer.close()

    def hang_up(self) -> None:
        """Close, as TCP means it."""
        self._writer.close()

    def reset(self) -> None:
        """Break off."""
        held: socket.socket | None = self._writer.get_extra_info("socket")
        if held is not None:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._writer.transport.abort()


Injury = Callable[[Exchange], Awaitable[None]]


class Front:
    """One cloud's front; poke `injury`."""

    def __init__(self, url: str, record: Record) -> None:
        host, _, port = url.rpartition("/")[2].partition(":")
        self._behind = (host, int(port))
        self._record = record
        self.injury: Injury | None = None
        #: Only requests with this in them suffer.
        self.only = b""
        #: When each request came (the loop's time).
        self.asked: list[float] = []
        #: How many were not passed on unharmed.
        self.struck = 0
        self.url = ""
        self._busy: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator["Front"]:
        """Listen on the loopback."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        self.url = "http://{}:{}".format(*server.sockets[0].getsockname())
        try:
            yield self
        finally:
            server.close()
            for task in self._busy:
                task.cancel()
            await asyncio.gather(*self._busy, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._busy.add(task)
        try:
            while not writer.is_closing():
                await self._answer(Exchange(await _message(reader), writer, self._behind, self._record))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._busy.discard(task)
            writer.close()

    async def _answer(self, exchange: Exchange) -> None:
        self.asked.append(asyncio.get_running_loop().time())
        if self.injury is None or self.only not in exchange.request:
            await exchange.say(await exchange.cloud_says())
        else:
            self.struck += 1
            await self.injury(exchange)


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Read a request or an answer, whole."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if length is not None:
        return head + await reader.readexactly(int(length[1]))
    while b"chunked" in head.lower():
        size = await reader.readuntil(b"\r\n")
        head += size + await reader.readexactly(int(size, 16) + 2)
        if size == b"0\r\n":
            break
    return head
