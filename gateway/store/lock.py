"""One gateway for one store: two would each believe their own memory, and one would not tell what it acknowledged."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from gateway import locks

#: Names our lock among the advisory locks of a PostgreSQL database.
_KEY = 0x07A6A7E3
_WAIT_MS = 1000
_LOCK_NOT_AVAILABLE = "55P03"


def hold(engine: Engine) -> Callable[[], None]:
    """Take the store's lock and return how to let go of it; raises BlockingIOError when another holds it."""
    if engine.dialect.name == "sqlite":
        return locks.hold(_lock_of(Path(str(engine.url.database))))
    return _hold_advisory(engine)


def is_held(store: Path) -> bool:
    """Whether a gateway is at the store in this file."""
    return locks.is_held(_lock_of(store))


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
