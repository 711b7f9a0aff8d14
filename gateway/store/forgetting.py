"""Forgets devices, with all that stands anywhere of their updates: who comes again begins to count anew.

What was said of an update of the same name must not be taken for the new one's.
"""

from collections.abc import Collection

from sqlalchemy import Connection, delete, select, tuple_

from gateway.model.identity import DeviceId
from gateway.store.queues import EMPTY, chunks
from gateway.store.schema import dead_letters, journal, orders, queues, tellings, updates, versions


def forget(connection: Connection, devices: Collection[DeviceId]) -> bool:
    """Remove all rows of these devices, of none of which more than progress waits; False when there are none."""
    for chunk in chunks([tuple(device) for device in sorted(devices)]):
        theirs = select(updates.c.id).where(tuple_(updates.c.product, updates.c.device).in_(chunk))
        lines = select(queues.c.id).where(tuple_(queues.c.product, queues.c.device).in_(chunk))
        connection.execute(delete(journal).where(journal.c.update_id.in_(theirs)))
        for table in (tellings, dead_letters):
            connection.execute(delete(table).where(table.c.queue.in_(lines)))
        # Progress may be left of a cloud that is configured no more.
        connection.execute(delete(queues).where(queues.c.id.in_(lines.where(queues.c.urgency == EMPTY))))
        for table in (updates, versions, orders):
            connection.execute(delete(table).where(tuple_(table.c.product, table.c.device).in_(chunk)))
    return bool(devices)
