"""One gateway for one store: two would each believe their own memory, and one would not tell what it acknowledged."""

import fcntl
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

#: Names our lock among the advisory locks of a PostgreSQL database.
_KEY = 0x07A6A7E3
_WAIT_MS = 1000
_LOCK_NOT_AVAILABLE = "55P03"


def hold(engine: Engine) -> Callable[[], None]:
    """Take the store's lock and return how to let go of it; raises BlockingIOError when another holds it."""
    if engine.dialect.name == "sqlite":
        return hold_file(_lock_of(Path(str(engine.url.database))))
    return _hold_advisory(engine)


def hold_file(path: Path) -> Callable[[], None]:
    """Lock a file and return how to let go of it; raises BlockingIOError when another process holds it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise
    return lambda: os.close(lock)


def is_held(store: Path) -> bool:
    """Whether a gateway is at the store in this file."""
    try:
        # Shared, so that two who look do not take each other for a gateway.
        lock = os.open(_lock_of(store), os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _lock_of(store: Path) -> Path:
    return store.with_name(f"{store.name}.lock")


def _hold_advisory(engine: Engine) -> Callable[[], None]:
    event.listen(engine, "connect", partial(_take, engine.dialect.loaded_dbapi.Error))
    engine.connect().close()
    return engine.dispose


def _take(failure: type[Exception], connection: Any, _record: Any) -> None:
    # By every connection of the writer, and not once by one of its own: a server that was restarted knows of no lock.
    # Waited for, because it notices the end of the connection before in its own time.
    try:
        connection.execute(f"SET LOCAL lock_timeout TO {_WAIT_MS}")
        connection.execute(f"SELECT pg_advisory_lock({_KEY})")
        connection.commit()
    except failure as err:
        if getattr(err, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            raise BlockingIOError("another gateway holds it") from err
        raise
