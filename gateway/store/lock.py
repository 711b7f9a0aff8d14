"""One gateway for one store: two would each believe their own memory, and one would not tell what it acknowledged."""

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy.exc import SQLAlchemyError

#: Names our lock among the advisory locks of a PostgreSQL database.
_KEY = 0x07A6A7E3


def hold(engine: Engine) -> Callable[[], None]:
    """Take the store's lock and return how to let go of it; raises BlockingIOError when another holds it."""
    if engine.dialect.name == "sqlite":
        return hold_file(Path(f"{engine.url.database}.lock"))
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


def _hold_advisory(engine: Engine) -> Callable[[], None]:
    # A connection of its own: that of the writer is thrown away after a failure, and its locks with it.
    connection = create_engine(engine.url, poolclass=NullPool).connect()
    taken = connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_KEY})").scalar_one()
    connection.commit()
    if not taken:
        connection.close()
        raise BlockingIOError
    return partial(_let_go, connection)


def _let_go(connection: Connection) -> None:
    # Said, because the server notices a closed connection in its own time, and the next gateway may come at once.
    with suppress(SQLAlchemyError):
        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_KEY})")
    connection.close()
