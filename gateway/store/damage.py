"""A damaged SQLite file: how it is recognised, and how it is put out of the way."""

import contextlib
import os
import sqlite3
from pathlib import Path

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

log = structlog.get_logger()

#: Damaged files that stay; a disk that damages ever more of them must not be full of them.
KEPT = 3
COMPANIONS = ("-wal", "-shm")
_WORD = "damaged"
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
    """Return a name beside the file that says what became of it; who comes last gets the highest number."""
    return path.with_name(f"{path.name}.{word}-{max(_numbered(path, word), default=0) + 1}")


def set_aside(path: Path) -> Path:
    """Move the file and its companions out of the way, under a name that is not taken; return that name.

    Of those that lie there the newest few stay.
    """
    before = _numbered(path, _WORD)
    for number in sorted(before)[: -(KEPT - 1)]:
        log.warning("damaged_store_removed", file=str(before[number]))
        for suffix in ("", *COMPANIONS):
            before[number].with_name(before[number].name + suffix).unlink(missing_ok=True)
    aside = free_name(path, _WORD)
    path.rename(aside)
    sync(path.parent)
    move_log(path, aside)
    return aside


def move_log(path: Path, aside: Path) -> None:
    """Let what the file has beside it follow it."""
    for suffix in COMPANIONS:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    sync(path.parent)


def newest(path: Path) -> Path | None:
    """Return the damaged file that was set aside last."""
    before = _numbered(path, _WORD)
    return before[max(before)] if before else None


def sync(path: Path) -> None:
    """Return when the file, or what the directory names, is on disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _numbered(path: Path, word: str) -> dict[int, Path]:
    """Return the files with such names that lie there, by their numbers."""
    start = f"{path.name}.{word}-"
    found = {
        each.name.removeprefix(start): each for each in path.parent.iterdir() if each.name.startswith(start)
    }
    return {int(number): each for number, each in found.items() if number.isascii() and number.isdigit()}
