"""Which queue is whose: the ids, known in memory, as many as there are devices times lanes."""

from sqlalchemy import Connection, select, tuple_

from gateway.model.identity import DeviceId, Lane
from gateway.store import statement
from gateway.store.queues import chunks
from gateway.store.schema import queues
from gateway.store.upsert import insert_missing

_OWNERS = select(queues.c.id, queues.c.lane, queues.c.product, queues.c.device)


class QueueIds:
    """Finds and creates queues."""

    def __init__(self) -> None:
        self._ids: dict[tuple[Lane, DeviceId], int] = {}

    def __getitem__(self, key: tuple[Lane, DeviceId]) -> int:
        return self._ids[key]

    def load(self, connection: Connection) -> None:
        """Read all of them."""
        for queue, lane, product, device in connection.execute(_OWNERS):
            self._ids[Lane(lane), DeviceId(product, device)] = queue

    def ensure(self, connection: Connection, wanted: set[tuple[Lane, DeviceId]]) -> None:
        """Know these, and create those that do not exist."""
        missing = wanted - self._ids.keys()
        if not missing:
            return
        keys = sorted((lane, *device) for lane, device in missing)
        rows = [{"lane": lane, "product": product, "device": device} for lane, product, device in keys]
        statement.execute(connection, insert_missing(connection, queues), rows)
        owner = tuple_(queues.c.lane, queues.c.product, queues.c.device)
        for chunk in chunks(keys):
            for queue, lane, product, device in connection.execute(_OWNERS.where(owner.in_(chunk))):
                self._ids[Lane(lane), DeviceId(product, device)] = queue

    def forget(self) -> None:
        """Drop all, for a rolled back transaction may have created some: they are found again when asked for."""
        self._ids.clear()
