"""The promise of what people may look up: all that the store keeps, also of what is over.

Reading changes nothing and holds up no commit; what it sees is on disk. Raises StoreError when it cannot be read.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.model.identity import DeviceId, Lane, UpdateId
from gateway.model.states import Reason, State
from gateway.model.update import Update
from gateway.ports.store import Kind

#: Where a page of updates ended: when its last one was opened, and its name.
Place = tuple[float, UpdateId]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateQuery:
    """Which updates are wanted; None asks for all."""

    states: Collection[State] | None = None
    product: str | None = None
    #: The device's name within its product.
    device: str | None = None
    reason: Reason | None = None
    #: Only those that were opened then or later; seconds of the site clock.
    since: float | None = None
    #: Only those after this one.
    after: Place | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterQuery:
    """Which dead letters are wanted; None asks for all."""

    lane: Lane | None = None
    product: str | None = None
    device: str | None = None
    #: Only those of then or later; Unix seconds.
    since: float | None = None
    #: Only those before this id.
    before: int | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AsideQuery:
    """What of the quarantine is wanted; None asks for all."""

    product: str | None = None
    device: str | None = None
    reason: str | None = None
    #: Only what came then or later; Unix seconds.
    since: float | None = None
    #: Only what stands before this id.
    before: int | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of an update's timeline."""

    #: Unix seconds of the wall clock.
    wall: float
    #: `said`, `understood`, `operator`, or the lane that answered.
    source: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that a cloud refused for good."""

    id: int
    lane: Lane
    device: DeviceId
    update: UpdateId
    kind: Kind
    #: The event, as `model.codec` writes it.
    body: str
    code: str
    reason: str
    wall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """Device input that could not be understood, or not be acted upon."""

    id: int
    device: DeviceId
    topic: str
    #: Perhaps only its beginning.
    payload: bytes
    reason: str
    detail: str
    wall: float


class History(Protocol):
    """What the store keeps for people. All of it comes newest first, but a timeline oldest first."""

    async def updates(self, query: UpdateQuery) -> Sequence[Update]:
        """Return updates, those that were opened last first."""
        ...

    async def update(self, name: UpdateId) -> Update | None:
        """Return one update."""
        ...

    async def unheard(self, updates: Collection[Update]) -> Mapping[UpdateId, Sequence[Lane]]:
        """Return the lanes in which the ends of these updates wait to be told; those that wait in none are left out."""
        ...

    async def timeline(self, name: UpdateId, *, limit: int) -> Sequence[Line]:
        """Return the last so many lines of the update's timeline, oldest first."""
        ...

    async def dead_letters(self, query: LetterQuery) -> Sequence[DeadLetter]:
        """Return dead letters."""
        ...

    async def dead_letter(self, number: int) -> DeadLetter | None:
        """Return one dead letter."""
        ...

    async def quarantine(self, query: AsideQuery) -> Sequence[SetAside]:
        """Return what was set aside."""
        ...

    async def set_aside(self, number: int) -> SetAside | None:
        """Return one of them."""
        ...
