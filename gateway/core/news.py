"""What the log is told about peers that repeat themselves.

Its law: a peer's word is said once a minute at most, and of all peers' words so many a minute and no more; what is kept
back is counted.
"""

from collections.abc import Callable, Hashable

_QUIET_SECONDS = 60.0


class News:
    """Says of each line whether it is news, and how many were kept back before it.

    Memory is bounded by `max_lines`, the most that is said in a minute whoever comes.
    """

    def __init__(self, monotonic: Callable[[], float], *, max_lines: int = 4096) -> None:
        self._monotonic = monotonic
        self._max_lines = max_lines
        #: The oldest first.
        self._said: dict[tuple[Hashable, str], _Said] = {}
        self._beyond = 0

    def suppressed(self, peer: Hashable, word: str) -> int | None:
        """Return how many lines were kept back since the last one of this peer and word; None: keep this one back.

        Lines beyond the bound are counted with whichever line comes next.
        """
        key, now = (peer, word), self._monotonic()
        last = self._said.get(key)
        if last is not None and now - last.at < _QUIET_SECONDS:
            last.suppressed += 1
            return None
        if last is None and len(self._said) >= self._max_lines and not self._forget_oldest(now):
            self._beyond += 1
            return None
        suppressed = self._beyond + (last.suppressed if last is not None else 0)
        self._beyond = 0
        self._said.pop(key, None)
        self._said[key] = _Said(now)
        return suppressed

    def _forget_oldest(self, now: float) -> bool:
        """Return False when even the oldest is not a minute old."""
        oldest = next(iter(self._said))
        if now - self._said[oldest].at < _QUIET_SECONDS:
            return False
        # Nobody would say it any more: that it was kept back is said by another.
        self._beyond += self._said.pop(oldest).suppressed
        return True


class _Said:
    """When a line was said, and how often it was kept back since."""

    __slots__ = ("at", "suppressed")

    def __init__(self, at: float) -> None:
        self.at = at
        self.suppressed = 0
