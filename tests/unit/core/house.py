"""The real core around fakes, joined as the composition root joins it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry

from gateway.core.clock import Clock
from gateway.core.dispatcher import Dispatcher, LaneSettings
from gateway.core.engine import Engine
from gateway.core.gate import Gate
from gateway.core.ledger import Ledger
from gateway.core.orders import Orders
from gateway.core.record import ProductRules, Record
from gateway.metrics import Metrics
from gateway.model.events import Event, StateReported, VersionReported
from gateway.model.identity import Device, DeviceId, Lane, Version
from gateway.model.policy import Policy
from gateway.model.states import State
from gateway.ports.store import Changes, Committed, LaneState
from tests.unit.core.fakes import FakeCloud, FakeStore

ONE, TWO = Lane("cloud/one"), Lane("cloud/two")
#: Told to both clouds.
BOTH = "BOTH"
#: Told to the first cloud only.
SOLE = "SOLE"
#: Its devices tell their cloud themselves.
MUTE = "MUTE"
DEVICE = DeviceId(BOTH, "dev01")
QUOTA = 1000
V1, V2, V3 = Version("1.0"), Version("2.0"), Version("3.0")


def told(
    state: State,
    *,
    device: DeviceId = DEVICE,
    version: Version | None = V2,
    percent: int | None = None,
    synthetic: bool = False,
) -> StateReported:
    """Make a state report."""
    return StateReported(device=device, state=state, version=version, percent=percent, synthetic=synthetic)


def runs(version: Version, *, device: DeviceId = DEVICE) -> VersionReported:
    """Make a version report."""
    return VersionReported(device=device, version=version)


def still() -> float:
    """Draw the middle: jitter without chance."""
    return 0.5


class House:
    """Store, ledger, engine and one lane for each cloud."""

    def __init__(
        self,
        *,
        store: FakeStore | None = None,
        settings: LaneSettings | None = None,
        policy: Policy | None = None,
        lanes: Mapping[Lane, LaneState] | None = None,
        is_named: Callable[[DeviceId], bool] = lambda _: True,
    ) -> None:
        loop = asyncio.get_running_loop()
        policy = policy or Policy(needs_evidence=False)
        self.clock = Clock(wall=loop.time, monotonic=loop.time)
        self.metrics = Metrics(CollectorRegistry())
        self.store = store or FakeStore()
        self.ledger = Ledger(self.store, self.clock, self.metrics)
        self.ledger.on_commit = self._committed
        common: dict[str, Any] = {"ledger": self.ledger, "clock": self.clock, "metrics": self.metrics}
        self.record = Record(
            {
                BOTH: ProductRules(lanes=(ONE, TWO), policy=policy, asks=True),
                SOLE: ProductRules(lanes=(ONE,), policy=policy, asks=True),
                MUTE: ProductRules(lanes=(ONE,), policy=policy, asks=True, tells=False),
            },
            is_named=is_named,
            **common,
        )
        self.orders = Orders(self.record, objection=lambda _, version: self.objections.get(version), **common)
        self.engine = Engine(self.record, lane_quota=QUOTA, **common)
        #: What no cloud can carry, and why.
        self.objections: dict[Version, str] = {}
        self.clouds = {ONE: FakeCloud(), TWO: FakeCloud()}
        self.gates = {lane: self._gate(lane, (lanes or {}).get(lane, LaneState())) for lane in self.clouds}
        self.dispatchers = {lane: self._dispatcher(lane, settings or LaneSettings()) for lane in self.clouds}
        #: How publishes were settled, in the order in which they were.
        self.settled: list[tuple[Event, bool]] = []

    @property
    def one(self) -> FakeCloud:
        """The first cloud."""
        return self.clouds[ONE]

    @property
    def two(self) -> FakeCloud:
        """The second cloud."""
        return self.clouds[TWO]

    async def load(self) -> None:
        """Fill memory from the store."""
        loaded = await self.store.load()
        self.record.load(loaded)
        self.orders.load(loaded.orders)
        self.engine.load(loaded)

    def publish(self, *events: Event) -> None:
        """Let devices say these."""
        for event in events:
            self.engine.accept(event, partial(self._settle, event))

    async def say(self, *events: Event) -> None:
        """Let devices say these one commit after the other."""
        for event in events:
            self.publish(event)
            await self.ledger.drain()

    @asynccontextmanager
    async def committing(self) -> AsyncIterator[None]:
        """Run the ledger only."""
        task = asyncio.create_task(self.ledger.run())
        try:
            yield
            await self.ledger.drain()
        finally:
            await _stop(task)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Run the ledger and both lanes; a part that died makes it fail."""
        tasks = [asyncio.create_task(self.ledger.run())]
        tasks += [asyncio.create_task(dispatcher.run()) for dispatcher in self.dispatchers.values()]
        try:
            yield
        finally:
            await _stop(*tasks)

    def _settle(self, event: Event, committed: bool) -> None:  # noqa: FBT001 - the shape of Settle
        self.settled.append((event, committed))

    def _committed(self, changes: Changes, committed: Committed) -> None:
        self.engine.committed(changes, committed)
        self.orders.told(changes)
        if changes.messages or changes.progress or changes.settlements or changes.woken:
            for dispatcher in self.dispatchers.values():
                dispatcher.notify()

    def _gate(self, lane: Lane, state: LaneState) -> Gate:
        return Gate(lane, state, ledger=self.ledger, clock=self.clock, metrics=self.metrics, jitter=still)

    def _dispatcher(self, lane: Lane, settings: LaneSettings) -> Dispatcher:
        return Dispatcher(
            lane,
            self.clouds[lane],
            store=self.store,
            ledger=self.ledger,
            gate=self.gates[lane],
            clock=self.clock,
            metrics=self.metrics,
            settings=settings,
            external=lambda named, device: Device(id=device, external={"lane": named}),
            learn=self.orders.learn,
        )


async def _stop(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    for end in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(end, BaseException) and not isinstance(end, asyncio.CancelledError):
            raise end
