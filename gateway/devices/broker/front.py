"""One connection: takes PUBLISH for itself and leaves the rest to amqtt, in the order of the bytes.

Its law: a PUBACK follows the commit; what is not acknowledged may be lost, what is cannot.
"""

import asyncio
import socket
import ssl
from enum import Enum, auto

import structlog

from gateway.devices.broker.brakes import Brake, Brakes
from gateway.devices.broker.breach import note_breach
from gateway.devices.broker.errors import Ending, PacketError
from gateway.devices.broker.framing import Control, Framer
from gateway.devices.broker.intake import Intake
from gateway.devices.broker.line import Line
from gateway.devices.broker.login import fingerprint_of, login_of, note_refused
from gateway.devices.broker.packets import (
    CONNECT,
    DISCONNECT,
    NOT_AUTHORIZED,
    PUBACK,
    Connect,
    connack,
    publish_head,
    read_connect,
)
from gateway.devices.broker.premises import Premises
from gateway.devices.broker.pulse import Pulse
from gateway.devices.broker.streams import AmqttReader
from gateway.devices.broker.visit import Visit
from gateway.model.identity import DeviceId

_PACKETS_A_TURN = 128
"""What one connection may be heard in one turn of the loop: the smallest packets have two bytes."""

log = structlog.get_logger()


class _Phase(Enum):
    GREETING = auto()
    LOGIN = auto()
    SESSION = auto()
    CLOSED = auto()


