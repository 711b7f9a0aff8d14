"""The site clock: seconds that look like Unix time, never jump and never run backwards.

Within a run it is the monotonic clock; across runs it goes on from where the store last saw it, by as much as the
wall clock says, but never back and never by more than MAX_GAP: a box that wakes up in 1970, or a clock that is set
years ahead, must not expire every deadline at once.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

MAX_GAP = timedelta(days=30)
#: Longest sleep of what waits for its time; a signal wakes it sooner.
IDLE = 60.0


class Clock:
    """Tells site time and wall time; both sources are injected."""

    def __init__(
        self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.wall = wall
        self._monotonic = monotonic
        self._offset = wall() - monotonic()

    def resume(self, saved: tuple[float, float] | None) -> None:
        """Go on from the (site, wall) pair of the last commit, if there was one."""
        if saved is None:
            return
        site, wall = saved
        passed = min(max(self.wall() - wall, 0.0), MAX_GAP.total_seconds())
        self._offset = site + passed - self._monotonic()

    def now(self) -> float:
        """Seconds of the site clock."""
        return self._monotonic() + self._offset

    def until(self, due: float | None) -> float:
        """Seconds to sleep before this time, never quite none; IDLE when there is none, and at most."""
        return IDLE if due is None else min(max(due - self.now(), 0.001), IDLE)


async def signalled(signal: asyncio.Event, within: float | None) -> None:
    """Wait for the signal, so many seconds at most."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            await signal.wait()
