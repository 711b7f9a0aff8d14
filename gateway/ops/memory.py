"""How memory is given back: when Python's garbage collector comes, and when the system gets what is free.

The collector comes seldom to what is young, and once a day to everything.

With thousands of connections a full collection of everything stops the loop for half a second. What lives for hours is
found by no other: whatever a library leaves of it that knows itself, a cloud's session that was configured anew say,
would stay for years.

The C library keeps what was freed between things that live, in case it is wanted again: what a crowd of connections
took once, a third of all that the process holds, would never be another's on a small box.
"""

import asyncio
import ctypes
import gc
from time import perf_counter

import structlog

log = structlog.get_logger()

EVERY = 24 * 3600.0
GIVE_BACK_EVERY = 60.0
#: glibc's; others have none, or give back by themselves.
_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)


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


async def give_back_for_ever(*, every: float = GIVE_BACK_EVERY) -> None:
    """Return free memory to the system now and then: twelve milliseconds for 100 MB of it."""
    while _TRIM is not None:
        await asyncio.sleep(every)
        _TRIM(0)
