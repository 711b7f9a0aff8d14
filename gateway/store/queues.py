"""Queues: the line of messages of one device in one lane, and when its head may go.

The rules work on the rows that a commit concerns, read into memory; those that changed are written back at its end.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, case, exists, func, literal_column, select, update

from gateway.model.identity import DeviceId, Lane
from gateway.ports.store import Kind
from gateway.store import statement
from gateway.store.schema import messages, queues

_CHUNK = 500
#: The urgency of a queue in which nothing waits.
EMPTY = -1


@dataclass(slots=True)
class Queue:
    """A queue's row, and what may happen to it."""

    id: int
    #: The most urgent kind that waits, or EMPTY.
    urgency: int
    due_at: float
    head_at: float | None
    progress_after: float
    attempts: int
    leased_until: float
    in_flight: int | None
    parked: str | None
    changed: bool = False
    #: The head may be another one now.
    moved: bool = False
    #: The head was settled: the next one is due by itself.
    advanced: bool = False

    def enqueue(self, kind: Kind, now: float) -> None:
        """Take in a message of this kind."""
        waits = self.urgency != EMPTY
        due_at = self.due_at
        # A head that waits for its retry keeps waiting.
        if self.attempts == 0 and self.parked is None:
            if kind is not Kind.PROGRESS:
                due_at = min(due_at, now) if waits else now
            elif not waits:
                due_at = max(self.progress_after, now)
        if not waits or due_at != self.due_at or kind > self.urgency:
            self.head_at = self.head_at if waits else now
            self.due_at = due_at
            self.urgency = max(self.urgency, kind)
            self.changed = True

    def advance(self, progress_after: float) -> None:
        """Go on to the next message after the head was settled; progress waits until then."""
        self.attempts = 0
        self.leased_until = 0.0
        self.in_flight = None
        self.parked = None
        self.progress_after = max(self.progress_after, progress_after)
        self.moved = self.advanced = True

    def postpone(self, attempts: int, due_at: float, parked: str | None) -> None:
        """Let the head wait for its next try."""
        self.attempts = attempts
        self.leased_until = 0.0
        self.in_flight = None
        self.parked = parked
        self.due_at = due_at
        self.changed = True

    @property
    def waits_for_retry(self) -> bool:
        """Whether its head was tried, and waits for the next time; what is parked waits for a person."""
        return self.attempts > 0 and self.in_flight is None and self.parked is None

    def lose_head(self) -> None:
        """Forget the tries of a head that was dropped: they say nothing of what is sent next."""
        self.attempts = 0

    def stand(self, urgency: int, head_at: float | None, now: float) -> None:
        """Take note of what waits after all that happened to the messages."""
        self.urgency = urgency
        self.head_at = head_at
        if urgency == EMPTY:
            self.attempts = 0
            self.parked = None
        elif self.advanced:
            self.due_at = now if urgency > Kind.PROGRESS else max(self.progress_after, now)
        self.changed = True


_STATE = (
    queues.c.id,
    queues.c.urgency,
    queues.c.due_at,
    queues.c.head_at,
    queues.c.progress_after,
    queues.c.attempts,
    queues.c.leased_until,
    queues.c.in_flight,
    queues.c.parked,
)


def read(connection: Connection, ids: Collection[int]) -> dict[int, Queue]:
    """Read the rows of these queues."""
    return {row[0]: Queue(*row) for row in statement.query(connection, _READ, ids)}


def write(connection: Connection, touched: Collection[Queue], now: float) -> None:
    """Write those that changed; where the head may have moved, what waits now is looked up first."""
    moved = {queue.id: queue for queue in touched if queue.moved}
    for key, urgency, head_at in statement.query(connection, _STANDING, moved):
        moved[key].stand(urgency, head_at, now)
    statement.execute(connection, _WRITE, [_row(queue) for queue in touched if queue.changed])


def heads(connection: Connection, ids: Collection[int]) -> set[int]:
    """Read which messages stand at the heads of these queues."""
    return {message for (message,) in statement.query(connection, _HEADS, ids)}


def lengths(connection: Connection) -> dict[tuple[Lane, DeviceId], int]:
    """Count what waits in each queue beside progress."""
    return {
        (Lane(lane), DeviceId(product, device)): count - progress
        for lane, product, device, count, progress in connection.execute(_LENGTHS)
        if count > progress
    }


def wake(connection: Connection, lanes: Collection[Lane], now: float) -> None:
    """Make every postponed message of these lanes due: their cloud is back."""
    connection.execute(_WAKE, {"lanes": list(lanes), "now": now})


def chunks(keys: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Cut keys into pieces that fit into one statement."""
    return (keys[start : start + _CHUNK] for start in range(0, len(keys), _CHUNK))


def first_in_line(column: Any) -> Any:
    """Return a column of the queue's oldest message, for a query over queues."""
    oldest = select(column).where(messages.c.queue == queues.c.id).order_by(messages.c.id)
    return oldest.limit(literal_column("1")).correlate(queues).scalar_subquery()


def _row(queue: Queue) -> dict[str, Any]:
    return {
        "key": queue.id,
        "urgency": int(queue.urgency),
        "due_at": queue.due_at,
        "head_at": queue.head_at,
        "progress_after": queue.progress_after,
        "attempts": queue.attempts,
        "leased_until": queue.leased_until,
        "in_flight": queue.in_flight,
        "parked": queue.parked,
    }


def _waits(kind: Kind) -> Any:
    # Not a scan of the line: terminal reports and progress have an index, a transition stands near the head.
    of_kind = messages.c.kind == literal_column(str(kind.value))
    return exists().where(messages.c.queue == queues.c.id, of_kind).correlate(queues)


_these = statement.among(queues.c.id)
_READ = select(*_STATE).where(_these)
_urgency = case(*((_waits(kind), kind.value) for kind in sorted(Kind, reverse=True)), else_=EMPTY)
_STANDING = select(queues.c.id, _urgency, first_in_line(messages.c.enqueued_at)).where(_these)
_HEADS = select(first_in_line(messages.c.id)).select_from(queues).where(_these)
# Both counts are of an index alone: a million rows are not read for it.
_count = select(messages.c.queue, func.count().label("rows")).group_by(messages.c.queue)
_all = _count.subquery("all_of_it")
_progress = _count.where(messages.c.kind == literal_column("0")).subquery("progress")
_LENGTHS = (
    select(
        queues.c.lane,
        queues.c.product,
        queues.c.device,
        _all.c.rows,
        func.coalesce(_progress.c.rows, literal_column("0")),
    )
    .join(_all, _all.c.queue == queues.c.id)
    .outerjoin(_progress, _progress.c.queue == queues.c.id)
)
_WRITE = (
    update(queues)
    .where(queues.c.id == bindparam("key"))
    .values({column.name: bindparam(column.name) for column in _STATE[1:]})
)
_WAKE = (
    update(queues)
    .where(
        queues.c.lane.in_(bindparam("lanes", expanding=True)),
        queues.c.attempts > 0,
        queues.c.parked.is_(None),
        queues.c.due_at > bindparam("now"),
    )
    .values(due_at=bindparam("now"))
)
