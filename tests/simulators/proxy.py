"""A TCP proxy that injures what passes through it, for tests in which a connection suffers and neither of its ends.

It knows no protocol: HTTP, MQTT and TLS suffer alike::

    async with proxied("127.0.0.1", cloud_port) as proxy:
        ...                          # whoever talks to proxy.port talks to the cloud
        proxy.injury = INJURIES["trickling"]
        proxy.cut()                  # what is open breaks off at once, with RST
        proxy.injury = WELL          # what was held back goes on

An injury takes effect at once, on open connections as well; `refuse` and `listen` do it to the port itself.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

PIECE = 65536  # bytes that are passed on at a time
LOOK_S = 0.02  # seconds between two looks at whether a deaf proxy hears again
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Injury:
    """What is done to connections; `back` is the way from the server to who asked."""

    #: New connections are accepted and cut with RST.
    resets: bool = False
    #: Connections are accepted, and nothing passes, either way.
    deaf: bool = False
    #: What the server has received is done; nothing of its answer comes back, and the connection ends.
    loses_answers: bool = False
    #: So many bytes go back on a connection, then RST.
    cuts_after: int | None = None
    #: The connection ends, in order, once an answer has gone back: the next request on it runs into the end.
    closes_after_answer: bool = False
    #: Seconds that each piece waits, each way.
    delay: float = 0.0
    #: Bytes that go back at a time, with `delay` before each.
    crumbs: int = PIECE


WELL = Injury()
INJURIES: Mapping[str, Injury] = MappingProxyType(
    {
        "reset": Injury(resets=True),
        "deaf": Injury(deaf=True),
        "answers lost": Injury(loses_answers=True),
        "cut in the head": Injury(cuts_after=20),
        "cut in the body": Injury(cuts_after=180),
        "closed after each answer": Injury(closes_after_answer=True),
        "trickling": Injury(delay=1.0, crumbs=1),
        "slow": Injury(delay=0.5),
    }
)


class Proxy:
    """Stands on a port of the loopback, in front of a server; poke `injury`."""

    def __init__(self, host: str, port: int) -> None:
        self.injury = WELL
        self.port = 0
        #: Connections accepted so far, and those that are open.
        self.accepted = 0
        self.open = 0
        self._behind = (host, port)
        self._server: asyncio.Server | None = None
        self._busy: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Take connections, after `refuse` on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Let nobody connect, as when the machine behind is up and its service is not."""
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """Break off every open connection."""
        for task in self._busy:
            task.cancel()

    async def close(self) -> None:
        """End everything."""
        await self.refuse()
        await asyncio.gather(*self._busy, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._busy.add(task)
        self.accepted += 1
        self.open += 1
        try:
            await self._pass(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            _reset(writer)
        finally:
            self.open -= 1
            self._busy.discard(task)
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.injury.resets:
            raise ConnectionResetError
        behind_reader, behind_writer = await asyncio.open_connection(*self._behind)
        ways = [
            asyncio.ensure_future(self._there(reader, behind_writer)),
            asyncio.ensure_future(self._back(behind_reader, writer)),
        ]
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in done:
                way.result()
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            behind_writer.close()

    async def _there(self, reader: asyncio.StreamReader, behind: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE):
            await self._hear()
            await asyncio.sleep(self.injury.delay)
            behind.write(piece)
            await behind.drain()

    async def _back(self, behind: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = 0
        while piece := await behind.read(PIECE):
            await self._hear()
            if self.injury.loses_answers:
                raise ConnectionResetError
            gone += await self._give(piece, gone, writer)
            if self.injury.closes_after_answer:
                return

    async def _give(self, piece: bytes, gone: int, writer: asyncio.StreamWriter) -> int:
        left = piece
        while left:
            limit = self.injury.cuts_after
            room = len(left) if limit is None else limit - gone
            if room <= 0:
                raise ConnectionResetError
            crumb = left[: min(self.injury.crumbs, room)]
            await asyncio.sleep(self.injury.delay)
            writer.write(crumb)
            await writer.drain()
            left, gone = left[len(crumb) :], gone + len(crumb)
        return len(piece)

    async def _hear(self) -> None:
        while self.injury.deaf:
            await asyncio.sleep(LOOK_S)


@contextlib.asynccontextmanager
async def proxied(host: str, port: int) -> AsyncIterator[Proxy]:
    """Put a proxy in front of a server."""
    proxy = Proxy(host, port)
    await proxy.listen()
    try:
        yield proxy
    finally:
        await proxy.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    held = writer.get_extra_info("socket")
    if held is not None:
        with contextlib.suppress(OSError):
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
