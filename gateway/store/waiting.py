"""Progress that waits: at most one row for an update and lane, which a newer report takes over in place."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, literal_column, select, update

from gateway.model.identity import UpdateId
from gateway.store import statement
from gateway.store.schema import messages

#: The queue and the update that the progress is of.
Key = tuple[int, UpdateId]


@dataclass(slots=True)
class Waiting:
    """A row of progress."""

    id: int
    revision: int
    size: int


def find(connection: Connection, queues: Collection[int]) -> dict[Key, Waiting]:
    """Read all progress that waits in these queues."""
    return {
        (queue, UpdateId(update_id)): Waiting(row_id, revision, size)
        for queue, update_id, row_id, revision, size in statement.query(connection, _FIND, queues)
    }


_FIND = select(
    messages.c.queue, messages.c.update_id, messages.c.id, messages.c.revision, messages.c.size
).where(messages.c.kind == literal_column("0"), statement.among(messages.c.queue))
OVERTAKE = (
    update(messages)
    .where(messages.c.id == bindparam("key"))
    .values(
        body=bindparam("body"),
        size=bindparam("size"),
        revision=messages.c.revision + literal_column("1"),
    )
)
