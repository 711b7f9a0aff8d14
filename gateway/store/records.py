"""Journal, quarantine and the clock: what is kept for people and for the next start."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from gateway.ports.store import Entry, Quarantined
from gateway.store import keeping, statement
from gateway.store.keeping import Keep
from gateway.store.schema import clock, journal, quarantine
from gateway.store.upsert import upsert


def write_journal(connection: Connection, entries: Sequence[Entry], *, now: float, wall: float) -> None:
    """Append what was said, understood and answered."""
    rows = [
        {
            "product": e.device.product_id,
            "device": e.device.name,
            "update_id": e.update,
            "source": e.source,
            "text": e.text,
            "wall": wall,
            "site": now,
        }
        for e in entries
    ]
    statement.execute(connection, _JOURNAL, rows)


def write_quarantine(connection: Connection, items: Sequence[Quarantined], wall: float, keep: Keep) -> None:
    """Keep input that could not be understood, cut to a bounded length."""
    rows = [
        {
            "product": q.device.product_id,
            "device": q.device.name,
            "topic": q.topic,
            "payload": q.payload[: keep.quarantine_payload],
            "reason": q.reason,
            "detail": q.detail,
            "wall": wall,
        }
        for q in items
    ]
    statement.execute(connection, _QUARANTINE, rows)
    if rows:
        # Soon, not only when history is pruned: a device may babble all day.
        share = keeping.share(keep.quarantine_rows)
        newest = connection.scalar(select(func.max(quarantine.c.id))) or 0
        if newest // share > (newest - len(rows)) // share:
            keeping.prune_quarantine(connection, keep.quarantine_rows)


def write_clock(connection: Connection, site: float, wall: float) -> None:
    """Note both clocks, so that the next start knows how much time passed."""
    statement.execute(connection, upsert(connection, clock, "id"), [{"id": 1, "site": site, "wall": wall}])


def load_clock(connection: Connection) -> tuple[float, float] | None:
    """Read both clocks as they stood at the last commit."""
    row = connection.execute(select(clock.c.site, clock.c.wall)).first()
    return None if row is None else (row.site, row.wall)


_JOURNAL = journal.insert()
_QUARANTINE = quarantine.insert()
