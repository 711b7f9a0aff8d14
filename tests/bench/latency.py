"""Latencies by the microsecond: exact enough, and no larger than their spread."""

from __future__ import annotations


class Latencies:
    """A histogram of nanosecond latencies in buckets of one microsecond."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def add(self, nanoseconds: int, count: int) -> None:
        """Count some messages that took equally long."""
        bucket = nanoseconds // 1000
        self._counts[bucket] = self._counts.get(bucket, 0) + count

    def clear(self) -> None:
        """Start anew."""
        self._counts.clear()

    def percentile_ms(self, percent: float) -> float:
        """Give the latency that so many percent did not exceed; NaN when nothing was measured."""
        rank, seen = percent / 100 * sum(self._counts.values()), 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= rank:
                return bucket / 1000
        return float("nan")
