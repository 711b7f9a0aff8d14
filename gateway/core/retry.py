"""How long to wait before the next try."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter: anywhere between nothing and the ceiling of the try."""

    base: timedelta
    cap: timedelta

    def delay(self, tries: int, random: Callable[[], float]) -> float:
        """Seconds to wait after so many failed tries (from 1); `random` is uniform in [0, 1)."""
        exponent = min(tries - 1, 30)
        ceiling = min(self.base.total_seconds() * 2.0**exponent, self.cap.total_seconds())
        return ceiling * random()
