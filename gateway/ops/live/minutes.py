"""The last day, minute by minute: reports that came, and how late the clouds heard. In memory, empty after a start.

The store keeps no such figures, and Prometheus keeps them for who wants more than a day; a plot on a page is worth no
table of its own.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from prometheus_client.metrics import MetricWrapperBase

from gateway.metrics import Metrics
from gateway.model.identity import Lane

EVERY = 60.0
KEPT = 24 * 60


class Minute(NamedTuple):
    """One minute: its end (Unix seconds), reports, and seconds of delay by lane, None where nothing was to be told."""

    at: float
    reports: int
    delays: Mapping[Lane, float | None]


class Minutes:
    """`oldest` says how long the oldest message of a lane has waited, None where none does."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        wall: Callable[[], float],
        oldest: Callable[[], Mapping[Lane, float | None]],
    ) -> None:
        self._metrics = metrics
        self._wall = wall
        self._oldest = oldest
        self._minutes: deque[Minute] = deque(maxlen=KEPT)
        self._reports = 0.0
        self._told: dict[Lane, tuple[float, float]] = {}

    async def run(self) -> None:
        """Note every minute for ever."""
        while True:
            await asyncio.sleep(EVERY)
            self.note()

    def note(self) -> None:
        """Note the minute that ends now."""
        reports = sum(value for name, _, value in _samples(self._metrics.received) if name.endswith("_total"))
        delays = {lane: self._delay(lane, waits) for lane, waits in self._oldest().items()}
        self._minutes.append(Minute(self._wall(), round(reports - self._reports), delays))
        self._reports = reports

    def last(self, count: int) -> dict[str, Any]:
        """Return the last so many minutes, the oldest first, column by column."""
        minutes = list(self._minutes)[-count:]
        return {
            "every_seconds": EVERY,
            "at": [round(minute.at) for minute in minutes],
            "reports": [minute.reports for minute in minutes],
            "delay_seconds": {
                lane: [minute.delays.get(lane) for minute in minutes] for lane in self._oldest()
            },
        }

    def _delay(self, lane: Lane, waits: float | None) -> float | None:
        """The mean of what was told in the minute, or how long the oldest has waited, where that is more."""
        found = {
            name.rpartition("_")[2]: value
            for name, labels, value in _samples(self._metrics.delivery_lag)
            if labels.get("lane") == lane and name.endswith(("_sum", "_count"))
        }
        told = found.get("sum", 0.0), found.get("count", 0.0)
        before, self._told[lane] = self._told.get(lane, (0.0, 0.0)), told
        count = told[1] - before[1]
        mean = (told[0] - before[0]) / count if count else None
        known = [delay for delay in (mean, waits) if delay is not None]
        return round(max(known), 3) if known else None


def _samples(metric: MetricWrapperBase) -> list[tuple[str, dict[str, str], float]]:
    return [
        (sample.name, sample.labels, sample.value) for family in metric.collect() for sample in family.samples
    ]
