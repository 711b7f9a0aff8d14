"""The promise of durable memory: what a commit holds is on disk, whole, before `commit` returns.

All times are seconds of the site clock (`core.clock`): it looks like Unix time, never jumps and never runs
backwards, so that leases and due times survive restarts and a wall clock that is set.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Protocol

from gateway.model.commands import UpdateOrdered
from gateway.model.events import StateReported
from gateway.model.identity import DeviceId, Lane, Module, UpdateId, Version
from gateway.model.states import State
from gateway.model.update import Update


class Kind(IntEnum):
    """What a message tells, in order of urgency."""

    PROGRESS = 0
    TRANSITION = 1
    TERMINAL = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something to tell one cloud; a row in the outbox once committed."""

    lane: Lane
    update: UpdateId
    kind: Kind
    event: StateReported


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The oldest waiting message of one device in one lane, leased to whoever claimed it."""

    message: int
    queue: int
    #: Grows when a newer progress report takes the row over; settling an older revision leaves the row.
    revision: int
    lane: Lane
    update: UpdateId
    kind: Kind
    event: StateReported
    #: Bytes it counts for in the lane's quota.
    size: int
    #: Failed tries so far.
    attempts: int
    enqueued_at: float
    #: The last state of this update that the cloud acknowledged.
    after: State | None
    #: Why the cloud is not to hear more of this update, if so.
    closed: str | None
    #: The version that ran before the update.
    source: Version | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The cloud has it. `closed` ends the conversation about this update with that cloud."""

    claim: Claim
    state: State | None
    closed: str | None = None
    #: Progress that comes next waits until then: coalescing at the trailing edge.
    next_progress_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Postponed:
    """Try again at `due_at`; `parked` names the refusal when the cloud denies the device."""

    claim: Claim
    due_at: float
    reached: State | None = None
    parked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Buried:
    """The cloud refused it for good: it becomes a dead letter."""

    claim: Claim
    code: str
    reason: str
    reached: State | None = None


Settlement = Delivered | Postponed | Buried


class Circuit(StrEnum):
    """Whether a lane may send."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"
    #: The cloud denies us altogether; probed slowly.
    DENIED = "denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """The breaker of a lane, durable."""

    circuit: Circuit = Circuit.CLOSED
    #: Failures in a row.
    failures: int = 0
    #: No request before this time.
    until: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """Device input that could not be understood; kept bounded, shown, never retried."""

    device: DeviceId
    topic: str
    payload: bytes
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the journal: what was said, understood or answered."""

    device: DeviceId
    update: UpdateId | None
    #: `said`, `understood`, or the lane that answered.
    source: str
    text: str


#: A cloud wants one thing at a time of one module of one device.
OrderKey = tuple[Lane, DeviceId, Module]


def is_end_told(settlement: Settlement) -> bool:
    """Whether a cloud has acknowledged the end of what it ordered; of what was called off here it was told nothing."""
    claim = settlement.claim
    is_end = claim.kind is Kind.TERMINAL and claim.event.state is not State.CANCELED
    return isinstance(settlement, Delivered) and is_end


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """What a cloud wants of a module of a device, and the update that serves it."""

    lane: Lane
    command: UpdateOrdered
    #: None while it waits for another update to end.
    update: UpdateId | None = None
    #: The cloud has acknowledged how that update ended.
    is_closed: bool = False
    #: For people: `conflict` while another cloud's order goes first.
    note: str = ""

    @property
    def key(self) -> OrderKey:
        """What tells it from others."""
        return self.lane, self.command.device, self.command.module


