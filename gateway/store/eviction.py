"""Making room in a lane that is nearly full: progress goes first, and nothing else ever goes."""

from collections.abc import MutableMapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, literal_column, select

from gateway.model.identity import Lane
from gateway.store import statement
from gateway.store.queues import Queue, read
from gateway.store.schema import messages, queues

_CHUNK = 500


@dataclass(slots=True)
class Evicted:
    """What was dropped."""

    messages: int = 0
    size: int = 0


def evict(
    connection: Connection, lane: Lane, touched: MutableMapping[int, Queue], *, excess: int, now: float
) -> Evicted:
    """Drop the oldest progress of the lane that is not in flight until `excess` bytes are free.

    The queues that lose a message are added to `touched`, marked as moved.
    """
    evicted = Evicted()
    while evicted.size < excess:
        rows = connection.execute(_OLDEST, {"lane": lane, "now": now}).all()
        if not rows:
            break
        dropped = []
        for row in rows:
            if evicted.size < excess:
                dropped.append(row)
                evicted.messages += 1
                evicted.size += row.size
        statement.execute(connection, _DELETE, [{"key": row.id} for row in dropped])
        touched.update(read(connection, {row.queue for row in dropped} - touched.keys()))
        for row in dropped:
            touched[row.queue].moved = True
    return evicted


_OLDEST = (
    select(messages.c.id, messages.c.queue, messages.c.size)
    .join(queues, queues.c.id == messages.c.queue)
    .where(
        messages.c.kind == literal_column("0"),
        queues.c.lane == bindparam("lane"),
        queues.c.leased_until <= bindparam("now"),
    )
    .order_by(messages.c.id)
    .limit(_CHUNK)
)
_DELETE = messages.delete().where(messages.c.id == bindparam("key"))
