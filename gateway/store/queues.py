"""Queues: the line of messages of one device in one lane, and when its head may go."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, or_, select, update

from gateway.model.identity import DeviceId, Lane
from gateway.ports.store import Buried, Delivered, Kind, Postponed
from gateway.store.schema import messages, queues
from gateway.store.upsert import insert


class QueueIds:
    """The id of each queue, known in memory: as many as there are devices times lanes."""

    def __init__(self) -> None:
        self._ids: dict[tuple[Lane, DeviceId], int] = {}

    def __getitem__(self, key: tuple[Lane, DeviceId]) -> int:
        return self._ids[key]

    def load(self, connection: Connection) -> None:
        """Read all of them."""
        query = select(queues.c.id, queues.c.lane, queues.c.product, queues.c.device)
        for key, lane, product, device in connection.execute(query):
            self._ids[Lane(lane), DeviceId(product, device)] = key

    def ensure(self, connection: Connection, wanted: set[tuple[Lane, DeviceId]]) -> None:
        """Create the queues that are missing. After a rollback call `forget`, then `load`."""
        missing = wanted - self._ids.keys()
        if not missing:
            return
        rows = [
            {"lane": lane, "product": device.product_id, "device": device.name} for lane, device in missing
        ]
        connection.execute(insert(connection, queues).on_conflict_do_nothing(), rows)
        self.load(connection)

    def forget(self) -> None:
        """Drop what a rolled back transaction may have created."""
        self._ids.clear()


def enqueue(connection: Connection, urgency: Mapping[int, int], now: float) -> None:
    """Tell queues that messages of these kinds were added to them."""
    rows = [{"key": queue, "kind": kind, "now": now} for queue, kind in urgency.items()]
    connection.execute(_ENQUEUE, rows)


def advance(connection: Connection, settled: Iterable[Delivered | Buried], now: float) -> None:
    """Move queues on to their next message after the head was settled."""
    rows = [
        {
            "key": s.claim.queue,
            "settled": int(s.claim.kind),
            "now": now,
            "progress_at": s.next_progress_at if isinstance(s, Delivered) else now,
        }
        for s in settled
    ]
    if rows:
        connection.execute(_ADVANCE, rows)


def postpone(connection: Connection, postponed: Iterable[Postponed]) -> None:
    """Let heads wait for their next try."""
    rows = [
        {"key": p.claim.queue, "tries": p.claim.attempts + 1, "due": p.due_at, "refusal": p.parked}
        for p in postponed
    ]
    if rows:
        connection.execute(_POSTPONE, rows)


def wake(connection: Connection, lanes: Iterable[Lane], now: float) -> None:
    """Make every postponed message of these lanes due: their cloud is back."""
    connection.execute(
        update(queues)
        .where(queues.c.lane.in_(list(lanes)), queues.c.attempts > 0, queues.c.parked.is_(None))
        .values(due_at=now)
    )


def _of_head(column: Any) -> Any:
    return (
        select(column)
        .where(messages.c.queue == queues.c.id)
        .order_by(messages.c.id)
        .limit(1)
        .correlate(queues)
        .scalar_subquery()
    )


def _greatest(a: Any, b: Any) -> Any:
    return case((a >= b, a), else_=b)


_kind = bindparam("kind", type_=queues.c.urgency.type)
_now = bindparam("now", type_=queues.c.due_at.type)
_progress_at = bindparam("progress_at", type_=queues.c.due_at.type)

_ENQUEUE = (
    update(queues)
    .where(queues.c.id == bindparam("key"))
    .values(
        urgency=_greatest(queues.c.urgency, _kind),
        head_at=func.coalesce(queues.c.head_at, _now),
        due_at=case(
            # A head that waits for its retry keeps waiting.
            (or_(queues.c.attempts > 0, queues.c.parked.is_not(None)), queues.c.due_at),
            (_kind > int(Kind.PROGRESS), _now),
            (queues.c.urgency >= 0, queues.c.due_at),
            else_=_greatest(queues.c.progress_after, _now),
        ),
    )
)

_head_kind = _of_head(messages.c.kind)
_most_urgent = (
    select(func.max(messages.c.kind))
    .where(messages.c.queue == queues.c.id)
    .correlate(queues)
    .scalar_subquery()
)
_ADVANCE = (
    update(queues)
    .where(queues.c.id == bindparam("key"))
    .values(
        attempts=0,
        leased_until=0.0,
        parked=None,
        head_at=_of_head(messages.c.enqueued_at),
        progress_after=_progress_at,
        due_at=case((_head_kind == int(Kind.PROGRESS), _progress_at), else_=_now),
        urgency=case(
            (_head_kind.is_(None), -1),
            # Counting a whole line is dear; it is needed only when the terminal report at its end went out.
            (bindparam("settled", type_=queues.c.urgency.type) == int(Kind.TERMINAL), _most_urgent),
            else_=queues.c.urgency,
        ),
    )
)
_POSTPONE = (
    update(queues)
    .where(queues.c.id == bindparam("key"))
    .values(
        attempts=bindparam("tries"),
        due_at=bindparam("due"),
        leased_until=0.0,
        parked=bindparam("refusal"),
    )
)
