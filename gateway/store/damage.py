"""A damaged SQLite file: how it is recognised, and how it is put out of the way."""

import contextlib
import sqlite3
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

log = structlog.get_logger()

_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class DamagedError(SQLAlchemyError):
    """The structure of the file is broken."""


def check(connection: Connection) -> None:
    """Read the whole file; raises DamagedError if its structure is broken."""
    verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if verdict != "ok":
        # The last line is the finding; others only head it.
        raise DamagedError(str(verdict).strip().splitlines()[-1])


def is_damage(err: Exception) -> bool:
    """Tell whether the file is damaged, rather than locked, full or out of reach."""
    # The low byte is the primary code; the rest says more precisely where.
    code = getattr(getattr(err, "orig", err), "sqlite_errorcode", 0) & 0xFF
    return isinstance(err, DamagedError) or code in _CODES


def free_name(path: Path, word: str) -> Path:
    """Return a name beside the file that says what became of it, and is not taken."""
    number = 1
    while (aside := path.with_name(f"{path.name}.{word}-{number}")).exists():
        number += 1
    return aside


def set_aside(engine: Engine, cause: str) -> Path:
    """Move the file and its companions out of the way, under a name that is not taken; return that name."""
    engine.dispose()
    path = Path(str(engine.url.database))
    aside = free_name(path, "damaged")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    log.error("store_damaged", set_aside=str(aside), cause=cause)
    return aside
