"""A COMMIT whose reply was lost: whether the server did it is asked, not guessed.

Taken for failed, a commit that happened would be taken out of memory and stay in the store. Each commit stamps the
clock's row with another time than the one before, so that the row tells.
"""

import math
import time

import structlog
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from gateway.store.schema import clock

log = structlog.get_logger()

#: Seconds to wait for a server that restarts, and for the lost transaction to end.
PATIENCE, PAUSE = 5.0, 0.25

#: What a commit writes into the clock's row: site and wall.
Stamp = tuple[float, float]


def stamp(site: float, wall: float, *, last: Stamp | None) -> Stamp:
    """Return the clocks, a hair later where they would not tell this commit from the last."""
    return (site, wall) if (site, wall) != last else (math.nextafter(site, math.inf), wall)


def was_written(engine: Engine, expected: Stamp) -> bool:
    """Tell whether the commit with this stamp happened; False when the server does not answer in time."""
    if engine.dialect.name == "sqlite":
        return False  # its COMMIT is a call, not a message
    end = time.monotonic() + PATIENCE
    while True:
        try:
            found = _stamp_in(engine)
        except (SQLAlchemyError, OSError):
            if time.monotonic() >= end:
                return False
            time.sleep(PAUSE)
        else:
            log.warning("commit_reply_lost", written=found == expected)
            return found == expected


def _stamp_in(engine: Engine) -> Stamp | None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout TO {round(PATIENCE * 1000)}")
        # The lost transaction may still be at work: it holds the row's lock until it has ended one way or the other.
        row = connection.execute(select(clock.c.site, clock.c.wall).with_for_update()).first()
    return None if row is None else (row.site, row.wall)
