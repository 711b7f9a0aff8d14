"""The line to one peer: a socket that is read in bounded turns, written without waiting, and closed for certain."""

import asyncio
import socket
import ssl
from typing import Protocol, cast

from gateway.devices.broker.brakes import Brake, Brakes
from gateway.devices.broker.departure import Departure
from gateway.devices.broker.errors import Ending
from gateway.devices.broker.limits import Limits

_CLOSE_S = 1.0
"""How long a peer may take to read the rest before its socket is cut."""

_WRITE_SLACK = 65_536
"""Bytes of answers that may wait besides the downlink before the peer is no longer read from."""


class Listening(Protocol):
    """Who is at our end of the line."""

    def hear(self, data: bytes) -> None:
        """Take what the peer sent."""

    def close(self, ending: Ending) -> None:
        """Learn that the peer ended; called again harmlessly."""

    def fail(self, error: OSError) -> None:
        """Learn that the TLS handshake failed."""

    def retire(self) -> None:
        """Learn that the socket is gone."""


class Line(asyncio.BufferedProtocol):
    """A socket, from accept to the end."""

    __slots__ = (
        "_brakes",
        "_buffer",
        "_cut",
        "_departure",
        "_loop",
        "_max_waiting",
        "_opening",
        "_owner",
        "_sock",
        "_transport",
        "is_lost",
        "peer",
    )

    def __init__(
        self, owner: Listening, peer: tuple[str, int], brakes: Brakes, buffer: memoryview, limits: Limits
    ) -> None:
        """All lines may share one buffer: nothing runs between its filling and its emptying."""
        self._owner = owner
        self._brakes = brakes
        self._buffer = buffer
        self._max_waiting = limits.max_downlink_bytes
        self._loop = asyncio.get_running_loop()
        self._opening: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._cut: asyncio.TimerHandle | None = None
        self._sock: socket.socket | None = None
        self._departure: Departure | None = None
        self.peer = peer
        self.is_lost = False

    def open(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Take an accepted socket; the TLS handshake happens before anything is heard."""
        self._sock = sock
        self._opening = self._loop.create_task(self._open(sock, tls), name="mqtt_open")
        self._opening.add_done_callback(self._opened)

    async def _open(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        shutdown_s = _CLOSE_S if tls else None
        try:
            await self._loop.connect_accepted_socket(
                lambda: self, sock, ssl=tls, ssl_shutdown_timeout=shutdown_s
            )
        except OSError as err:
            self._owner.fail(err)

    def _opened(self, _: asyncio.Task[None]) -> None:
        """Learn that the handshake is over, however it ended, or that it was called off before it began."""
        self._opening = None
        if self._transport is None and not self.is_lost:
            if self._sock is not None:
                self._sock.close()
            self.connection_lost(None)

    @property
    def transport(self) -> asyncio.Transport | None:
        """The transport while something can be written to it."""
        transport = self._transport
        return None if transport is None or transport.is_closing() else transport

    def rest(self) -> None:
        """Go on in the next turn of the loop: a flood by one must not starve the others."""
        self._brakes.hold(Brake.TURN)
        self._loop.call_soon(self._brakes.release, Brake.TURN)

    def pause(self, seconds: float) -> None:
        """Go on later: the peer is too fast. One that has left meanwhile is not heard to the end."""
        self._brakes.hold(Brake.RATE)
        if self._departure is None and self._sock is not None:
            self._departure = Departure(self._sock, self._loop.time())
        self._loop.call_later(seconds, self._unpause)

    def _unpause(self) -> None:
        departure = None if self.is_lost else self._departure
        if departure is not None and (ending := departure.ending(self._loop.time())):
            self._owner.close(ending)
        else:
            self._brakes.release(Brake.RATE)

    def write(self, data: bytes) -> None:
        """Write an answer; answers are bounded because a peer that does not read them is not read either."""
        if transport := self.transport:
            transport.write(data)
            if self._departure is not None:
                self._departure.answered_at = self._loop.time()

    def offer(self, head: bytes, payload: bytes) -> bool:
        """Write both, unless too much waits already."""
        transport = self.transport
        if transport is None:
            return False
        size = len(head) + len(payload)
        if self._max_waiting and transport.get_write_buffer_size() + size > self._max_waiting:
            return False
        # In two pieces, so that a payload which waits for many devices is in memory once.
        transport.writelines((head, payload))
        return True

    def close(self) -> None:
        """Write the rest and close; cut the socket when the peer does not read it."""
        if transport := self.transport:
            transport.close()
            self._cut = self._loop.call_later(_CLOSE_S, transport.abort)
        elif self._opening is not None:
            self._opening.cancel()

    def abort(self) -> None:
        """Cut the socket."""
        if self._transport is not None:
            self._transport.abort()

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve asyncio.BufferedProtocol."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=self._max_waiting + _WRITE_SLACK)
        self._brakes.attach(self._transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Serve asyncio.BufferedProtocol."""
        del sizehint
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Serve asyncio.BufferedProtocol."""
        self._owner.hear(bytes(self._buffer[:nbytes]))
        if nbytes == len(self._buffer):
            # More waits in the kernel.
            self.rest()

    def eof_received(self) -> None:
        """Serve asyncio.BufferedProtocol; nothing unheard is left, because reading stops while packets wait."""
        self._owner.close(Ending.CONNECTION_LOST)

    def connection_lost(self, exc: Exception | None) -> None:
        """Serve asyncio.BufferedProtocol."""
        del exc
        self.is_lost = True
        if self._cut is not None:
            self._cut.cancel()
        self._owner.close(Ending.CONNECTION_LOST)
        # uvloop's TLS keeps this line for good, and the transport its TLS: without the collector they would stay.
        self._transport = None
        self._brakes.detach()
        self._owner.retire()

    def pause_writing(self) -> None:
        """Serve asyncio.BufferedProtocol."""
        self._brakes.hold(Brake.WRITING)

    def resume_writing(self) -> None:
        """Serve asyncio.BufferedProtocol."""
        self._brakes.release(Brake.WRITING)
