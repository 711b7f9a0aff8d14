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
    not_,
    select,
    tuple_,
)

from gateway.model.states import TERMINAL
from gateway.store.queues import EMPTY
from gateway.store.schema import dead_letters, journal, messages, quarantine, queues, tellings, updates


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
    _prune_journal(connection, keep.journal_rows)
    _keep_shares(connection, dead_letters, (dead_letters.c.queue,), keep.dead_letters_rows)
    prune_quarantine(connection, keep.quarantine_rows)
    _prune_updates(connection, keep, now)
    connection.execute(delete(tellings).where(tellings.c.update_id.not_in(select(updates.c.id))))


def _prune_journal(connection: Connection, rows: int) -> None:
    excess = _count(connection, journal) - rows
    if excess > 0:
        place = func.row_number().over(
            partition_by=(journal.c.product, journal.c.device), order_by=journal.c.id.desc()
        )
        lines = select(journal.c.id, place.label("place")).subquery()
        _level(connection, journal, lines, excess, share(rows))
        _keep_newest(connection, journal, rows)


def _prune_updates(connection: Connection, keep: Keep, now: float) -> None:
    later = updates.alias()
    newer = exists().where(
        later.c.product == updates.c.product,
        later.c.device == updates.c.device,
        later.c.module == updates.c.module,
        later.c.number > updates.c.number,
    )
    too_old = updates.c.touched_at < now - keep.finished.total_seconds()
    connection.execute(delete(updates).where(_ENDED, too_old, newer, not_(_waits(updates))))
    if _count(connection, select(updates.c.id).where(_ENDED).subquery()) <= keep.finished_rows:
        return
    spare = _spare().subquery()
    excess = _count(connection, spare) - keep.finished_rows
    if excess > 0:
        excess -= _level(connection, updates, spare, excess, share(keep.finished_rows))
        oldest = select(spare.c.id).order_by(spare.c.touched_at).limit(excess)
        connection.execute(delete(updates).where(updates.c.id.in_(oldest)))


def _waits(table: FromClause) -> ColumnElement[bool]:
    """Whether messages wait of an update; the second question is dear, and asked of those devices only."""
    waiting = select(queues.c.product, queues.c.device).where(queues.c.urgency > EMPTY)
    is_device_s = tuple_(table.c.product, table.c.device).in_(waiting)
    return and_(is_device_s, table.c.id.in_(select(messages.c.update_id)))


def _spare() -> Select[str, float, int]:
    """Return the updates that may be forgotten, and the place of each among its device's, the newest first."""
    module = (updates.c.product, updates.c.device, updates.c.module)
    newest_first = func.row_number().over(partition_by=module, order_by=updates.c.number.desc())
    among = select(updates, newest_first.label("of_module")).subquery()
    device = (among.c.product, among.c.device)
    place = func.row_number().over(partition_by=device, order_by=among.c.touched_at.desc()).label("place")
    may_go = and_(among.c.state.in_(_TERMINAL), among.c.of_module > 1, not_(_waits(among)))
    return select(among.c.id, among.c.touched_at, place).where(may_go)


def _level(connection: Connection, table: Table, placed: Subquery, excess: int, least: int) -> int:
    """Forget so many rows of those who have most, down to one level for all of them; return how many went.

    `placed` counts the rows of each, the newest first. Nobody is left with less than `least`.
    """
    much = select(placed.c.id).where(placed.c.place > least)
    highest = much.order_by(placed.c.place.desc(), placed.c.id).limit(excess)
    return connection.execute(delete(table).where(table.c.id.in_(highest))).rowcount


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


_TERMINAL = [state.value for state in TERMINAL]
_ENDED = updates.c.state.in_(_TERMINAL)
