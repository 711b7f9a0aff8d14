"""Journal, quarantine and the clock: what is kept for people and for the next start."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, func, select, tuple_

from gateway.model.states import TERMINAL
from gateway.ports.store import Entry, Quarantined
from gateway.store import statement
from gateway.store.queues import EMPTY
from gateway.store.schema import clock, dead_letters, journal, quarantine, queues, tellings, updates
from gateway.store.upsert import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How much history is kept. The numbers bound the disk whatever the ages say."""

    finished: timedelta = timedelta(days=90)
    #: Updates that ended; the newest of each module stays besides.
    finished_rows: int = 100_000
    journal: timedelta = timedelta(days=30)
    journal_rows: int = 500_000
    dead_letters_rows: int = 100_000
    quarantine_rows: int = 10_000
    #: Bytes of one quarantined payload that are kept.
    quarantine_payload: int = 4096


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
        share = _share(keep.quarantine_rows)
        newest = connection.scalar(select(func.max(quarantine.c.id))) or 0
        if newest // share > (newest - len(rows)) // share:
            _prune_quarantine(connection, keep.quarantine_rows)


def write_clock(connection: Connection, site: float, wall: float) -> None:
    """Note both clocks, so that the next start knows how much time passed."""
    statement.execute(connection, upsert(connection, clock, "id"), [{"id": 1, "site": site, "wall": wall}])


def load_clock(connection: Connection) -> tuple[float, float] | None:
    """Read both clocks as they stood at the last commit."""
    row = connection.execute(select(clock.c.site, clock.c.wall)).first()
    return None if row is None else (row.site, row.wall)


def prune(connection: Connection, keep: Keep, now: float) -> None:
    """Forget what is older or more than is kept.

    The newest update of a module stays, and so do those of a device of which messages wait.
    """
    _keep_newest(connection, journal, keep.journal_rows)
    _keep_shares(connection, dead_letters, (dead_letters.c.queue,), keep.dead_letters_rows)
    _prune_quarantine(connection, keep.quarantine_rows)
    # Lines of an earlier version have no site time; both clocks start out as one.
    written = func.coalesce(journal.c.site, journal.c.wall)
    connection.execute(delete(journal).where(written < now - keep.journal.total_seconds()))
    too_old = now - keep.finished.total_seconds()
    _prune_updates(connection, max(too_old, _too_many(connection, keep.finished_rows)))
    connection.execute(delete(tellings).where(tellings.c.update_id.not_in(select(updates.c.id))))


def _too_many(connection: Connection, rows: int) -> float:
    """When the last of so many updates ended; those that ended before are too many."""
    newest_first = select(updates.c.touched_at).where(_ENDED).order_by(updates.c.touched_at.desc())
    return connection.scalar(newest_first.offset(max(rows, 1) - 1).limit(1)) or 0.0


def _prune_updates(connection: Connection, before: float) -> None:
    """Forget updates that ended before this time of the site clock."""
    later = updates.alias()
    newer = exists().where(
        later.c.product == updates.c.product,
        later.c.device == updates.c.device,
        later.c.module == updates.c.module,
        later.c.number > updates.c.number,
    )
    waiting = select(queues.c.product, queues.c.device).where(queues.c.urgency > EMPTY)
    connection.execute(
        delete(updates).where(
            _ENDED,
            updates.c.touched_at < before,
            newer,
            tuple_(updates.c.product, updates.c.device).not_in(waiting),
        )
    )


def _prune_quarantine(connection: Connection, rows: int) -> None:
    _keep_shares(connection, quarantine, (quarantine.c.product, quarantine.c.device), rows)


def _keep_shares(
    connection: Connection, table: Table, device: Sequence[ColumnElement[object]], rows: int
) -> None:
    """Forget the oldest rows; when there are too many, those first of which one device has a hundredth of all."""
    found = connection.scalar(select(func.count()).select_from(table)) or 0
    if found <= rows:
        return
    place = func.row_number().over(partition_by=device, order_by=table.c.id.desc())
    placed = select(table.c.id, place.label("place")).subquery()
    too_many = select(placed.c.id).where(placed.c.place > _share(rows))
    connection.execute(delete(table).where(table.c.id.in_(too_many)))
    oldest = connection.scalar(select(table.c.id).order_by(table.c.id.desc()).offset(rows).limit(1))
    if oldest is not None:
        connection.execute(delete(table).where(table.c.id <= oldest))


def _share(rows: int) -> int:
    return max(rows // 100, 1)


def _keep_newest(connection: Connection, table: Table, rows: int) -> None:
    newest = connection.scalar(select(func.max(table.c.id)))
    if newest is not None:
        connection.execute(delete(table).where(table.c.id <= newest - rows))


_ENDED = updates.c.state.in_([state.value for state in TERMINAL])
_JOURNAL = journal.insert()
_QUARANTINE = quarantine.insert()
