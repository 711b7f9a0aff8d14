"""What can still be read of a damaged SQLite file is carried over: row by row, around what is broken.

Its law: what is carried over hangs together. A message or a telling without its queue or its update is left behind, for
another update may get the same name; and what does not load is not kept at all.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Column, Connection, Engine, Float, Integer, LargeBinary, Table, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from gateway.store import lanes as lane_rows
from gateway.store import orders as order_rows
from gateway.store import queues as queue_rows
from gateway.store import records
from gateway.store import updates as update_rows
from gateway.store.reserve import says_full
from gateway.store.schema import lanes, messages, metadata, orders, queues, tellings, updates

log = structlog.get_logger()

#: Rows that are written at once.
_BATCH = 500
#: The widest step over rows that cannot be read.
_WIDEST = 2**24
#: What only the fresh file is asked for can say these.
_DISK = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN})
_UNREADABLE = (SQLAlchemyError, sqlite3.Error, OSError, ValueError, KeyError, TypeError)


def salvage(engine: Engine, aside: Path) -> None:
    """Carry over into the fresh store what the damaged file still tells; all of it or, if that makes no sense, none.

    Raises what failed where that was not the damaged file, but the disk below the fresh one.
    """
    try:
        with engine.begin() as connection:
            counts = _carry_over(connection, aside)
    except _UNREADABLE as err:
        if _is_our_disk(err):
            raise
        log.warning("store_not_salvaged", set_aside=str(aside), cause=str(err).splitlines()[0])
    else:
        log.warning("store_salvaged", set_aside=str(aside), rows=counts)


def _is_our_disk(err: Exception) -> bool:
    code = getattr(getattr(err, "orig", None), "sqlite_errorcode", 0) & 0xFF
    return says_full(err) or code in _DISK


def _carry_over(connection: Connection, aside: Path) -> dict[str, int]:
    with closing(sqlite3.connect(f"{aside.absolute().as_uri()}?mode=ro", uri=True)) as damaged:
        damaged.text_factory = lambda raw: raw.decode(errors="replace")
        for table in metadata.sorted_tables:
            _copy(connection, damaged, table)
    _tie_together(connection)
    for load in (update_rows.load, update_rows.load_versions, order_rows.load, lane_rows.load_states):
        load(connection)
    records.load_clock(connection)
    counted = (
        (t.name, connection.scalar(select(func.count()).select_from(t))) for t in metadata.sorted_tables
    )
    return {name: count for name, count in counted if count}


def _copy(connection: Connection, damaged: sqlite3.Connection, table: Table) -> None:
    known = {name for _, name, *_ in damaged.execute(f"PRAGMA table_info({table.name})")}
    columns = [column for column in table.columns if column.name in known]
    # A value that another row has, too, is damage as well.
    into = insert(table).prefix_with("OR IGNORE")
    batch: list[dict[str, Any]] = []
    for values in _readable(damaged, table.name, columns) if columns else ():
        if all(map(_fits, columns, values)):
            batch.append({column.name: value for column, value in zip(columns, values, strict=True)})
        if len(batch) == _BATCH:
            connection.execute(into, batch)
            batch = []
    if batch:
        connection.execute(into, batch)


def _readable(
    damaged: sqlite3.Connection, table: str, columns: Sequence[Column[Any]]
) -> Iterator[tuple[Any, ...]]:
    """Yield all rows but those on broken pages."""
    names = ", ".join(f'"{column.name}"' for column in columns)
    query = f'SELECT rowid, {names} FROM "{table}" NOT INDEXED WHERE rowid > ? ORDER BY rowid'  # noqa: S608 - our names
    after: int | None = 0
    while after is not None:
        try:
            for rowid, *values in damaged.execute(query, (after,)):
                after = rowid
                yield tuple(values)
        except sqlite3.DatabaseError:
            after = _behind(damaged, query, after)
        else:
            return


def _behind(damaged: sqlite3.Connection, query: str, last: int) -> int | None:
    """Return the first rowid behind which can be read again; None when there is none."""
    low, step = last, 1
    while not _is_readable(damaged, query, low + step):
        low, step = low + step, 2 * step
        if step > _WIDEST:
            return None
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _is_readable(damaged, query, middle) else (middle, high)
    return high


def _is_readable(damaged: sqlite3.Connection, query: str, after: int) -> bool:
    with suppress(sqlite3.DatabaseError):
        damaged.execute(f"{query} LIMIT 1", (after,)).fetchone()
        return True
    return False


def _fits(column: Column[Any], value: Any) -> bool:
    if value is None:
        return bool(column.nullable)
    match column.type:
        case Integer():
            return isinstance(value, int)
        case Float():
            return isinstance(value, int | float)
        case LargeBinary():
            return isinstance(value, bytes)
        case _:
            return isinstance(value, str | int)


def _tie_together(connection: Connection) -> None:
    known_queues, known_updates = select(queues.c.id), select(updates.c.id)
    for table in (messages, tellings):
        connection.execute(table.delete().where(table.c.queue.not_in(known_queues)))
        connection.execute(table.delete().where(table.c.update_id.not_in(known_updates)))
    connection.execute(orders.delete().where(orders.c.update_id.not_in(known_updates)))
    ids = list(connection.scalars(known_queues))
    lines = queue_rows.read(connection, ids)
    for line in lines.values():
        line.moved = True
    queue_rows.write(connection, lines.values(), 0.0)
    _count(connection)


def _count(connection: Connection) -> None:
    connection.execute(lanes.update().values(messages=0, size=0))
    waiting = (
        select(queues.c.lane, func.count().label("messages"), func.sum(messages.c.size).label("size"))
        .join(messages, messages.c.queue == queues.c.id)
        .group_by(queues.c.lane)
    )
    for lane, count, size in connection.execute(waiting).all():
        connection.execute(insert(lanes).prefix_with("OR IGNORE").values(lane=lane))
        connection.execute(lanes.update().where(lanes.c.lane == lane).values(messages=count, size=size))
