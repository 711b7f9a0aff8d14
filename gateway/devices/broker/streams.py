"""What amqtt sees of a connection: a reader that gives it whole checked packets, a writer that never blocks."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from amqtt.adapters import ReaderAdapter, WriterAdapter

if TYPE_CHECKING:
    # The connection needs what stands here.
    from gateway.devices.broker.front import Connection


class AmqttReader(ReaderAdapter):
    """One packet at a time: the next is asked for when amqtt has read the last."""

    __slots__ = ("_at", "_is_ended", "_is_open", "_on_empty", "_packet", "_waiter")

    def __init__(self, on_empty: Callable[[], None]) -> None:
        """`on_empty` leads to `put`, but not before the event loop has had its turn."""
        self._on_empty = on_empty
        self._packet = b""
        self._at = 0
        self._waiter: asyncio.Future[None] | None = None
        self._is_open = False
        self._is_ended = False

    @property
    def is_empty(self) -> bool:
        """Whether amqtt has read the last packet."""
        return self._at >= len(self._packet)

    def open(self) -> None:
        """Let amqtt read. Before, it would miss an end of the stream, and keep the session for ever."""
        self._is_open = True
        self._wake()

    def put(self, packet: bytes) -> None:
        """Give the next packet."""
        self._packet, self._at = packet, 0
        self._wake()

    def end(self) -> None:
        """Say that no packet follows the ones given."""
        self._is_ended = True
        self._wake()

    def feed_eof(self) -> None:
        """Serve ReaderAdapter."""
        self.end()

    async def read(self, n: int = -1) -> bytes:
        """Return exactly n bytes, of one packet; raise IncompleteReadError at the end of the stream."""
        if n <= 0:
            return b""
        while self.is_empty or not self._is_open:
            if self._is_ended and self._is_open:
                raise asyncio.IncompleteReadError(b"", n)
            await self._wait()
        start, self._at = self._at, self._at + n
        if self._at > len(self._packet):
            raise asyncio.IncompleteReadError(self._packet[start:], n)
        return self._packet[start : self._at]

    async def _wait(self) -> None:
        self._packet, self._at = (b"", 0) if self._at else (self._packet, 0)
        self._waiter = asyncio.get_running_loop().create_future()
        if self._is_open:
            self._on_empty()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class AmqttWriter(WriterAdapter):
    """amqtt's small answers: CONNACK, SUBACK, UNSUBACK, PINGRESP."""

    __slots__ = ("connection",)

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def write(self, data: bytes) -> None:
        """Write what amqtt says."""
        self.connection.write(data)

    async def drain(self) -> None:
        """Return at once: a peer that does not read is no longer read from, so what waits is bounded."""

    def get_peer_info(self) -> tuple[str, int]:
        """Return address and port of the device."""
        return self.connection.peer

    def get_ssl_info(self) -> ssl.SSLObject | None:
        """Return nothing: the certificate was judged at the login, and must not be judged again later."""
        return None

    async def close(self) -> None:
        """Close without waiting for the peer."""
        self.connection.close_by_broker()
