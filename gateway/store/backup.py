"""A copy of an SQLite store: taken while its gateway runs, proven, and put back while none does.

A copy is one file, consistent, for its owner alone. What is put back takes the place of what was there at once, and
what was there is kept under a new name with all that its log held.
"""

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import StoreError
from gateway.store.damage import COMPANIONS, free_name, sync
from gateway.store.migrate import Standing, standing
from gateway.store.records import load_clock

#: Pages that are copied between two signs of life.
_PAGES = 2000
_BUSY_SECONDS = 30.0

#: Told how many pages are copied, and of how many.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What is in a copy."""

    bytes: int
    updates: int
    #: Reports that wait for their cloud.
    messages: int
    #: Unix seconds of the last commit in it; None where there was none.
    at: float | None
    standing: Standing


def back_up(store: Path, target: Path, progress: Progress) -> Copy:
    """Copy the store and prove the copy; raises FileExistsError, OSError, or StoreError with why it is none."""
    if target.exists():
        raise FileExistsError(target)
    with _draft(target) as draft:
        _copy(store, draft, progress)
        found = prove(draft)
        sync(draft)
        # A link, because it does not take the place of what has come there meanwhile.
        os.link(draft, target)
    sync(target.parent)
    return found


def prove(path: Path) -> Copy:
    """Read every page of a copy; raises StoreError when it is damaged, or no store."""
    try:
        with closing(_open(path)) as connection:
            [verdict] = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as err:
        raise StoreError(f"{path} is no store: {err}") from None
    if verdict != "ok":
        raise StoreError(f"{path} is damaged: {str(verdict).strip().splitlines()[-1]}")
    return _contents(path)


def restore(copy: Path, store: Path) -> tuple[Copy, Path | None]:
    """Put a copy in the place of the store, which nobody uses; return what is in it, and where the old one is now."""
    found = prove(copy)
    if found.standing is Standing.NEWER:
        raise StoreError(f"{copy} was written by a newer gateway; install that one to restore it")
    if found.standing is Standing.NONE:
        raise StoreError(f"{copy} is no store of a gateway")
    with _draft(store) as draft:
        _copy(copy, draft, lambda _done, _all: None)
        prove(draft)
        owner = store.parent.stat()
        if os.geteuid() == 0:
            os.chown(draft, owner.st_uid, owner.st_gid)
        sync(draft)
        aside = _keep(store)
        draft.replace(store)
    sync(store.parent)
    return found, aside


def _copy(source: Path, target: Path, progress: Progress) -> None:
    try:
        with closing(_open(source)) as reader, closing(sqlite3.connect(target)) as writer:
            # Within one transaction, in which what the gateway writes meanwhile is not seen: nothing begins anew.
            reader.execute("BEGIN")
            reader.execute("SELECT 1 FROM sqlite_schema").fetchall()
            reader.backup(writer, pages=_PAGES, progress=lambda _, left, total: progress(total - left, total))
            # One file, without a log beside it.
            writer.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as err:
        raise StoreError(f"{source} cannot be copied: {err}") from None


def _open(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)


def _contents(path: Path) -> Copy:
    engine = create_engine("sqlite://", creator=lambda: _open(path), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            found = standing(connection)
            if found is Standing.NONE:
                return Copy(bytes=path.stat().st_size, updates=0, messages=0, at=None, standing=found)
            clock = load_clock(connection)
            counts = [
                connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()  # noqa: S608 - ours
                for table in ("updates", "messages")
            ]
    except SQLAlchemyError as err:
        raise StoreError(f"{path} is no store of a gateway: {getattr(err, 'orig', None) or err}") from None
    return Copy(
        bytes=path.stat().st_size,
        updates=counts[0],
        messages=counts[1],
        at=clock[1] if clock else None,
        standing=found,
    )


def _keep(store: Path) -> Path | None:
    """Give the old store a second name; nothing of it is lost when the plug is pulled now.

    A log goes out of the way also without its store: it would be taken for that of the copy.
    """
    aside = free_name(store, "before-restore") if store.exists() else None
    if aside is not None:
        with suppress(sqlite3.Error), closing(sqlite3.connect(store, timeout=_BUSY_SECONDS)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    for suffix in COMPANIONS:
        # Still there if it is damaged, or if somebody has moved the store away by hand.
        left = store.with_name(store.name + suffix)
        kept = aside.with_name(aside.name + suffix) if aside else free_name(left, "before-restore")
        with suppress(FileNotFoundError):
            left.rename(kept)
    if aside is not None:
        os.link(store, aside)
    return aside


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """Yield an empty file beside the target, for its owner alone, that is gone afterwards."""
    file, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(file)
    draft = Path(name)
    try:
        yield draft
    finally:
        for path in (draft, Path(f"{name}-journal"), Path(f"{name}-wal"), Path(f"{name}-shm")):
            path.unlink(missing_ok=True)
