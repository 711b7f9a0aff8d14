"""How much of history is kept, and of whom: what one device makes the gateway write drives out nobody else's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    delete,
    exists,
    func,
    select,
    tuple_,
)

from gateway.model.states import TERMINAL
from gateway.store.queues import EMPTY
from gateway.store.schema import dead_letters, journal, quarantine, queues, tellings, updates


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


def prune(connection: Connection, keep: Keep, now: float) -> None:
    """Forget what is older or more than is kept.

    The newest update of a module stays, and so do those of a device of which messages wait.
    """
    # Lines of an earlier version have no site time; both clocks start out as one.
    written = func.coalesce(journal.c.site, journal.c.wall)
    connection.execute(delete(journal).where(written < now - keep.journal.total_seconds()))
    _make_room_in_journal(connection, keep.journal_rows)
    _keep_shares(connection, dead_letters, (dead_letters.c.queue,), keep.dead_letters_rows)
    prune_quarantine(connection, keep.quarantine_rows)
    _prune_updates(connection, now - keep.finished.total_seconds())
    _make_room_among_updates(connection, keep.finished_rows)
    connection.execute(delete(tellings).where(tellings.c.update_id.not_in(select(updates.c.id))))


def _make_room_in_journal(connection: Connection, rows: int) -> None:
    """Forget the oldest lines; first, where too many are there, those of whoever wrote much of the newest."""
    excess = _count(connection, journal) - rows
    if excess <= 0:
        return
    newest = connection.scalar(select(func.max(journal.c.id))) or 0
    lately = select(journal.c.product, journal.c.device).where(journal.c.id > newest - rows // 5)
    for product, device in connection.execute(_having_more(lately, share(rows))).all():
        theirs = select(journal.c.id).where(journal.c.product == product, journal.c.device == device)
        last = connection.scalar(theirs.order_by(journal.c.id.desc()).offset(share(rows)).limit(1))
        if last is not None and excess > 0:
            oldest = theirs.where(journal.c.id <= last).order_by(journal.c.id).limit(excess)
            excess -= connection.execute(delete(journal).where(journal.c.id.in_(oldest))).rowcount
    _keep_newest(connection, journal, rows)


def _make_room_among_updates(connection: Connection, rows: int) -> None:
    """Forget the updates that ended first; before all others those of whoever has much of them."""
    ended = select(updates.c.touched_at).where(_ENDED)
    excess = _count(connection, ended.subquery()) - rows
    if excess <= 0:
        return
    having_many = _having_more(select(updates.c.product, updates.c.device).where(_ENDED), share(rows))
    for product, device in connection.execute(having_many).all():
        are_theirs = (updates.c.product == product) & (updates.c.device == device)
        theirs = ended.where(are_theirs).order_by(updates.c.touched_at)
        surplus = min(_count(connection, theirs.subquery()) - share(rows), excess)
        before = connection.scalar(theirs.offset(surplus).limit(1)) if surplus > 0 else None
        if before is not None:
            excess -= _prune_updates(connection, before, are_theirs)
    newest_first = ended.order_by(updates.c.touched_at.desc())
    # Those that ended before the last of so many are too many.
    _prune_updates(connection, connection.scalar(newest_first.offset(max(rows, 1) - 1).limit(1)) or 0.0)


def _having_more(devices: Select[str, str], rows: int) -> Select[str, str]:
    """Narrow rows of devices to the devices that have more than so many of them."""
    return devices.group_by(*devices.selected_columns).having(func.count() > rows)


def _prune_updates(connection: Connection, before: float, *those: ColumnElement[bool]) -> int:
    """Forget updates that ended before this time of the site clock; return how many."""
    later = updates.alias()
    newer = exists().where(
        later.c.product == updates.c.product,
        later.c.device == updates.c.device,
        later.c.module == updates.c.module,
        later.c.number > updates.c.number,
    )
    waiting = select(queues.c.product, queues.c.device).where(queues.c.urgency > EMPTY)
    is_quiet = tuple_(updates.c.product, updates.c.device).not_in(waiting)
    forgotten = delete(updates).where(_ENDED, updates.c.touched_at < before, newer, is_quiet, *those)
    return connection.execute(forgotten).rowcount


def prune_quarantine(connection: Connection, rows: int) -> None:
    """Forget the oldest of what nobody understood, of whoever has much of it first."""
    _keep_shares(connection, quarantine, (quarantine.c.product, quarantine.c.device), rows)


def _keep_shares(
    connection: Connection, table: Table, device: Sequence[ColumnElement[object]], rows: int
) -> None:
    """Forget the oldest rows; when there are too many, those first of which one device has a hundredth of all."""
    if _count(connection, table) <= rows:
        return
    place = func.row_number().over(partition_by=device, order_by=table.c.id.desc())
    placed = select(table.c.id, place.label("place")).subquery()
    too_many = select(placed.c.id).where(placed.c.place > share(rows))
    connection.execute(delete(table).where(table.c.id.in_(too_many)))
    _keep_newest(connection, table, rows)


def share(rows: int) -> int:
    """Return how many of so many rows one device may have where there are too many."""
    return max(rows // 100, 1)


def _count(connection: Connection, rows: FromClause) -> int:
    return connection.scalar(select(func.count()).select_from(rows)) or 0


def _keep_newest(connection: Connection, table: Table, rows: int) -> None:
    oldest = connection.scalar(select(table.c.id).order_by(table.c.id.desc()).offset(rows).limit(1))
    if oldest is not None:
        connection.execute(delete(table).where(table.c.id <= oldest))


_ENDED = updates.c.state.in_([state.value for state in TERMINAL])
