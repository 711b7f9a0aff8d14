"""The embedding: our sockets and connections around an amqtt that has neither sockets nor publishes."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog
from amqtt.adapters import ReaderAdapter, WriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.session import Session

from gateway.core.news import News
from gateway.devices.broker.brakes import RoomWatch
from gateway.devices.broker.crowd import Crowd
from gateway.devices.broker.errors import Ending
from gateway.devices.broker.front import Connection
from gateway.devices.broker.handler import DeviceHandler, LoggedInAlready
from gateway.devices.broker.limits import Limits
from gateway.devices.broker.listeners import Door, Listener
from gateway.devices.broker.premises import Premises, Tally
from gateway.devices.broker.registry import KeptSessions, Registry
from gateway.devices.broker.seams import Probe, selfcheck
from gateway.devices.broker.streams import AmqttWriter
from gateway.metrics import Metrics
from gateway.model.identity import DeviceId
from gateway.ports.devices import Access, Receiver

_LISTENER = "default"
"""The one listener that amqtt insists on; it is external, which means that connections are brought to it."""

_READ_BYTES = 32_768
"""What one connection may be read in one turn of the loop."""

_STRANGERS_LINES = 60
"""What the log is told a minute of those who have not logged in: they can take new names for ever."""

_LEAVE_S = 2.0
"""How long connections may take to end before their sockets are cut, and how long after."""

log = structlog.get_logger()


class _Engine(Broker):
    """amqtt without listeners, with our handler."""

    def __init__(self) -> None:
        plugin = f"{LoggedInAlready.__module__}.{LoggedInAlready.__qualname__}"
        listener = ListenerConfig(type=ListenerType.EXTERNAL, bind="external")
        super().__init__(BrokerConfig(listeners={_LISTENER: listener}, plugins={plugin: {}}))

    async def serve(self, connection: Connection) -> None:
        """Serve a connection that is logged in until it ends, and keep nothing of it."""
        try:
            await self.external_connected(connection.reader, AmqttWriter(connection), _LISTENER)
        finally:
            self.sessions.pop(str(connection.visit.device), None)

    async def _initialize_client_session(
        self, reader: ReaderAdapter, writer: WriterAdapter, remote_address: str, remote_port: int
    ) -> tuple[BrokerProtocolHandler, Session]:
        """Replace amqtt's login, which reuses the session of whoever said this client id before."""
        del reader, remote_address, remote_port
        if isinstance(writer, Probe):
            writer.reached()
        if not isinstance(writer, AmqttWriter):
            raise TypeError(f"{writer!r} did not come through the front")
        return DeviceHandler.serving(writer.connection, self.plugins_manager)


