"""A fresh store takes the place of a damaged SQLite file: with all that can still be read of it, or not yet.

Its law: the draft lies there before the damaged file is set aside, and becomes the store when it is whole and on disk.
So a draft without a store tells that a start was cut off in between, and the next one begins the draft anew.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from gateway.store import damage
from gateway.store.engine import connect
from gateway.store.migrate import migrate
from gateway.store.salvage import salvage

log = structlog.get_logger()


def bring_up(engine: Engine) -> None:
    """Open the store and bring its schema up to date; raises DamagedError if the structure of its file is broken."""
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            damage.check(connection)
        migrate(connection)


def unfinished(store: Path) -> Path | None:
    """Return the damaged file that an earlier start set aside and had not yet replaced; None where there is none."""
    draft = _draft(store)
    if not draft.exists():
        return None
    # Somebody who only looked may have left an empty file.
    is_there = store.exists() and store.stat().st_size > 0
    aside = None if is_there else damage.newest(store)
    if aside is None:
        _remove_log(draft)
        draft.unlink()
        return None
    damage.move_log(store, aside)
    log.warning("store_replacing_again", set_aside=str(aside))
    return aside


def set_aside(engine: Engine, cause: str) -> Path:
    """Move the damaged file out of the way, to be replaced; return where it lies now."""
    engine.dispose()
    store = Path(str(engine.url.database))
    _begin(store)
    aside = damage.set_aside(store)
    log.error("store_damaged", set_aside=str(aside), cause=cause)
    return aside


def replace(engine: Engine, aside: Path) -> None:
    """Make a fresh store with what can be read of the file that was set aside, and put it in its place."""
    engine.dispose()
    store = Path(str(engine.url.database))
    draft = _begin(store)
    try:
        _fill(connect(engine.url.set(database=str(draft))), aside)
        _make_one_file(draft)
        damage.sync(draft)
    except (SQLAlchemyError, sqlite3.Error, OSError):
        # What is of no use takes no room.
        _begin(store)
        raise
    draft.replace(store)
    damage.sync(store.parent)


def _fill(engine: Engine, aside: Path) -> None:
    try:
        bring_up(engine)
        salvage(engine, aside)
    finally:
        engine.dispose()


def _make_one_file(draft: Path) -> None:
    with closing(sqlite3.connect(draft)) as connection:
        [mode] = connection.execute("PRAGMA journal_mode=DELETE").fetchone()
    if mode != "delete":
        raise OSError(f"{draft} cannot be finished while somebody has it open")


def _begin(store: Path) -> Path:
    """Make an empty draft, for its owner alone, or make it empty again."""
    draft = _draft(store)
    _remove_log(draft)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    damage.sync(draft.parent)
    return draft


def _remove_log(draft: Path) -> None:
    for suffix in (*damage.COMPANIONS, "-journal"):
        draft.with_name(draft.name + suffix).unlink(missing_ok=True)


def _draft(store: Path) -> Path:
    return store.with_name(f"{store.name}.new")
