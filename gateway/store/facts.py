"""Facts about a store, for whoever has to find out from afar what is wrong with it."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, func, select

from gateway.store import lanes
from gateway.store.migrate import revision
from gateway.store.records import load_clock
from gateway.store.schema import journal, metadata, queues

_PRAGMAS = ("journal_mode", "page_size", "page_count", "freelist_count", "auto_vacuum", "quick_check(5)")


def facts(connection: Connection) -> dict[str, Any]:
    """Return schema, rows, what waits, the clocks of the last commit, and for SQLite its own word on its file."""
    found: dict[str, Any] = {
        "engine": connection.dialect.name,
        "schema": revision(connection),
        "rows": {
            name: connection.scalar(select(func.count()).select_from(table)) for name, table in _tables()
        },
        "lanes": {lane: asdict(each) for lane, each in lanes.figures(connection).items()},
        "breakers": {lane: asdict(each) for lane, each in lanes.load_states(connection).items()},
        "clock_site_and_wall": load_clock(connection),
        "queues": [dict(row._mapping) for row in connection.execute(_BUSIEST)],  # noqa: SLF001 - a row as a mapping
    }
    if connection.dialect.name == "sqlite":
        for pragma in _PRAGMAS:
            rows = connection.exec_driver_sql(f"PRAGMA {pragma}").all()
            found[pragma.partition("(")[0]] = [row[0] for row in rows] if len(rows) > 1 else rows[0][0]
    return found


def last_lines(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """Return the last lines of the journal, the newest last."""
    newest = select(journal).order_by(journal.c.id.desc()).limit(limit)
    return [dict(row._mapping) for row in connection.execute(newest)][::-1]  # noqa: SLF001 - a row as a mapping


def _tables() -> list[tuple[str, Any]]:
    return sorted(metadata.tables.items())


#: Devices for which something waits: who was told least, and why.
_BUSIEST = (
    select(
        queues.c.lane,
        queues.c.product,
        queues.c.device,
        queues.c.attempts,
        queues.c.due_at,
        queues.c.leased_until,
        queues.c.parked,
        queues.c.head_at,
    )
    .where(queues.c.urgency >= 0)
    .order_by(queues.c.head_at)
    .limit(500)
)
