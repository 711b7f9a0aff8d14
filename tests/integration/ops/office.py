"""The API over a real socket, before the real core and a real store; the clouds and the devices are the test's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry

from gateway.config import Address, HttpConfig, Secret
from gateway.core.clock import Clock
from gateway.core.dead_letters import DeadLetters
from gateway.core.desk import Desk
from gateway.core.engine import Engine
from gateway.core.gate import Gate
from gateway.core.images import Images, Wanted
from gateway.core.ledger import Ledger
from gateway.core.orders import Orders
from gateway.core.reconciler import Drift
from gateway.core.record import ProductRules, Record
from gateway.metrics import Metrics
from gateway.model.commands import UpdateOrdered
from gateway.model.events import Event, StateReported, VersionReported
from gateway.model.firmware import Firmware, Image, Md5, Sha256
from gateway.model.identity import DEFAULT_MODULE, DeviceId, Lane, Module, Version
from gateway.model.states import State
from gateway.ops import api, dashboard, reference
from gateway.ops.client import Client
from gateway.ops.http import OpsServer
from gateway.ops.live.minutes import Minutes
from gateway.ops.live.watch import Watch
from gateway.ops.observer import Observer
from gateway.ops.readiness import Check
from gateway.ports.firmware import Progress
from gateway.ports.store import Buried, Changes, Delivered, LaneState
from gateway.store.database import Database
from gateway.store.reading import Reading

ONE, TWO = Lane("cloud/one"), Lane("cloud/two")
D1, D2 = DeviceId("P", "d1"), DeviceId("P", "d2")
V1, V2, V3 = Version("1.0"), Version("2.0"), Version("3.0")
IMAGE = Image(sha256=Sha256("a" * 64), md5=Md5("b" * 32), size=4096)
SECRET_URL = "http://x/image?sign=hunter2"


@dataclass(frozen=True)
class Held:
    """An image on the shelf."""

    image: Image = IMAGE
    version: str = V2
    module: str = "default"
    used_at: float = 0.0


@dataclass(frozen=True)
class Room:
    """How much of the shelf is taken."""

    quota: int = 10_000
    taken: int = 4096


@dataclass
class Shelf:
    """A cache with one image, and one that comes."""

    figures: Room = field(default_factory=Room)
    coming: dict[str, Progress] = field(default_factory=dict)

    def held(self) -> list[Held]:
        """Return the images."""
        return [Held()]

    def progress(self, key: str) -> Progress | None:
        """Tell how much has come."""
        return self.coming.get(key)


class FakeImages(Images):
    """Knows of images what the test says."""

    def __init__(self) -> None:
        self.known: dict[str, Wanted] = {}

    def find(self, row: Any) -> Wanted | None:
        """Return what the test said."""
        return self.known.get(row.command.firmware.identity)

    @property
    def missing(self) -> list[Wanted]:
        """What the test said is not here."""
        return [wanted for wanted in self.known.values() if wanted.image is None]


class Office:
    """One gateway without devices and clouds."""

    def __init__(self, store: Database, reading: Reading, token: Secret | None = None) -> None:
        self.store = store
        self.token = token
        self.tasks: list[asyncio.Task[None]] = []
        self.clock = Clock()
        self.metrics = Metrics(CollectorRegistry())
        self.ledger = Ledger(store, self.clock, self.metrics)
        common: dict[str, Any] = {"ledger": self.ledger, "clock": self.clock, "metrics": self.metrics}
        self.record = Record({"P": ProductRules(lanes=(ONE, TWO), asks=True)}, **common)
        self.orders = Orders(self.record, objection=lambda _lane, _version: None, **common)
        self.engine = Engine(self.record, lane_quota=1 << 30, **common)
        self.present = {D1}
        self.asked: list[DeviceId] = []
        self.drift: list[Drift] = []
        self.images, self.shelf = FakeImages(), Shelf()
        desk = Desk(
            self.record,
            self.orders,
            ledger=self.ledger,
            clock=self.clock,
            is_present=self.present.__contains__,
            ask=self.asked.append,
        )
        self.waits: dict[Lane, float | None] = {ONE: None}
        self.minutes = Minutes(self.metrics, wall=self.clock.wall, oldest=lambda: self.waits)
        outlook = self.outlook = api.Outlook(
            clock=self.clock,
            record=self.record,
            orders=self.orders,
            history=reading,
            desk=desk,
            letters=DeadLetters(reading, lanes=(ONE,), ledger=self.ledger, record=self.record),
            is_present=self.present.__contains__,
            known=lambda: {D2, *self.present},
            drift=lambda: self.drift,
            images=self.images,
            shelf=self.shelf,
            minutes=self.minutes,
        )
        self.gates = {lane: Gate(lane, LaneState(), **common) for lane in (ONE, TWO)}
        self.watch = Watch(
            outlook,
            name="office",
            version="1",
            store=store,
            ledger=self.ledger,
            engine=self.engine,
            gates=self.gates,
            present=lambda: self.present,
        )
        self.ledger.on_commit = self.watch.committed
        self.server = OpsServer(
            listen=Address("127.0.0.1", 0),
            token=token,
            registry=CollectorRegistry(),
            checks=no_checks,
            status=Observer(
                name="site",
                version="1",
                clock=self.clock,
                metrics=self.metrics,
                ledger=self.ledger,
                engine=self.engine,
                record=self.record,
                store=store,
                gates={},
                clients=lambda: len(self.present),
            ).status,
            routes=[*api.routes(outlook), *dashboard.routes(), *reference.routes()],
        )

    @property
    def client(self) -> Client:
        """Return the command line's way to ask."""
        return Client(HttpConfig(listen=self.server.address, token=self.token))

    async def get(self, *path: str, **query: Any) -> dict[str, Any]:
        """Look something up."""
        return await self.client.ask("GET", *path, **query)

    async def post(self, *path: str) -> dict[str, Any]:
        """Do something."""
        return await self.client.ask("POST", *path)

    async def status_of(self, method: str, path: str, **headers: str) -> tuple[int, str]:
        """Return status and detail of a refusal."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"http://{self.server.address}/api/v1/{path}", headers=headers) as reply,
        ):
            body = await reply.json(content_type="application/problem+json")
            return reply.status, str(body["detail"])

    async def say(self, *events: Event) -> None:
        """Let devices say these one commit after the other."""
        for event in events:
            self.engine.accept(event, lambda _: None)
            await self.ledger.drain()

    async def order(
        self,
        version: Version = V2,
        *,
        device: DeviceId = D1,
        module: Module = DEFAULT_MODULE,
        lane: Lane = ONE,
        confirm: bool = False,
        handle: str = "t1",
    ) -> None:
        """Let a cloud order a version."""
        firmware = Firmware(version=version, module=module, url=SECRET_URL, size=4096)
        command = UpdateOrdered(
            device=device,
            module=module,
            version=version,
            firmware=firmware,
            handle=handle,
            needs_confirmation=confirm,
        )
        self.orders.take(lane, device, [command])
        await self.ledger.drain()

    async def bury(self, lane: Lane = ONE) -> None:
        """Let a cloud refuse what waits first."""
        now = self.clock.now()
        claims = await self.store.claim(lane, limit=1, now=now, lease_until=now + 60)
        buried = [Buried(claim=claim, code="E17", reason="not like this") for claim in claims]
        await self.store.commit(Changes(settlements=[*buried]), now=now, wall=self.clock.wall())

    async def hear(self, lane: Lane) -> None:
        """Let a cloud take all that waits for it."""
        now = self.clock.now() + 1000
        while claims := await self.store.claim(lane, limit=10, now=now, lease_until=now + 1):
            for claim in claims:
                self.ledger.settled(Delivered(claim=claim, state=claim.event.state), lambda: None)
            await self.ledger.drain()

    async def waiting(self, lane: Lane = ONE) -> list[State]:
        """Return what would be told next, device by device."""
        now = self.clock.now() + 1000
        claims = await self.store.claim(lane, limit=10, now=now, lease_until=now)
        return [claim.event.state for claim in claims]


@asynccontextmanager
async def open_office(directory: Path, token: Secret | None = None) -> AsyncIterator[Office]:
    """Open a store, and a server before it."""
    url = f"sqlite:///{directory / 'gateway.db'}"
    store = await Database.open(url, lane_quota=1 << 30)
    await store.load()
    try:
        async with Reading(url) as reading:
            office = Office(store, reading, token)
            office.tasks = [asyncio.create_task(work) for work in (office.ledger.run(), office.watch.run())]
            async with office.server:
                yield office
                # As the gateway does: streams end before their server.
                for task in office.tasks:
                    task.cancel()
                await asyncio.gather(*office.tasks, return_exceptions=True)
    finally:
        await store.close()


async def no_checks() -> list[Check]:
    """Nothing is checked."""
    return []


def told(
    state: State,
    *,
    device: DeviceId = D1,
    version: Version = V2,
    module: Module = DEFAULT_MODULE,
    **more: Any,
) -> StateReported:
    """Make a state report."""
    return StateReported(device=device, state=state, version=version, module=module, **more)


def runs(version: Version, *, device: DeviceId = D1) -> VersionReported:
    """Make a version report."""
    return VersionReported(device=device, version=version)