@dataclass(slots=True, kw_only=True)
class Changes:
    """Everything that one transaction writes. Gathered while the commit before it runs."""

    #: Updates that were opened or changed state.
    updates: dict[UpdateId, Update] = field(default_factory=dict)
    #: Updates of which only the progress changed.
    progressed: dict[UpdateId, Update] = field(default_factory=dict)
    versions: dict[tuple[DeviceId, Module], Version] = field(default_factory=dict)
    #: Transitions and terminal reports, in order.
    messages: list[Message] = field(default_factory=list)
    #: The newest progress of each update and lane; older than no message of the same update.
    progress: dict[tuple[Lane, UpdateId], Message] = field(default_factory=dict)
    settlements: list[Settlement] = field(default_factory=list)
    #: Orders that changed; None removes one.
    orders: dict[OrderKey, Ordered | None] = field(default_factory=dict)
    #: What clouds turned out to believe of updates: it takes the place of what they had acknowledged.
    beliefs: dict[tuple[Lane, DeviceId, UpdateId], State | None] = field(default_factory=dict)
    lanes: dict[Lane, LaneState] = field(default_factory=dict)
    #: Lanes whose postponed messages are due at once: the cloud is back.
    woken: set[Lane] = field(default_factory=set)
    quarantine: list[Quarantined] = field(default_factory=list)
    journal: list[Entry] = field(default_factory=list)
    #: Dead letters that are forgotten, by their ids.
    dropped: list[int] = field(default_factory=list)
    #: Devices of which nothing is to be known any more, before all else that stands here.
    forgotten: set[DeviceId] = field(default_factory=set)

    def devices(self) -> set[DeviceId]:
        """Return the devices of which it holds more than history."""
        known = {each.device for each in (*self.updates.values(), *self.progressed.values())}
        known |= {device for device, _ in self.versions}
        known |= {device for _, device, _ in (*self.orders, *self.beliefs)}
        return known | {message.event.device for message in (*self.messages, *self.progress.values())}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What waits in a lane."""

    messages: int = 0
    size: int = 0
    #: When the oldest message was committed; None when nothing waits.
    oldest_at: float | None = None
    dead_letters: int = 0
    parked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What a commit did to the lanes: bytes waiting, and progress evicted to stay within the quota."""

    sizes: Mapping[Lane, int]
    messages: Mapping[Lane, int]
    evicted: Mapping[Lane, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What the store knew at start: the truth, from which memory is filled."""

    #: The newest update of each module of each device.
    updates: Sequence[Update]
    versions: Mapping[tuple[DeviceId, Module], Version]
    #: When each was written last.
    said_at: Mapping[tuple[DeviceId, Module], float]
    orders: Sequence[Ordered]
    lanes: Mapping[Lane, LaneState]
    sizes: Mapping[Lane, int]
    messages: Mapping[Lane, int]
    #: How many reports beside progress wait, of whom in which lane.
    waiting: Mapping[tuple[Lane, DeviceId], int] = field(default_factory=dict)
    #: Site clock and wall clock at the last commit, if there was one.
    clock: tuple[float, float] | None


class Store(Protocol):
    """Durable memory. One writer: no two calls run at once."""

    async def load(self) -> Loaded:
        """Read what must be known at start and take back leases of an earlier run."""
        ...

    async def commit(self, changes: Changes, *, now: float, wall: float) -> Committed:
        """Write all of it in one transaction and fsync; raises StoreError when nothing was written."""
        ...

    async def claim(self, lane: Lane, *, limit: int, now: float, lease_until: float) -> Sequence[Claim]:
        """Lease the head message of up to `limit` devices, terminal reports first, then by age.

        A settlement counts while its lease stands: once the head went on by another's, it changes nothing.
        """
        ...

    async def next_due(self, lane: Lane) -> float | None:
        """When the next message of the lane may be sent, a leased one when its lease ends; None when nothing waits."""
        ...

    async def is_end_waiting(self, lane: Lane, device: DeviceId) -> bool:
        """Whether the end of an update of the device waits to be told in this lane."""
        ...

    async def figures(self) -> Mapping[Lane, Figures]:
        """Count what waits, for metrics and status."""
        ...

    async def prune(self, *, now: float) -> None:
        """Forget finished updates, journal, dead letters and quarantine by age and number."""
        ...

    async def close(self) -> None:
        """Close after the last commit."""
        ...
