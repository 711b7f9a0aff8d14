"""How a store is reached: connections set up so that a commit is on disk when it returns."""

import sqlite3
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url

#: Execution option of a transaction that a power cut may take back, as a whole: it saves the fsync.
LOSABLE = "losable"
#: How long SQLite waits for a lock that somebody else holds, a backup say.
BUSY_TIMEOUT_MS = 5000


def connect(url: str | URL) -> Engine:
    """Return an engine with a single connection to SQLite or PostgreSQL."""
    if make_url(url).get_backend_name() != "sqlite":
        engine = create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True)
        event.listen(engine, "begin", _begin_postgresql)
        return engine
    # Named, so that rows are mappings for both drivers.
    engine = create_engine(url, pool_size=1, max_overflow=0, paramstyle="named")
    event.listen(engine, "connect", _tune_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _tune_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # BEGIN comes from _begin_sqlite; the driver's own guessing is switched off.
    connection.isolation_level = None
    if connection.execute("PRAGMA page_count").fetchone() == (0,):
        # Only a fresh file can be told: free pages may be given back to a full disk.
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    for pragma in (
        "journal_mode=WAL",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "cache_size=-16000",
        "temp_store=MEMORY",
        "journal_size_limit=67108864",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    level = "NORMAL" if _losable(connection) else "FULL"
    if connection.info.get("synchronous") != level:
        connection.exec_driver_sql(f"PRAGMA synchronous={level}")
        connection.info["synchronous"] = level
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_postgresql(connection: Connection) -> None:
    if _losable(connection):
        connection.exec_driver_sql("SET LOCAL synchronous_commit TO OFF")


def _losable(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get(LOSABLE))
