"""How much of history is kept, and of whom: what one device makes the gateway write drives out nobody else's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Subquery,
    Table,
    and_,
    delete,
    exists,
    func,
    select,
)

from gateway.model.states import TERMINAL
from gateway.store.schema import dead_letters, journal, messages, quarantine, tellings, updates


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How much history is kept. The numbers bound the disk whatever the ages say."""

    finished: timedelta = timedelta(days=90)
    #: Updates that ended, beside the newest of each module and those of which messages wait.
    finished_rows: int = 100_000
    journal: timedelta = timedelta(days=30)
    journal_rows: int = 500_000
    dead_letters_rows: int = 100_000
    quarantine_rows: int = 10_000
    #: Bytes of one quarantined payload that are kept.
    quarantine_payload: int = 4096


def prune(connection: Connection, keep: Keep, now: float) -> None:
    """Forget what is older or more than is kept.

    The newest update of a module stays besides, and so does one of which messages wait.
    """
    # Lines of an earlier version have no site time; both clocks start out as one.
    written = func.coalesce(journal.c.site, journal.c.wall)
    connection.execute(delete(journal).where(written < now - keep.journal.total_seconds()))
    _make_room(connection, journal, (journal.c.product, journal.c.device), keep.journal_rows)
    _make_room(connection, dead_letters, (dead_letters.c.queue,), keep.dead_letters_rows)
    prune_quarantine(connection, keep.quarantine_rows)
    _prune_updates(connection, keep, now)
    # Looked up one by one: from a set not to be in PostgreSQL reads all of it for each row.
    connection.execute(delete(tellings).where(~exists().where(updates.c.id == tellings.c.update_id)))


def prune_quarantine(connection: Connection, rows: int) -> None:
    """Forget what is too much of what nobody understood, and a tenth more: it is called again and again."""
    device = (quarantine.c.product, quarantine.c.device)
    _make_room(connection, quarantine, device, rows, more=rows // 10)


def _make_room(
    connection: Connection, table: Table, device: Sequence[ColumnElement[object]], rows: int, *, more: int = 0
) -> None:
    """Where there are too many rows, forget some of whoever has most of them, then the oldest."""
    found, kept = _count(connection, table), rows - more
    if found > rows:
        place = func.row_number().over(partition_by=device, order_by=table.c.id.desc())
        placed = select(table.c.id, place.label("place")).subquery()
        _level(connection, table, placed, found - kept, share(rows))
        _keep_newest(connection, table, kept)


def _prune_updates(connection: Connection, keep: Keep, now: float) -> None:
    later = updates.alias()
    newer = exists().where(
        later.c.product == updates.c.product,
        later.c.device == updates.c.device,
        later.c.module == updates.c.module,
        later.c.number > updates.c.number,
    )
    too_old = updates.c.touched_at < now - keep.finished.total_seconds()
    connection.execute(delete(updates).where(_ENDED, too_old, newer, updates.c.id.in_(_QUIET)))
    if _count(connection, select(updates.c.id).where(_ENDED).subquery()) <= keep.finished_rows:
        return
    spare = _spare().subquery()
    excess = _count(connection, spare) - keep.finished_rows
    if excess > 0:
        excess -= _level(connection, updates, spare, excess, share(keep.finished_rows))
        oldest = select(spare.c.id).order_by(spare.c.touched_at).limit(excess)
        connection.execute(delete(updates).where(updates.c.id.in_(oldest)))


def _spare() -> Select[str, float, int]:
    """Return the updates that may be forgotten, and the place of each among its device's, the newest first."""
    module = (updates.c.product, updates.c.device, updates.c.module)
    newest_first = func.row_number().over(partition_by=module, order_by=updates.c.number.desc())
    among = select(updates, newest_first.label("of_module")).subquery()
    device = (among.c.product, among.c.device)
    place = func.row_number().over(partition_by=device, order_by=among.c.touched_at.desc()).label("place")
    may_go = and_(among.c.state.in_(_TERMINAL), among.c.of_module > 1, among.c.id.in_(_QUIET))
    return select(among.c.id, among.c.touched_at, place).where(may_go)


def _level(connection: Connection, table: Table, placed: Subquery, excess: int, least: int) -> int:
    """Forget so many rows of those who have most, down to one level for all of them; return how many went.

    `placed` counts the rows of each, the newest first. Nobody is left with less than `least`.
    """
    much = select(placed.c.id).where(placed.c.place > least)
    highest = much.order_by(placed.c.place.desc(), placed.c.id).limit(excess)
    return connection.execute(delete(table).where(table.c.id.in_(highest))).rowcount


def share(rows: int) -> int:
    """Return how many of so many rows one device may have where there are too many."""
    return max(rows // 100, 1)


def _count(connection: Connection, rows: FromClause) -> int:
    return connection.scalar(select(func.count()).select_from(rows)) or 0


def _keep_newest(connection: Connection, table: Table, rows: int) -> None:
    oldest = connection.scalar(select(table.c.id).order_by(table.c.id.desc()).offset(rows).limit(1))
    if oldest is not None:
        connection.execute(delete(table).where(table.c.id <= oldest))


_TERMINAL = [state.value for state in TERMINAL]
#: Of which no message waits; a set to be in, for the same reason.
_QUIET = select(updates.c.id).except_(select(messages.c.update_id))
_ENDED = updates.c.state.in_(_TERMINAL)
