"""SQLite's write-ahead log after a failed write: what failed stays undone, and what was synced is so in truth.

Two laws. A COMMIT that failed may have left its frames in the log, and whoever opens the log first would take them for
good: so one connection stays open as long as the store, and nobody is ever first again. And a kernel that could not
write a page may take it for written (fsync(2) fails once, then succeeds): so before the next commit all that the log
holds is moved into the file and synced there, and the log is begun anew.
"""

import sqlite3

from sqlalchemy import Engine

_TRUNCATE = "PRAGMA wal_checkpoint(TRUNCATE)"


class Log:
    """The log of one store; does nothing for PostgreSQL. For the writer's thread only."""

    def __init__(self, engine: Engine) -> None:
        self._path = str(engine.url.database) if engine.dialect.name == "sqlite" else None
        self._held: sqlite3.Connection | None = None
        self._is_doubtful = False

    def hold(self) -> None:
        """Open the connection that stays; the store is sound and open."""
        if self._path is not None:
            self._held = sqlite3.connect(self._path, timeout=0)
            self._held.execute("SELECT 1 FROM sqlite_schema").fetchall()
            self._bring_home(self._held)

    def _bring_home(self, connection: sqlite3.Connection) -> None:
        """Begin anew a log that a crash left behind, if that can be done now: what it holds is no longer at risk."""
        try:
            connection.execute(_TRUNCATE)
        except sqlite3.Error as err:
            self.note_failure(err)

    def note_failure(self, err: BaseException) -> None:
        """Doubt the log if this says that the disk failed."""
        code = getattr(getattr(err, "orig", err), "sqlite_errorcode", 0)
        if code & 0xFF == sqlite3.SQLITE_IOERR:
            self._is_doubtful = True

    def renew(self, connection: sqlite3.Connection | None) -> None:
        """Begin a doubtful log anew; raises sqlite3.Error while the disk, or a reader, forbids it."""
        if not self._is_doubtful or connection is None:
            return
        [is_busy, *_] = connection.execute(_TRUNCATE).fetchone()
        if is_busy:
            raise sqlite3.OperationalError("the log cannot be begun anew while somebody reads")
        self._is_doubtful = False

    def release(self) -> None:
        """Close what was held, last of all."""
        if self._held is not None:
            self._held.close()