class Connection:
    """A peer, from accept to the end."""

    __slots__ = (
        "_brakes",
        "_ending",
        "_framer",
        "_intake",
        "_line",
        "_loop",
        "_phase",
        "_premises",
        "_pulse",
        "_task",
        "_visit",
        "reader",
    )

    def __init__(self, premises: Premises, peer: tuple[str, int]) -> None:
        self._premises = premises
        self._loop = asyncio.get_running_loop()
        self._phase = _Phase.GREETING
        self._framer = Framer(premises.limits)
        self._brakes = Brakes(self._advance)
        self._line = Line(self, peer, self._brakes, premises.buffer, premises.limits)
        self.reader = AmqttReader(self._control_done)
        self._task: asyncio.Task[None] | None = None
        self._visit: Visit | None = None
        self._intake: Intake | None = None
        self._ending = Ending.CONNECTION_LOST
        timeout_s = premises.limits.connect_timeout.total_seconds()
        self._pulse = Pulse(self._brakes, self.close, self._loop, timeout_s)

    def open(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Take an accepted socket."""
        self._line.open(sock, tls)

    @property
    def peer(self) -> tuple[str, int]:
        """Address and port."""
        return self._line.peer

    @property
    def visit(self) -> Visit:
        """The stay of the device; there is one from the end of the login."""
        if self._visit is None:
            raise RuntimeError("nobody has logged in on this connection")
        return self._visit

    # What the device says

    def hear(self, data: bytes) -> None:
        """Take bytes as they come."""
        self._framer.feed(data)
        if not self._brakes.held:
            self._advance()

    def _advance(self) -> None:
        now, intake, pulse, held = self._loop.time(), self._intake, self._pulse, self._brakes.held
        left = _PACKETS_A_TURN
        try:
            while not held and (packet := self._framer.next()) is not None:
                pulse.heard_at = now
                left -= 1
                if not left:
                    self._line.rest()
                if isinstance(packet, Control):
                    self._take_control(packet)
                elif intake is not None:
                    intake.take(packet)
        except PacketError as error:
            self._refuse(error)

    def _take_control(self, packet: Control) -> None:
        if packet.kind == CONNECT:
            connect = read_connect(packet.raw[packet.body_at :], self._premises.limits.max_client_id_bytes)
            self._phase = _Phase.LOGIN
            self._brakes.hold(Brake.LOGIN)
            self._task = self._loop.create_task(self._serve(connect), name="mqtt_serve")
            self._task.add_done_callback(self._served)
            return
        if self._intake is not None:
            self._intake.pace(packet.cost)
        if packet.kind == PUBACK:
            # Nothing of ours asks for one.
            return
        if packet.kind == DISCONNECT:
            self._ending = Ending.DISCONNECT
            self._brakes.hold(Brake.CLOSING)
        else:
            self._brakes.hold(Brake.CONTROL)
        self.reader.put(packet.raw)

    def _control_done(self) -> None:
        # Later, so that one connection's control packets cost one turn of the loop each.
        self._loop.call_soon(self._next_control)

    def _next_control(self) -> None:
        if self._phase is not _Phase.CLOSED and self.reader.is_empty:
            self._brakes.release(Brake.CONTROL)

    def _refuse(self, error: PacketError) -> None:
        device = self._visit.device if self._visit else None
        note_breach(error, device, self.peer[0], self._premises)
        if error.return_code is not None:
            self.write(connack(error.return_code))
        self.close(error.ending)

    # The session

    async def _serve(self, connect: Connect) -> None:
        try:
            device = await self._log_in(connect)
            if device is None:
                return
            self._premises.crowd.know(self, device, fingerprint_of(self._line.transport))
            await self._premises.registry.enter(device, self)
            try:
                await self._stay(device, connect)
            finally:
                self._premises.registry.leave(device)
        finally:
            self.close(Ending.BROKER)

    def _served(self, task: asyncio.Task[None]) -> None:
        # A fault ends its own connection only: nobody waits for the outcome of the task.
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("connection_failed", address=self.peer[0], exc_info=error)
        self._task = None
        self.retire()

    async def _log_in(self, connect: Connect) -> DeviceId | None:
        device = await self._premises.access.authenticate(
            login_of(connect, self._line.transport, self.peer[0])
        )
        if device is None:
            note_refused(connect, self.peer[0], self._premises.strangers)
            self.write(connack(NOT_AUTHORIZED))
            self.close(Ending.REFUSED)
        return device

    async def _stay(self, device: DeviceId, connect: Connect) -> None:
        premises, loop = self._premises, self._loop
        self._intake = Intake(
            device,
            premises,
            self._brakes,
            loop,
            write=self.write,
            pause=self._line.pause,
            on_refused=self._not_committed,
        )
        self._visit = visit = Visit(device, connect, self.peer[0], premises, loop.time())
        self._phase = _Phase.SESSION
        try:
            await premises.serve(self)
        finally:
            self.close(Ending.BROKER)
            visit.end(self._ending, loop.time())

    def begin(self) -> None:
        """Take publishes: amqtt has answered the CONNECT and waits for the end of the stream."""
        self.reader.open()
        if self._phase is _Phase.SESSION:
            self._pulse.keep_alive(self.visit.keep_alive_s)
            self.visit.begin()
            self._brakes.release(Brake.LOGIN)

    def send(self, topic: str, payload: bytes) -> bool:
        """Publish to the device, if it is there, wants it and reads fast enough."""
        return self.is_listening(topic) and self._line.offer(publish_head(topic, len(payload)), payload)

    def is_listening(self, topic: str) -> bool:
        """Whether the device is there and wants it."""
        visit = self._visit
        # Before it is present, the CONNACK is not written yet [MQTT-3.2.0-1].
        if visit is None or not visit.is_present or self._phase is not _Phase.SESSION:
            return False
        return visit.subscriptions.want(topic)

    def write(self, data: bytes) -> None:
        """Write an answer."""
        self._line.write(data)

    # The end

    def _not_committed(self) -> None:
        self.close(Ending.NOT_COMMITTED)

    def close_by_broker(self) -> None:
        """Close because amqtt wants it: after a DISCONNECT, or for a reason of its own."""
        self.close(Ending.BROKER)

    def fail(self, error: OSError) -> None:
        """Close because the TLS handshake failed."""
        address = self.peer[0]
        suppressed = self._premises.strangers.suppressed(address, Ending.TLS_HANDSHAKE)
        if suppressed is not None:
            log.info("tls_handshake_failed", address=address, error=str(error), suppressed=suppressed)
        self.close(Ending.TLS_HANDSHAKE)

    def close(self, ending: Ending) -> None:
        """End the connection without waiting for the peer; the first reason given is the one that counts."""
        if self._phase is _Phase.CLOSED:
            return
        phase, self._phase = self._phase, _Phase.CLOSED
        if self._ending is not Ending.DISCONNECT:
            self._ending = ending
        self._premises.tally.count(self._ending)
        self._pulse.stop()
        self._brakes.hold(Brake.CLOSING)
        if self._intake is not None:
            self._intake.end()
        self._line.close()
        if phase is _Phase.SESSION:
            self.reader.end()
        elif self._task is not None:
            self._task.cancel()

    async def served(self) -> None:
        """Wait until the session is over; the socket may still be closing."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def abort(self) -> None:
        """Cut the socket."""
        self._line.abort()

    def stop_taking(self) -> None:
        """Take no more publishes; what is taken is still acknowledged. A stranger is sent away."""
        self._brakes.hold(Brake.CLOSING)
        if self._phase in (_Phase.GREETING, _Phase.LOGIN):
            self.close(Ending.SHUTDOWN)

    def retire(self) -> None:
        """Leave the crowd, when both the socket and the session are gone."""
        if self._line.is_lost and self._task is None:
            self._premises.crowd.remove(self)
            # They know this connection in turn; without the collector, which comes seldom, they would stay.
            del self._line, self._brakes, self._pulse, self.reader, self._intake
