"""The two ports that a broker serves, as fakes that a test steers, and a broker between them."""

import asyncio
import dataclasses
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry

from gateway.devices.broker import Limits, Listener, MqttBroker, TlsFiles
from gateway.metrics import Metrics
from gateway.model.identity import DeviceId
from gateway.ports.devices import Login, Objection, Settle
from tests.integration.broker.mqtt import PATIENCE_S, Client, suback, subscribe


def device(name: str = "dev1") -> DeviceId:
    """Return the identity P/name."""
    return DeviceId("P", name)


class FakeAccess:
    """Passwords are `secret-name`; a certificate's name is proof; topics end with the device's own name."""

    def __init__(self) -> None:
        self.logins: list[Login] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def authenticate(self, login: Login) -> DeviceId | None:
        """Judge when the gate is open."""
        self.logins.append(login)
        await self.gate.wait()
        name = login.certificate_name if login.username is None else login.username
        product, _, own = (name or "").partition("/")
        by_password = login.username is not None and login.password == f"secret-{own}"
        return DeviceId(product, own) if (login.certificate_name == name and name) or by_password else None

    def may_publish(self, device: DeviceId, topic: str) -> bool:
        """Allow a topic of each dialect."""
        own = f"{device.product_id}/{device.name}"
        return topic in (f"ota/{own}/report", f"$ota/report/{own}", f"$sys/{own}/ota/inform")

    def may_subscribe(self, device: DeviceId, topic_filter: str) -> bool:
        """Allow what can match nobody else's topics."""
        own = f"{device.product_id}/{device.name}"
        return topic_filter == f"$ota/update/{own}" or topic_filter.startswith(f"ota/{own}/")


class Received(NamedTuple):
    """One publish as the receiver got it."""

    device: DeviceId
    topic: str
    payload: bytes
    settle: Settle


class SetAside(NamedTuple):
    """One publish as it came for quarantine."""

    device: DeviceId
    topic: str
    payload: bytes
    reason: Objection
    detail: str
    settle: Settle


class FakeReceiver:
    """Commits at once, or holds everything until the test settles it."""

    def __init__(self) -> None:
        self.holds = False
        self.received_: list[Received] = []
        self.aside: list[SetAside] = []
        self.lives: list[tuple[str, str]] = []
        self.listening: list[tuple[str, str]] = []
        self.on_subscribed: Callable[[DeviceId, str], None] = lambda _device, _topic_filter: None
        self._room = asyncio.Event()
        self._room.set()

    def received(
        self, device: DeviceId, topic: str, payload: bytes, settle: Settle, *, redelivered: bool = False
    ) -> None:
        """Keep and perhaps settle."""
        self.received_.append(Received(device, topic, payload, settle))
        if not self.holds:
            settle(True)

    def set_aside(
        self, device: DeviceId, topic: str, payload: bytes, settle: Settle, *, reason: Objection, detail: str
    ) -> None:
        """Keep apart and perhaps settle."""
        self.aside.append(SetAside(device, topic, payload, reason, detail, settle))
        if not self.holds:
            settle(True)

    @property
    def has_room(self) -> bool:
        """As the test said."""
        return self._room.is_set()

    @has_room.setter
    def has_room(self, value: bool) -> None:
        if value:
            self._room.set()
        else:
            self._room.clear()

    async def room(self) -> None:
        """Wait until the test makes room."""
        await self._room.wait()

    def connected(self, device: DeviceId) -> None:
        """Keep."""
        self.lives.append(("connected", device.name))

    def disconnected(self, device: DeviceId) -> None:
        """Keep."""
        self.lives.append(("disconnected", device.name))

    def subscribed(self, device: DeviceId, topic_filter: str) -> None:
        """Keep, and do what the test wants done."""
        self.listening.append((device.name, topic_filter))
        self.on_subscribed(device, topic_filter)

    @property
    def present(self) -> int:
        """How many devices came and did not go."""
        lives = [what for what, _ in self.lives]
        return lives.count("connected") - lives.count("disconnected")

    @property
    def payloads(self) -> list[bytes]:
        """What was said, in the order in which it came."""
        return [each.payload for each in self.received_]


UNLIMITED = Limits(connects_per_second=0, publishes_per_second=0)


class House:
    """A running broker with its fakes and the clients of one test."""

    def __init__(self, limits: Limits = UNLIMITED, tls: TlsFiles | None = None) -> None:
        self.access = FakeAccess()
        self.receiver = FakeReceiver()
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.broker = MqttBroker(
            [Listener(host="127.0.0.1", port=0, tls=tls)],
            access=self.access,
            receiver=self.receiver,
            limits=limits,
            metrics=self.metrics,
        )
        self.clients: list[Client] = []
        self._tasks: set[asyncio.Task[object]] = set()

    async def start(self) -> None:
        """Start the broker."""
        await self.broker.start()
        self._tasks = set(asyncio.all_tasks())

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.broker.addresses[0][1]

    async def client(self, tls: ssl.SSLContext | None = None) -> Client:
        """Open a socket that the test's end closes."""
        client = await Client.open(self.port, tls)
        self.clients.append(client)
        return client

    async def device(self, name: str = "dev1", *, clean: bool = True, keep_alive: int = 60) -> Client:
        """Log a device in and wait until the receiver knows."""
        before = len(self.receiver.lives)
        client = await (await self.client()).log_in(name, clean=clean, keep_alive=keep_alive)
        await eventually(lambda: ("connected", name) in self.receiver.lives[before:])
        return client

    def raw(self) -> socket.socket:
        """Open a socket that no event loop reads."""
        return socket.create_connection(("127.0.0.1", self.port))

    def counted(self, metric: str, reason: str | None = None) -> float:
        """Return the value of `ota_gateway_mqtt_…`."""
        value = self.registry.get_sample_value(
            f"ota_gateway_mqtt_{metric}", {"reason": reason} if reason else {}
        )
        assert value is not None, metric
        return value

    @property
    def is_empty(self) -> bool:
        """Whether no connection, session, registration or task is left."""
        site, engine = self.broker._premises, self.broker._engine
        assert site is not None
        assert engine is not None
        left = {each for each in asyncio.all_tasks() - self._tasks if each.get_name().startswith("mqtt_")}
        handlers = {each for each in asyncio.all_tasks() if "ProtocolHandler" in repr(each.get_coro())}
        return not (len(site.crowd) or engine.sessions or len(site.registry) or left or handlers)

    async def stop(self) -> None:
        """Close everything."""
        await self.broker.stop()
        for client in self.clients:
            await client.close()


async def subscribed(house: House, *filters: str, clean: bool = True) -> Client:
    """Return device dev1 with these subscriptions."""
    client = await house.device(clean=clean)
    client.send(subscribe(*filters))
    await client.expect(suback(*(0 for _ in filters)))
    return client


@asynccontextmanager
async def house_with(tls: TlsFiles | None = None, **changes: Any) -> AsyncIterator[House]:
    """Run a broker with these limits instead of the unlimited ones."""
    house = House(dataclasses.replace(UNLIMITED, **changes), tls)
    await house.start()
    try:
        yield house
    finally:
        await house.stop()


async def eventually(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait until something is so; fail when it does not come to be."""
    end = asyncio.get_running_loop().time() + patience_s
    while not condition():
        assert asyncio.get_running_loop().time() < end, "it did not come to be"
        await asyncio.sleep(0.002)
