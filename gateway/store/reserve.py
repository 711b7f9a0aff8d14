"""The reserve: a file that keeps some disk for the day on which the disk is full.

To settle what waits frees rows, but takes a little room first: a store that has filled its disk could not drain
without help. So the file is let go when a commit finds the disk full, and until it is back only commits pass that free
as many rows as they add. PostgreSQL has none: its disk is not ours to keep.
"""

import errno
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Engine

from gateway.ports.store import Changes

log = structlog.get_logger()

#: Twice what the log may hold: once let go, all of it can go home.
SIZE = 8 * 2**20
#: Seconds between two tries to get it back.
INTERVAL = 1.0
#: Pages that are given back to the disk in one try.
_PAGES = 512
_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})


class Reserve:
    """Some disk, kept or let go; for the writer's thread only."""

    def __init__(self, engine: Engine) -> None:
        is_file = engine.dialect.name == "sqlite"
        self._path = Path(f"{engine.url.database}.reserve") if is_file else None
        self._next_try = 0.0
        self.is_out = False

    def keep(self) -> None:
        """Make sure that the file is there, as far as there is room."""
        if self._path is None:
            return
        self.is_out = not _allocate(self._path, spare=0)
        if self.is_out:
            log.error("disk_reserve_missing", file=str(self._path))

    def admits(self, changes: Changes) -> bool:
        """Tell whether a commit may pass: always, or while the reserve is out when it makes the store no larger."""
        if not self.is_out:
            return True
        freed = len(changes.settlements) + len(changes.dropped)
        return 0 < freed >= len(changes.messages) + len(changes.progress) + len(changes.quarantine)

    def note_failure(self, err: BaseException) -> bool:
        """Let the reserve go if this says that the disk is full; tell whether that was done."""
        if self._path is None or self.is_out or not says_full(err):
            return False
        self._path.unlink(missing_ok=True)
        self.is_out = True
        self._next_try = 0.0
        log.error("disk_reserve_released", file=str(self._path))
        return True

    def restore(self, connection: Connection) -> None:
        """Give free pages back to the disk, and take the reserve back when there is room for it twice."""
        if self._path is None or not self.is_out or time.monotonic() < self._next_try:
            return
        self._next_try = time.monotonic() + INTERVAL
        _shrink(connection.connection.driver_connection)
        if _allocate(self._path, spare=1):
            self.is_out = False
            log.warning("disk_reserve_restored", file=str(self._path))


def _allocate(path: Path, *, spare: int) -> bool:
    """Make the file, unless less than `spare` times its size would be left."""
    disk = os.statvfs(path.parent)
    missing = SIZE - (path.stat().st_size if path.exists() else 0)
    if missing <= 0:
        return True
    if disk.f_bavail * disk.f_frsize < missing + spare * SIZE:
        return False
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(file, 0, SIZE)
    except OSError:
        path.unlink()
        return False
    finally:
        os.close(file)
    return True


def _shrink(connection: Any) -> None:
    try:
        for pragma in (f"incremental_vacuum({_PAGES})", "wal_checkpoint(TRUNCATE)"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except sqlite3.Error as err:
        log.warning("shrinking_failed", error=str(err))


def says_full(err: BaseException) -> bool:
    """Tell whether a failure means that the disk is full."""
    code = getattr(getattr(err, "orig", err), "sqlite_errorcode", None)
    return code in _FULL or getattr(err, "errno", None) == errno.ENOSPC
