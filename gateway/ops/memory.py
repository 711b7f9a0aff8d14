"""When Python's garbage collector comes: seldom to what is young, and once a day to everything.

With thousands of connections a full collection of everything stops the loop for half a second. What lives for hours is
found by no other: whatever a library leaves of it that knows itself, a cloud's session that was configured anew say,
would stay for years.
"""

import asyncio
import gc
from time import perf_counter

import structlog

log = structlog.get_logger()

EVERY = 24 * 3600.0


def settle() -> None:
    """Take what start-up made out of the collector's sight, and let it run seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def tidy_for_ever(*, every: float = EVERY) -> None:
    """Collect everything now and then."""
    while True:
        await asyncio.sleep(every)
        begun = perf_counter()
        found = gc.collect()
        log.info("memory_tidied", objects=found, seconds=round(perf_counter() - begun, 3))
