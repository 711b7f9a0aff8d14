"""One connection: takes PUBLISH for itself and leaves the rest to amqtt, in the order of the bytes.

Its law: a PUBACK follows the commit; what is not acknowledged may be lost, what is cannot.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

import structlog

from gateway.devices.broker.brakes import Brake, Brakes
from gateway.devices.broker.errors import Ending, PacketError
from gateway.devices.broker.framing import Control, Framer
from gateway.devices.broker.intake import Intake
from gateway.devices.broker.login import login_of
from gateway.devices.broker.packets import (
    CONNECT,
    DISCONNECT,
    NOT_AUTHORIZED,
    PUBACK,
    Connect,
    connack,
    publish,
    read_connect,
)
from gateway.devices.broker.streams import Inbox
from gateway.devices.broker.visit import Visit

if TYPE_CHECKING:
    import socket
    import ssl

    from gateway.devices.broker.site import Site
    from gateway.model.identity import DeviceId

_CLOSE_S = 1.0
"""How long a peer may take to read the rest before its socket is cut."""

_WRITE_SLACK = 65_536
"""Bytes of answers that may wait besides the downlink before the peer is no longer read from."""

_log = structlog.get_logger()


class _Phase(Enum):
    GREETING = auto()
    LOGIN = auto()
    SESSION = auto()
    CLOSED = auto()


class Connection(asyncio.BufferedProtocol):
    """A socket, from accept to the end."""

    __slots__ = (
        "_brakes",
        "_ending",
        "_framer",
        "_heard_at",
        "_intake",
        "_is_lost",
        "_keep_alive_s",
        "_loop",
        "_opening",
        "_phase",
        "_site",
        "_task",
        "_timer",
        "_transport",
        "_visit",
        "inbox",
        "peer",
    )

    def __init__(self, site: Site, peer: tuple[str, int]) -> None:
        self._site = site
        self.peer = peer
        self._loop = asyncio.get_running_loop()
        self._phase = _Phase.GREETING
        self._framer = Framer(site.limits)
        self._brakes = Brakes(self._advance)
        self.inbox = Inbox(self._control_done)
        self._transport: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._visit: Visit | None = None
        self._intake: Intake | None = None
        self._ending = Ending.CONNECTION_LOST
        self._heard_at = self._keep_alive_s = 0.0
        self._is_lost = False
        timeout_s = site.limits.connect_timeout.total_seconds()
        self._timer = self._loop.call_later(timeout_s, self.close, Ending.CONNECT_TIMEOUT)

    def open(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Take an accepted socket; the TLS handshake happens before anything else is possible."""
        self._opening = self._loop.create_task(self._open(sock, tls), name="mqtt_open")

    async def _open(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        shutdown_s = _CLOSE_S if tls else None
        try:
            await self._loop.connect_accepted_socket(
                lambda: self, sock, ssl=tls, ssl_shutdown_timeout=shutdown_s
            )
        except OSError as err:
            _log.debug("tls_handshake_failed", address=self.peer[0], error=str(err))
            self.close(Ending.TLS_HANDSHAKE)
        finally:
            self._opening = None
            if self._transport is None:
                sock.close()
                self.connection_lost(None)

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve asyncio.BufferedProtocol."""
        self._transport = cast("asyncio.Transport", transport)
        if self._phase is _Phase.CLOSED:
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(high=self._site.limits.max_downlink_bytes + _WRITE_SLACK)
        self._brakes.attach(self._transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Serve asyncio.BufferedProtocol."""
        del sizehint
        return self._site.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Serve asyncio.BufferedProtocol."""
        buffer = self._site.buffer
        self._framer.feed(bytes(buffer[:nbytes]))
        if not self._brakes.held:
            self._advance()
        if nbytes == len(buffer):
            # More waits in the kernel; a flood by one must not starve the others.
            self._brakes.hold(Brake.TURN)
            self._loop.call_soon(self._brakes.release, Brake.TURN)

    def eof_received(self) -> None:
        """Serve asyncio.BufferedProtocol; no packet is left then, because reading stops while packets wait."""
        self.close(Ending.CONNECTION_LOST)

    def connection_lost(self, exc: Exception | None) -> None:
        """Serve asyncio.BufferedProtocol."""
        del exc
        self._is_lost = True
        self.close(Ending.CONNECTION_LOST)
        self._timer.cancel()
        self._retire()

    def pause_writing(self) -> None:
        """Serve asyncio.BufferedProtocol."""
        self._brakes.hold(Brake.WRITING)

    def resume_writing(self) -> None:
        """Serve asyncio.BufferedProtocol."""
        self._brakes.release(Brake.WRITING)

    # What the device says

    def _advance(self) -> None:
        now, intake, held = self._loop.time(), self._intake, self._brakes.held
        try:
            while not held and (packet := self._framer.next()) is not None:
                self._heard_at = now
                if isinstance(packet, Control):
                    self._take_control(packet)
                elif intake is not None:
                    intake.take(packet)
        except PacketError as error:
            self._refuse(error)

    def _take_control(self, packet: Control) -> None:
        if packet.kind == PUBACK:
            # Nothing of ours asks for one.
            return
        if packet.kind == CONNECT:
            self._brakes.hold(Brake.LOGIN)
            connect = read_connect(packet.raw[packet.body_at :], self._site.limits.max_client_id_bytes)
            self._phase = _Phase.LOGIN
            self._task = self._loop.create_task(self._serve(connect), name="mqtt_serve")
            return
        if packet.kind == DISCONNECT:
            self._ending = Ending.DISCONNECT
            self._brakes.hold(Brake.CLOSING)
        else:
            self._brakes.hold(Brake.CONTROL)
        self.inbox.put(packet.raw)

    def _control_done(self) -> None:
        # Later, so that one connection's control packets cost one turn of the loop each.
        self._loop.call_soon(self._brakes.release, Brake.CONTROL)

    def _refuse(self, error: PacketError) -> None:
        _log.info("packet_refused", address=self.peer[0], reason=error.ending, detail=error.detail)
        if error.return_code is not None:
            self.write(connack(error.return_code))
        self.close(error.ending)

    # The session

    @property
    def visit(self) -> Visit:
        """The stay of the device; there is one from the end of the login."""
        if self._visit is None:
            raise RuntimeError("nobody has logged in on this connection")
        return self._visit

    async def _serve(self, connect: Connect) -> None:
        try:
            device = await self._log_in(connect)
            if device is None:
                return
            await self._site.registry.enter(device, self)
            try:
                await self._stay(device, connect)
            finally:
                self._site.registry.leave(device)
        except Exception:  # noqa: BLE001 - a fault in serving one connection must not reach the others
            _log.exception("connection_failed", address=self.peer[0])
        finally:
            self.close(Ending.BROKER)
            self._task = None
            self._retire()

    async def _log_in(self, connect: Connect) -> DeviceId | None:
        transport = cast("asyncio.Transport", self._transport)
        device = await self._site.access.authenticate(login_of(connect, transport, self.peer[0]))
        if device is None:
            _log.info("login_refused", address=self.peer[0], client_id=connect.client_id)
            self.write(connack(NOT_AUTHORIZED))
            self.close(Ending.REFUSED)
        return device

    async def _stay(self, device: DeviceId, connect: Connect) -> None:
        site, loop = self._site, self._loop
        self._keep_alive_s = site.limits.keep_alive_s(connect.keep_alive_s)
        self._intake = Intake(
            device, site, self._brakes, loop, write=self.write, on_refused=self._not_committed
        )
        self._visit = visit = Visit(device, connect, self.peer[0], site, loop.time())
        self._phase = _Phase.SESSION
        try:
            await site.serve(self)
        finally:
            self.close(Ending.BROKER)
            visit.end(self._ending, loop.time())

    def begin(self) -> None:
        """Take publishes: amqtt has answered the CONNECT and waits for the end of the stream."""
        self.inbox.open()
        if self._phase is _Phase.SESSION:
            self._timer.cancel()
            self._heard_at = self._loop.time()
            self._check_alive()
            self.visit.begin()
            self._brakes.release(Brake.LOGIN)

    def send(self, topic: str, payload: bytes) -> bool:
        """Publish to the device, if it is there, wants it and reads fast enough."""
        transport = self._transport
        if transport is None or self._phase is not _Phase.SESSION or not self.visit.subscriptions.want(topic):
            return False
        packet = publish(topic, payload)
        bound = self._site.limits.max_downlink_bytes
        if bound and transport.get_write_buffer_size() + len(packet) > bound:
            return False
        transport.write(packet)
        return True

    def write(self, data: bytes) -> None:
        """Write an answer."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _check_alive(self) -> None:
        """[MQTT-3.1.2-24] end the connection after one and a half times the keep-alive without a packet."""
        limit_s = self._keep_alive_s * 1.5
        if not limit_s:
            return
        held = self._brakes.held
        # A device is not to blame for what we do not read, but it is for what it does not read.
        silent_s = 0 if held and Brake.WRITING not in held else self._loop.time() - self._heard_at
        if silent_s >= limit_s:
            self.close(Ending.KEEP_ALIVE)
        else:
            self._timer = self._loop.call_later(limit_s - silent_s, self._check_alive)

    # The end

    def _not_committed(self) -> None:
        self.close(Ending.NOT_COMMITTED)

    def close_by_broker(self) -> None:
        """Close because amqtt wants it: after a DISCONNECT, or for a reason of its own."""
        self.close(Ending.DISCONNECT if self._ending is Ending.DISCONNECT else Ending.BROKER)

    def close(self, ending: Ending) -> None:
        """End the connection without waiting for the peer; the first reason given is the one that counts."""
        if self._phase is _Phase.CLOSED:
            return
        phase, self._phase = self._phase, _Phase.CLOSED
        if self._ending is not Ending.DISCONNECT:
            self._ending = ending
        self._site.tally.count(self._ending)
        self._timer.cancel()
        self._brakes.hold(Brake.CLOSING)
        if self._intake is not None:
            self._intake.end()
        if self._transport is not None and not self._is_lost:
            self._transport.close()
            self._timer = self._loop.call_later(_CLOSE_S, self._transport.abort)
        if phase is _Phase.SESSION:
            self.inbox.end()
        elif task := self._task or self._opening:
            task.cancel()

    async def served(self) -> None:
        """Wait until the session is over; the socket may still be closing."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def abort(self) -> None:
        """Cut the socket."""
        if self._transport is not None:
            self._transport.abort()

    def stop_taking(self) -> None:
        """Take no more publishes; what is taken is still acknowledged. A stranger is sent away."""
        self._brakes.hold(Brake.CLOSING)
        if self._phase in (_Phase.GREETING, _Phase.LOGIN):
            self.close(Ending.SHUTDOWN)

    def _retire(self) -> None:
        if self._is_lost and self._task is None:
            self._site.crowd.remove(self)
