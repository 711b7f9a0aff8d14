"""Claims: the heads of queues, leased to whoever sends them."""

from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import Connection, Row, bindparam, case, func, literal_column, select, true, update

from gateway.model import codec
from gateway.model.identity import DeviceId, Lane, UpdateId, Version
from gateway.model.states import State
from gateway.ports.store import Claim, Kind
from gateway.store import statement
from gateway.store.queues import EMPTY, chunks, first_in_line, read, write
from gateway.store.schema import dead_letters, messages, queues, tellings, updates
from gateway.store.sums import Deltas

log = structlog.get_logger()


def claim(
    connection: Connection, deltas: Deltas, lane: Lane, *, limit: int, now: float, lease_until: float
) -> Sequence[Claim]:
    """Lease the heads of the lane's due queues; the most urgent first, then the longest due.

    A head that cannot be read would block its lane for ever: it becomes a dead letter, counted in `deltas`.
    """
    due = connection.execute(_DUE, {"lane": lane, "now": now, "limit": limit}).scalars().all()
    heads = [row for chunk in chunks(due) for row in connection.execute(_HEADS, {"ids": chunk}).all()]
    found = {claim.queue: claim for row in heads if (claim := _read_head(lane, row)) is not None}
    leases = [{"key": c.queue, "leased": lease_until, "message": c.message} for c in found.values()]
    statement.execute(connection, _LEASE, leases)
    unreadable = [row for row in heads if row.queue not in found]
    for row in unreadable:
        deltas.add(lane, -1, -row.size)
    _put_aside(connection, unreadable, now)
    return [found[queue] for queue in due if queue in found]


def next_due(connection: Connection, lane: Lane) -> float | None:
    """When the next message of the lane may be sent; that of a leased one when its lease runs out."""
    due: float | None = connection.scalar(_NEXT_DUE, {"lane": lane})
    return due


def is_end_waiting(connection: Connection, lane: Lane, device: DeviceId) -> bool:
    """Whether the end of an update of the device waits to be told in the lane."""
    whose = {"lane": lane, "product": device.product_id, "device": device.name}
    return connection.execute(_IS_END_WAITING, whose).first() is not None


def take_back(connection: Connection, lane: Lane | None = None) -> None:
    """End all leases, of one lane or of all: those who held them are gone."""
    whose = queues.c.lane == lane if lane is not None else true()
    connection.execute(
        update(queues).where(whose, queues.c.leased_until > 0).values(leased_until=0.0, in_flight=None)
    )
    # A start is often a person who has just mended a permission: ask for parked devices at once.
    connection.execute(update(queues).where(whose, queues.c.parked.is_not(None)).values(due_at=0.0))


def _put_aside(connection: Connection, unreadable: Sequence[Row[Any]], now: float) -> None:
    rows = [
        {
            "queue": row.queue,
            "update_id": row.update_id,
            "kind": row.kind,
            "body": row.body,
            "code": "unreadable",
            "reason": "the store held something that is not a report",
            "wall": now,
        }
        for row in unreadable
    ]
    statement.execute(connection, _BURY, rows)
    statement.execute(connection, _DELETE, [{"key": row.id} for row in unreadable])
    lines = read(connection, {row.queue for row in unreadable})
    for line in lines.values():
        line.advance(now)
    write(connection, lines.values(), now)


def _read_head(lane: Lane, row: Row[Any]) -> Claim | None:
    try:
        return _claim(lane, row)
    except (ValueError, KeyError, TypeError):
        log.exception("message_unreadable", lane=lane, update=row.update_id)
        return None


def _claim(lane: Lane, row: Row[Any]) -> Claim:
    return Claim(
        message=row.id,
        queue=row.queue,
        revision=row.revision,
        lane=lane,
        update=UpdateId(row.update_id),
        kind=Kind(row.kind),
        event=codec.decode(row.body),
        size=row.size,
        attempts=row.attempts,
        enqueued_at=row.enqueued_at,
        after=None if row.after is None else State(row.after),
        closed=row.closed,
        source=None if row.source is None else Version(row.source),
    )


_waits = (queues.c.lane == bindparam("lane")) & (queues.c.urgency > literal_column(str(EMPTY)))
_DUE = (
    select(queues.c.id)
    .where(_waits, queues.c.due_at <= bindparam("now"), queues.c.leased_until <= bindparam("now"))
    .order_by(queues.c.urgency.desc(), queues.c.due_at, queues.c.id)
    .limit(bindparam("limit"))
)
_NEXT_DUE = select(
    func.min(case((queues.c.leased_until > queues.c.due_at, queues.c.leased_until), else_=queues.c.due_at))
).where(_waits)
_IS_END_WAITING = select(queues.c.id).where(
    queues.c.lane == bindparam("lane"),
    queues.c.product == bindparam("product"),
    queues.c.device == bindparam("device"),
    queues.c.urgency == literal_column(str(Kind.TERMINAL.value)),
)
_HEADS = (
    select(
        messages,
        queues.c.attempts,
        tellings.c.state.label("after"),
        tellings.c.closed,
        updates.c.source,
    )
    .select_from(queues)
    .join(messages, messages.c.id == first_in_line(messages.c.id))
    .outerjoin(tellings, (tellings.c.queue == queues.c.id) & (tellings.c.update_id == messages.c.update_id))
    .outerjoin(updates, updates.c.id == messages.c.update_id)
    .where(queues.c.id.in_(bindparam("ids", expanding=True)))
)
_BURY = dead_letters.insert()
_DELETE = messages.delete().where(messages.c.id == bindparam("key"))
_LEASE = (
    update(queues)
    .where(queues.c.id == bindparam("key"))
    .values(leased_until=bindparam("leased"), in_flight=bindparam("message"))
)
