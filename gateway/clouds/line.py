"""The line to a cloud: what comes over it is bounded before it is taken apart, and names are looked up apart.

Law: the loop is everybody's. What one cloud sends, or fails to resolve to, takes no time from the others.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any

from aiohttp import ClientConnectionError, ClientError, ClientRequest, ClientTimeout, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import AddrInfoType, Connection

MAX_ANSWER = 1536 * 1024  # bytes on the wire: what a body may hold, and half as much for how it is packed
#: Of one read of a socket; the rest waits until the others had their turn.
WINDOW = 65536  # bytes
PIECE = 4096  # bytes that are taken apart at a time
#: Heads that may come before an answer is whole: its own, and a few that only announce it (100, 103).
MAX_HEADS = 8


class OverrunError(ClientError):
    """More came over a line than one answer can be."""


class SpokeUnaskedError(ClientConnectionError):
    """Something came over a line before the request went out."""


class _Handler(ResponseHandler):
    """Takes apart what comes, piece by piece, until it is too much."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._bytes = self._heads = 0

    def begin(self) -> None:
        """Expect one answer."""
        self._bytes = self._heads = 0

    def data_received(self, data: bytes) -> None:
        """Take it apart; aiohttp calls this with nothing to go on with what it has."""
        self._bytes += len(data)
        for start in range(0, len(data) or 1, PIECE):
            if self._bytes > MAX_ANSWER or self._heads > MAX_HEADS:
                self._overrun()
                return
            super().data_received(data[start : start + PIECE])

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Count a head."""
        self._heads += 1
        super().feed_data(data, size)

    def _overrun(self) -> None:
        if self.transport is not None:
            self.set_exception(OverrunError())
            if self._payload is not None:
                self._payload.set_exception(OverrunError())
            self.transport.abort()


class Connector(TCPConnector):
    """Opens and keeps the connections to one cloud; as many as are asked for."""

    def __init__(self) -> None:
        super().__init__(limit=0, resolver=Resolver(), socket_factory=_open_socket)
        # aiohttp has no other place for it.
        self._factory: Callable[[], ResponseHandler] = partial(_Handler, loop=asyncio.get_running_loop())  # type: ignore[assignment]

    async def connect(
        self,
        req: ClientRequest,
        traces: Any,
        timeout: ClientTimeout,  # noqa: ASYNC109 - as aiohttp has it
    ) -> Connection:
        """Return a connection on which nothing has come: what did would pass for the answer to this request."""
        connection = await super().connect(req, traces, timeout)
        handler = connection.protocol
        if handler is None or handler.should_close:
            connection.close()
            raise SpokeUnaskedError
        if isinstance(handler, _Handler):
            handler.begin()
        return connection


class Resolver(AbstractResolver):
    """Looks each name up in a thread of its own: one that hangs keeps no other name waiting, nor the end."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Ask the system; raises OSError."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[Any]] = loop.create_future()

        def tell(settle: Callable[[Any], None], value: object) -> None:
            # Nobody may wait any more, for the answer or at all.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, found, settle, value)

        def look_up() -> None:
            try:
                known = socket.getaddrinfo(
                    host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
                )
            except (OSError, UnicodeError) as error:
                tell(found.set_exception, error if isinstance(error, OSError) else OSError(str(error)))
            else:
                tell(found.set_result, known)

        Thread(target=look_up, name=f"dns {host}", daemon=True).start()
        return [_result(host, *info) for info in await found]

    async def close(self) -> None:
        """Threads that still wait end by themselves."""


def _settle(found: asyncio.Future[list[Any]], settle: Callable[[Any], None], value: object) -> None:
    if not found.done():
        settle(value)


def _result(
    host: str, family: socket.AddressFamily, _: int, protocol: int, __: str, address: tuple[Any, ...]
) -> ResolveResult:
    scope = f"%{address[3]}" if len(address) > 3 and address[3] else ""
    numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(
        hostname=host,
        host=f"{address[0]}{scope}",
        port=address[1],
        family=family,
        proto=protocol,
        flags=numeric,
    )


def _open_socket(info: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = info
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
    return made
