"""A store of dicts, a cloud that follows a script, and a small house around the real core.

The store keeps the order, lease and coalescing rules of `ports.store.Store`; each call takes loop time, and a commit
can be told to fail, or to succeed without anybody hearing of it.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from gateway.errors import StoreError
from gateway.model.commands import Command
from gateway.model.events import StateReported
from gateway.model.identity import Device, DeviceId, Lane, Module, UpdateId, Version
from gateway.model.states import State
from gateway.model.update import Update
from gateway.ports.store import (
    Buried,
    Changes,
    Claim,
    Committed,
    Delivered,
    Entry,
    Figures,
    Kind,
    LaneState,
    Loaded,
    Message,
    Ordered,
    OrderKey,
    Postponed,
    Quarantined,
    Settlement,
)


class Fate(Enum):
    """What becomes of a commit."""

    WRITTEN = auto()
    REFUSED = auto()
    #: Written, but the answer got lost on the way, as a broken connection to PostgreSQL does.
    UNHEARD = auto()


@dataclass
class Row:
    """A waiting message."""

    id: int
    message: Message
    enqueued_at: float
    revision: int = 0


@dataclass
class Line:
    """The queue of one device in one lane."""

    id: int
    rows: list[Row] = field(default_factory=list)
    attempts: int = 0
    due_at: float = 0.0
    leased_until: float = 0.0
    progress_after: float = 0.0
    parked: str | None = None
    #: The message that is leased: a settlement of another one changes nothing.
    in_flight: int | None = None

    @property
    def urgency(self) -> int:
        """The most urgent kind that waits."""
        return max((row.message.kind for row in self.rows), default=-1)


@dataclass
class FakeStore:
    """Implements `ports.store.Store` in memory."""

    #: How the next commits end; then all are written.
    fates: deque[Fate] = field(default_factory=deque)
    #: How a commit fails.
    trouble: StoreError = field(default_factory=lambda: StoreError("the disk is full"))
    commit_seconds: float = 0.002
    #: What it takes to look whether an end waits.
    look_seconds: float = 0.0
    claim_seconds: float = 0.001
    commits: list[Changes] = field(default_factory=list)
    updates: dict[UpdateId, Update] = field(default_factory=dict)
    versions: dict[tuple[DeviceId, Module], Version] = field(default_factory=dict)
    said_at: dict[tuple[DeviceId, Module], float] = field(default_factory=dict)
    orders: dict[OrderKey, Ordered] = field(default_factory=dict)
    lanes: dict[Lane, LaneState] = field(default_factory=dict)
    journal: list[Entry] = field(default_factory=list)
    quarantine: list[Quarantined] = field(default_factory=list)
    buried: list[Buried] = field(default_factory=list)
    lines: dict[tuple[Lane, DeviceId], Line] = field(default_factory=dict)
    told: dict[tuple[int, UpdateId], tuple[State | None, str | None]] = field(default_factory=dict)
    #: Sizes that the next answers tell, whatever waits.
    sizes: dict[Lane, int] = field(default_factory=dict)
    #: How the next claims fail.
    claim_errors: deque[Exception] = field(default_factory=deque)
    claims: int = 0
    _rows: int = 0

    async def load(self) -> Loaded:
        """Read what must be known at start."""
        newest: dict[tuple[DeviceId, Module], Update] = {}
        for update in sorted(self.updates.values(), key=lambda update: update.number):
            newest[update.device, update.module] = update
        for line in self.lines.values():
            line.leased_until, line.in_flight = 0.0, None
        return Loaded(
            updates=list(newest.values()),
            versions=dict(self.versions),
            said_at=dict(self.said_at),
            orders=list(self.orders.values()),
            lanes=dict(self.lanes),
            sizes=dict(self.sizes),
            messages={},
            clock=None,
        )

    async def commit(self, changes: Changes, *, now: float, wall: float) -> Committed:
        """Write all of it, or refuse."""
        fate = self.fates.popleft() if self.fates else Fate.WRITTEN
        await asyncio.sleep(self.commit_seconds / 2)
        if fate is not Fate.REFUSED:
            self._write(changes, now)
        await asyncio.sleep(self.commit_seconds / 2)
        if fate is not Fate.WRITTEN:
            raise self.trouble
        return Committed(sizes=dict(self.sizes), messages={}, evicted={})

    async def claim(self, lane: Lane, *, limit: int, now: float, lease_until: float) -> Sequence[Claim]:
        """Lease heads of due lines, the most urgent first."""
        self.claims += 1
        if self.claim_errors:
            raise self.claim_errors.popleft()
        await asyncio.sleep(self.claim_seconds / 2)
        due = [
            line
            for (named, _), line in self.lines.items()
            if named == lane and line.rows and line.due_at <= now and line.leased_until <= now
        ]
        due.sort(key=lambda line: (-line.urgency, line.due_at))
        for line in due[:limit]:
            line.leased_until, line.in_flight = lease_until, line.rows[0].id
        claims = [self._claim(lane, line) for line in due[:limit]]
        await asyncio.sleep(self.claim_seconds / 2)
        return claims

    async def next_due(self, lane: Lane) -> float | None:
        """When the next unleased message may go."""
        times = [
            line.due_at
            for (named, _), line in self.lines.items()
            if named == lane and line.rows and line.leased_until == 0
        ]
        return min(times, default=None)

    async def is_end_waiting(self, lane: Lane, device: DeviceId) -> bool:
        """Whether the device has a line with an end in it."""
        line = self.lines.get((lane, device))
        is_waiting = line is not None and line.urgency == Kind.TERMINAL
        await asyncio.sleep(self.look_seconds)
        return is_waiting

    async def figures(self) -> Mapping[Lane, Figures]:
        """Count nothing."""
        return {}

    async def prune(self, *, now: float) -> None:
        """Forget nothing."""

    async def close(self) -> None:
        """Nothing is open."""

    def waiting(self, lane: Lane) -> list[StateReported]:
        """What waits in a lane, device by device."""
        return [
            row.message.event for (named, _), line in self.lines.items() if named == lane for row in line.rows
        ]

    def _write(self, changes: Changes, now: float) -> None:
        self.commits.append(changes)
        self._forget(changes.forgotten)
        self.updates.update(changes.updates)
        self.updates.update(changes.progressed)
        self.versions.update(changes.versions)
        self.said_at.update(dict.fromkeys(changes.versions, now))
        self.journal += changes.journal
        self.quarantine += changes.quarantine
        for settlement in changes.settlements:
            self._settle(settlement, now)
        self._order(changes)
        for message in [*changes.messages, *changes.progress.values()]:
            self._enqueue(message, now)
        for (lane, _), line in self.lines.items():
            if lane in changes.woken and line.attempts and line.parked is None:
                line.due_at = now
        self.lanes.update(changes.lanes)

    def _forget(self, devices: AbstractSet[DeviceId]) -> None:
        for update in [update for update in self.updates.values() if update.device in devices]:
            del self.updates[update.id]
        for part in [part for part in self.versions if part[0] in devices]:
            del self.versions[part], self.said_at[part]
        for key in [key for key in self.orders if key[1] in devices]:
            del self.orders[key]
        ids = {line.id for (_, device), line in self.lines.items() if device in devices}
        self.told = {key: value for key, value in self.told.items() if key[0] not in ids}

    def _order(self, changes: Changes) -> None:
        for settlement in changes.settlements:
            claim = settlement.claim
            key = (claim.lane, claim.event.device, claim.event.module)
            row = self.orders.get(key)
            is_told = isinstance(settlement, Delivered) and claim.kind is Kind.TERMINAL
            if row and row.update == claim.update and is_told and claim.event.state is not State.CANCELED:
                self.orders[key] = replace(row, is_closed=True)
        for key, order in changes.orders.items():
            if order is None:
                self.orders.pop(key, None)
            else:
                self.orders[key] = order
        for (lane, device, update), state in changes.beliefs.items():
            line = self.lines.setdefault((lane, device), Line(id=len(self.lines) + 1))
            self.told[line.id, update] = (state, None)

    def _settle(self, settlement: Settlement, now: float) -> None:
        claim = settlement.claim
        line = next(line for line in self.lines.values() if line.id == claim.queue)
        if line.in_flight != claim.message:
            return
        line.leased_until, line.in_flight = 0.0, None
        before, closed = self.told.get((claim.queue, claim.update), (None, None))
        if isinstance(settlement, Postponed):
            is_gone = all(row.id != claim.message for row in line.rows)
            if is_gone and settlement.parked is None:
                line.attempts, line.due_at = 0, now
                return
            line.attempts, line.due_at, line.parked = claim.attempts + 1, settlement.due_at, settlement.parked
            self.told[claim.queue, claim.update] = (settlement.reached or before, closed)
            return
        line.rows = [row for row in line.rows if (row.id, row.revision) != (claim.message, claim.revision)]
        line.attempts, line.parked = 0, None
        if isinstance(settlement, Delivered):
            self.told[claim.queue, claim.update] = (settlement.state or before, settlement.closed or closed)
            line.progress_after = settlement.next_progress_at
        else:
            self.buried.append(settlement)
            self.told[claim.queue, claim.update] = (settlement.reached or before, closed)
            line.progress_after = now
        is_progress = bool(line.rows) and line.rows[0].message.kind is Kind.PROGRESS
        line.due_at = line.progress_after if is_progress else now

    def _enqueue(self, message: Message, now: float) -> None:
        key = (message.lane, message.event.device)
        line = self.lines.setdefault(key, Line(id=len(self.lines) + 1))
        waiting = [
            row
            for row in line.rows
            if row.message.kind is Kind.PROGRESS and row.message.update == message.update
        ]
        if message.kind is Kind.PROGRESS and waiting:
            waiting[0].message, waiting[0].revision = message, waiting[0].revision + 1
            return
        if waiting and line.rows[0] is waiting[0] and line.in_flight is None and line.parked is None:
            line.attempts = 0
        line.rows = [row for row in line.rows if row not in waiting]
        if not line.attempts and line.parked is None:
            if message.kind is not Kind.PROGRESS:
                line.due_at = now
            elif not line.rows:
                line.due_at = max(line.progress_after, now)
        self._rows += 1
        line.rows.append(Row(self._rows, message, now))

    def _claim(self, lane: Lane, line: Line) -> Claim:
        row = line.rows[0]
        after, closed = self.told.get((line.id, row.message.update), (None, None))
        return Claim(
            message=row.id,
            queue=line.id,
            revision=row.revision,
            lane=lane,
            update=row.message.update,
            kind=row.message.kind,
            event=row.message.event,
            size=1,
            attempts=line.attempts,
            enqueued_at=row.enqueued_at,
            after=after,
            closed=closed,
            source=self.updates[row.message.update].source,
        )


@dataclass(frozen=True, kw_only=True)
class Call:
    """One delivery as the cloud saw it."""

    at: float
    device: Device
    event: StateReported
    after: State | None


#: What a cloud does with a delivery: returns commands, raises, or takes its time first.
Answer = Callable[[StateReported], Awaitable[Sequence[Command]]]


async def fine(_: StateReported) -> Sequence[Command]:
    """Take it."""
    return ()


def raises(error: BaseException) -> Answer:
    """Refuse it with this error."""

    async def answer(_: StateReported) -> Sequence[Command]:
        raise error

    return answer


def teaches(*commands: Command) -> Answer:
    """Take it, and say something."""

    async def answer(_: StateReported) -> Sequence[Command]:
        return commands

    return answer


def takes(seconds: float, then: Answer = fine) -> Answer:
    """Answer only after a while."""

    async def answer(event: StateReported) -> Sequence[Command]:
        await asyncio.sleep(seconds)
        return await then(event)

    return answer


@dataclass
class FakeCloud:
    """Implements `ports.cloud.Teller`: follows its script, then its habit."""

    script: deque[Answer] = field(default_factory=deque)
    habit: Answer = fine
    calls: list[Call] = field(default_factory=list)
    #: What was acknowledged, in order.
    took: list[StateReported] = field(default_factory=list)
    busy: dict[DeviceId, int] = field(default_factory=lambda: defaultdict(int))
    most_for_one: int = 0
    most: int = 0

    async def deliver(self, device: Device, event: StateReported, after: State | None) -> Sequence[Command]:
        """Act out the next line of the script."""
        now = asyncio.get_running_loop().time()
        self.calls.append(Call(at=now, device=device, event=event, after=after))
        answer = self.script.popleft() if self.script else self.habit
        self.busy[device.id] += 1
        self.most_for_one = max(self.most_for_one, self.busy[device.id])
        self.most = max(self.most, sum(self.busy.values()))
        try:
            commands = await answer(event)
        finally:
            self.busy[device.id] -= 1
        self.took.append(event)
        return commands

    @property
    def heard(self) -> list[State]:
        """The states of the calls, in order."""
        return [call.event.state for call in self.calls]
