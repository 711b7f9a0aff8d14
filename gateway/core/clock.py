"""The site clock: seconds that look like Unix time, never jump and never run backwards.

Within a run it is the monotonic clock; across runs it goes on from where the store last saw it, by as much as the
wall clock says, but never back and never by more than MAX_GAP: a box that wakes up in 1970, or a clock that is set
years ahead, must not expire every deadline at once.
"""

import time
from collections.abc import Callable
from datetime import timedelta

MAX_GAP = timedelta(days=30)


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