class MqttBroker:
    """The site's MQTT 3.1.1 side.

    What devices find: QoS 0 and 1 up, QoS 0 down; retain flags and wills are taken and ignored (a device's coming and
    going is known from its connection); QoS 2 closes the connection.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        *,
        access: Access,
        receiver: Receiver,
        limits: Limits,
        metrics: Metrics,
    ) -> None:
        self._listeners = listeners
        self._access = access
        self._receiver = receiver
        self._limits = limits
        self._tally = Tally(metrics)
        self._registry = Registry()
        self._doors: list[Door] = []
        self._premises: Premises | None = None
        self._engine: _Engine | None = None

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of every listener as bound, in the order given."""
        return [door.address for door in self._doors]

    async def start(self) -> None:
        """Bind and serve; raise OSError naming an address that is taken, SeamError when amqtt is another one."""
        # Its warnings repeat what is said here, without the device.
        logging.getLogger("amqtt").setLevel(logging.ERROR)
        engine = _Engine()
        await engine.start()
        try:
            await selfcheck(engine, _LISTENER)
            self._premises = self._shared(engine)
            for listener in self._listeners:
                self._doors.append(Door(listener, self._admit))
        except BaseException:
            self._close_doors()
            await engine.shutdown()
            raise
        self._engine = engine
        for door in self._doors:
            door.open()

    async def stop_accepting(self) -> None:
        """Accept and read no more; what was received is still acknowledged when it is committed."""
        self._close_doors()
        for connection in self._crowd():
            connection.stop_taking()

    async def stop(self) -> None:
        """Close every connection, cutting those that do not let go, and end."""
        await self.stop_accepting()
        if self._premises is None or self._engine is None:
            return
        for connection in self._crowd():
            connection.close(Ending.SHUTDOWN)
        if not await self._emptied():
            for connection in self._crowd():
                connection.abort()
            if not await self._emptied():
                log.warning("connections_left", count=len(self._premises.crowd))
        await self._premises.rooms.stop()
        engine, self._engine = self._engine, None
        await engine.shutdown()

    def send(self, device: DeviceId, topic: str, payload: bytes) -> bool:
        """Publish at QoS 0 to that device only, if it is connected, subscribed to the topic and not too slow."""
        connection = self._registry.get(device)
        return connection is not None and connection.send(topic, payload)

    def is_listening(self, device: DeviceId, topic: str) -> bool:
        """Whether that device is connected and subscribed to the topic now."""
        connection = self._registry.get(device)
        return connection is not None and connection.is_listening(topic)

    def limit(self, limits: Limits) -> None:
        """Give new connections other limits; those that are open keep theirs."""
        if limits == self._limits:
            return
        self._limits = limits
        if self._premises is not None:
            self._premises.crowd.limit(limits, asyncio.get_running_loop().time())
            self._premises.kept.limit(limits)
            self._premises = replace(self._premises, limits=limits)

    def renew(self, tls: ssl.SSLContext) -> bool:
        """Greet with another certificate from now on; say whether an authority is trusted no more.

        Connections that are open stay; in that case strangers go, who may be in the middle of their greeting.
        """
        trusts_less = True in {door.renew(tls) for door in self._doors}
        if trusts_less and self._premises is not None:
            for stranger in self._premises.crowd.strangers:
                stranger.close(Ending.RECONFIGURED)
        return trusts_less

    def dismiss(self, must_go: Callable[[DeviceId, str | None], bool]) -> int:
        """Close the connections of devices, told by their certificate's fingerprint, too; return how many."""
        leaving = self._premises.crowd.those(must_go) if self._premises else []
        for connection in leaving:
            connection.close(Ending.RECONFIGURED)
        return len(leaving)

    def _shared(self, engine: _Engine) -> Premises:
        clock = asyncio.get_running_loop().time
        return Premises(
            access=self._access,
            receiver=self._receiver,
            limits=self._limits,
            tally=self._tally,
            crowd=Crowd(self._limits, clock()),
            registry=self._registry,
            kept=KeptSessions(self._limits),
            rooms=RoomWatch(self._receiver),
            news=News(clock),
            strangers=News(clock, max_lines=_STRANGERS_LINES),
            buffer=memoryview(bytearray(_READ_BYTES)),
            serve=engine.serve,
        )

    def _admit(self, accepted: socket.socket, peer: tuple[str, int], tls: ssl.SSLContext | None) -> bool:
        premises = self._premises
        if premises is None:
            accepted.close()
            return False
        if objection := premises.crowd.objection(peer[0], asyncio.get_running_loop().time()):
            log.debug("connection_refused", address=peer[0], reason=objection)
            premises.tally.count(objection)
            accepted.close()
            return False
        connection = Connection(premises, peer)
        premises.crowd.add(connection)
        connection.open(accepted, tls)
        return True

    def _crowd(self) -> tuple[Connection, ...]:
        return tuple(self._premises.crowd) if self._premises else ()

    def _close_doors(self) -> None:
        for door in self._doors:
            door.close()

    async def _emptied(self) -> bool:
        if self._premises is None:
            return True
        try:
            await asyncio.wait_for(self._premises.crowd.empty(), _LEAVE_S)
        except TimeoutError:
            return False
        return True
