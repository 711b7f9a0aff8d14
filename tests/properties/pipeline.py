"""A site in a box for the pipeline's properties: the real core and store, devices that resend, clouds with moods.

Time is the timeless loop's; a life of the gateway is one run of it, and what outlives a kill is the database file,
the devices with what was not acknowledged to them, and what the clouds have heard.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, assert_never

from prometheus_client import CollectorRegistry
from sqlalchemy import select

from gateway.core.clock import Clock
from gateway.core.dispatcher import Dispatcher, LaneSettings
from gateway.core.engine import Engine
from gateway.core.gate import Gate
from gateway.core.ledger import Ledger
from gateway.core.orders import Orders
from gateway.core.record import ProductRules, Record
from gateway.errors import Denied, Rejected, Scope, StoreError, Unavailable
from gateway.metrics import Metrics
from gateway.model.commands import Command, TaskAbsent
from gateway.model.events import Event, StateReported
from gateway.model.identity import Device, DeviceId, Lane
from gateway.model.policy import Policy
from gateway.model.states import RANK_GROUP, TABLE, State
from gateway.model.update import Update
from gateway.ports.store import Changes, Claim, Committed, Figures, LaneState, Loaded
from gateway.store.database import Database
from gateway.store.schema import updates as update_rows
from gateway.store.updates import read as read_update
from tests.unit.core.fakes import Fate
from tests.unit.core.timeless import START

PRODUCT = "P1"
LANES = (Lane("cloud/one"), Lane("cloud/two"))
QUOTA = 10_000_000
PATIENCE = 3.0


class Mood(Enum):
    """What a cloud makes of one report."""

    FINE = auto()
    SLOW = auto()
    DOWN = auto()
    #: It takes the report, but its answer gets lost.
    UNHEARD = auto()
    BUSY = auto()
    REJECTS = auto()
    DENIES_DEVICE = auto()
    DENIES_LANE = auto()
    KNOWS_NO_TASK = auto()


@dataclass
class MoodyCloud:
    """Implements `ports.cloud.Teller`; `event.code` names the update, see `WatchedStore`."""

    moods: deque[Mood] = field(default_factory=deque)
    #: What it acknowledged of each update, in order, also where nobody heard the acknowledgement.
    took: dict[str, list[State]] = field(default_factory=lambda: defaultdict(list))
    #: Ends that it will never take.
    refused: set[tuple[str, State]] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)

    async def deliver(self, device: Device, event: StateReported, after: State | None) -> Sequence[Command]:
        """Do as the mood is."""
        await asyncio.sleep(0.05)
        match self.moods.popleft() if self.moods else Mood.FINE:
            case Mood.FINE:
                self.took[event.code].append(event.state)
            case Mood.SLOW:
                await asyncio.sleep(20)
                self.took[event.code].append(event.state)
            case Mood.DOWN:
                raise Unavailable("down")
            case Mood.UNHEARD:
                self.took[event.code].append(event.state)
                raise Unavailable("the answer was lost")
            case Mood.BUSY:
                raise Unavailable("busy", retry_after=300)
            case Mood.REJECTS:
                self.refused.add((event.code, event.state))
                raise Rejected("E1", "bad")
            case Mood.DENIES_DEVICE:
                raise Denied(Scope.DEVICE, "403", "not yours")
            case Mood.DENIES_LANE:
                raise Denied(Scope.LANE, "401", "who are you")
            case Mood.KNOWS_NO_TASK:
                self.closed.add(event.code)
                return [_absent(event)]
            case other:
                assert_never(other)
        return ()


def _absent(event: StateReported) -> TaskAbsent:
    if event.version is None:
        raise ValueError("clouds are always told the target")
    return TaskAbsent(device=event.device, module=event.module, version=event.version)


@dataclass
class WatchedStore:
    """The real store, whose commits may fail, and whose claims tell the cloud which update they are of."""

    inner: Database
    fates: deque[Fate]

    async def commit(self, changes: Changes, *, now: float, wall: float) -> Committed:
        """Commit, refuse, or commit without anybody hearing of it."""
        fate = self.fates.popleft() if self.fates else Fate.WRITTEN
        if fate is Fate.REFUSED:
            raise StoreError("the disk is full")
        committed = await self.inner.commit(changes, now=now, wall=wall)
        if fate is Fate.UNHEARD:
            raise StoreError("the connection was lost")
        return committed

    async def claim(self, lane: Lane, *, limit: int, now: float, lease_until: float) -> Sequence[Claim]:
        """Lease heads."""
        claims = await self.inner.claim(lane, limit=limit, now=now, lease_until=lease_until)
        return [replace(claim, event=replace(claim.event, code=claim.update)) for claim in claims]

    async def load(self) -> Loaded:
        """Read the truth."""
        return await self.inner.load()

    async def next_due(self, lane: Lane) -> float | None:
        """When the next message may go."""
        return await self.inner.next_due(lane)

    async def is_end_waiting(self, lane: Lane, device: DeviceId) -> bool:
        """Ask the real one."""
        return await self.inner.is_end_waiting(lane, device)

    async def figures(self) -> Mapping[Lane, Figures]:
        """Count what waits."""
        return await self.inner.figures()

    async def prune(self, *, now: float) -> None:
        """Forget what is old."""
        await self.inner.prune(now=now)

    async def close(self) -> None:
        """Close."""
        await self.inner.close()


@dataclass
class ResendingDevice:
    """A QoS 1 client: keeps what was not acknowledged, and sends it again, in order, on each new connection.

    It looks at the disk whenever something is acknowledged.
    """

    unacknowledged: list[Event] = field(default_factory=list)
    connection: int = 0
    is_connected: bool = False
    #: Acknowledgements of what was not on disk.
    broken_promises: list[Update] = field(default_factory=list)

    def connect(self, life: "Life") -> None:
        """Come back and send again what was not acknowledged."""
        self.connection += 1
        self.is_connected = True
        for event in list(self.unacknowledged):
            self._publish(life, event)

    def say(self, life: "Life", event: Event) -> None:
        """Publish something new, now or when it is back."""
        self.unacknowledged.append(event)
        if self.is_connected:
            self._publish(life, event)

    def _publish(self, life: "Life", event: Event) -> None:
        caused: list[Update] = []
        life.engine.accept(event, partial(self._settled, life, event, self.connection, caused))
        update = life.record.update(event.device, event.module)
        caused += [update] if update else []

    def _settled(
        self,
        life: "Life",
        event: Event,
        connection: int,
        caused: list[Update],
        committed: bool,  # noqa: FBT001 - the shape of Settle
    ) -> None:
        if committed:
            self.broken_promises += [update for update in caused if not life.is_on_disk(update)]
        if connection != self.connection:
            return
        if committed:
            self.unacknowledged.remove(event)
            return
        self.is_connected = False
        self.connection += 1
        asyncio.get_running_loop().call_later(0.1, self.connect, life)


class Site:
    """What outlives the gateway."""

    def __init__(self, folder: Path, policy: Policy) -> None:
        self.url = f"sqlite:///{folder}/gateway.db"
        self.policy = policy
        self.clouds = {lane: MoodyCloud() for lane in LANES}
        self.devices = {DeviceId(PRODUCT, f"dev{n}"): ResendingDevice() for n in range(3)}
        self.fates: deque[Fate] = deque()
        self.wall = 1_700_000_000.0


class Life:
    """One life of the gateway; `begin` it, and end it by `stop` or by leaving its loop."""

    def __init__(self, site: Site, store: WatchedStore) -> None:
        loop = asyncio.get_running_loop()
        wall, site.wall = site.wall, site.wall
        self._site = site
        self.store = store
        self.clock = Clock(wall=lambda: wall + loop.time() - START, monotonic=loop.time)
        self.metrics = Metrics(CollectorRegistry())
        self.ledger = Ledger(store, self.clock, self.metrics)
        self.ledger.on_commit = self._committed
        common: dict[str, Any] = {"ledger": self.ledger, "clock": self.clock, "metrics": self.metrics}
        self.record = Record({PRODUCT: ProductRules(lanes=LANES, policy=site.policy)}, **common)
        self.orders = Orders(self.record, objection=lambda *_: None, **common)
        self.engine = Engine(self.record, lane_quota=QUOTA, **common)
        self.dispatchers: dict[Lane, Dispatcher] = {}
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def begin(cls, site: Site) -> "Life":
        """Open the store, fill memory from it, and let the devices come back."""
        life = cls(site, WatchedStore(await Database.open(site.url, lane_quota=QUOTA), site.fates))
        loaded = await life.store.load()
        life.clock.resume(loaded.clock)
        life.record.load(loaded)
        life.orders.load(loaded.orders)
        life.engine.load(loaded)
        for lane in LANES:
            life.dispatchers[lane] = life._dispatcher(lane, loaded.lanes.get(lane, LaneState()))
        life._tasks = [asyncio.create_task(life.ledger.run()), asyncio.create_task(life._expire())]
        life._tasks += [asyncio.create_task(dispatcher.run()) for dispatcher in life.dispatchers.values()]
        for device in site.devices.values():
            device.connect(life)
        return life

    def is_on_disk(self, update: Update) -> bool:
        """Whether the store knows the update in this state or a later one."""
        found = {known.id: known for known in self.updates()}.get(update.id)
        return found is not None and TABLE[found.state].rank >= min(TABLE[update.state].rank, 50)

    def updates(self) -> list[Update]:
        """Read every update from disk, not only the newest ones."""
        with self.store.inner._engine.begin() as connection:
            read = [read_update(row) for row in connection.execute(select(update_rows))]
        return [update for update in read if update is not None]

    def look(self) -> None:
        """Fail where a part of the gateway died."""
        for task in self._tasks:
            if task.done():
                task.result()

    async def stop(self) -> None:
        """Stop in order, as the composition root does."""
        for device in self._site.devices.values():
            device.is_connected = False
            device.connection += 1
        for ending in (
            *(dispatcher.finish() for dispatcher in self.dispatchers.values()),
            self.ledger.drain(),
        ):
            with suppress(TimeoutError):
                await asyncio.wait_for(ending, PATIENCE)
        self.look()

    def leave(self) -> None:
        """Let the file and its lock go, as a dying process does."""
        loop = asyncio.get_running_loop()
        self._site.wall += loop.time() - START + 1.0
        self.store.inner._engine.dispose()
        self.store.inner._release()
        self.store.inner._writer.shutdown()

    async def _expire(self) -> None:
        while True:
            self.engine.expire()
            await asyncio.sleep(30.0)

    def _committed(self, changes: Changes, committed: Committed) -> None:
        self.engine.committed(changes, committed)
        self.orders.told(changes)
        for dispatcher in self.dispatchers.values():
            dispatcher.notify()

    def _dispatcher(self, lane: Lane, state: LaneState) -> Dispatcher:
        gate = Gate(
            lane, state, ledger=self.ledger, clock=self.clock, metrics=self.metrics, jitter=lambda: 0.5
        )
        return Dispatcher(
            lane,
            self._site.clouds[lane],
            store=self.store,
            ledger=self.ledger,
            gate=gate,
            clock=self.clock,
            metrics=self.metrics,
            settings=LaneSettings(concurrency=2),
            external=lambda _, device: Device(id=device),
            learn=self.orders.learn,
        )


def is_forward(states: Sequence[State]) -> bool:
    """Whether a cloud heard no older state after a newer one; a repeat comes from an answer that was lost."""
    return all((a is b) or TABLE[a].rank < TABLE[b].rank or {a, b} == RANK_GROUP for a, b in pairwise(states))
