"""The trail of one delivery: which requests went out, how long each took, and what the cloud called its answer.

Whoever sends a request on the way leaves a mark; only who follows the delivery sees it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: Of one delivery: an adapter may ask often.
MOST_CALLS = 8
#: Of what a cloud calls its answer.
MOST_CHARACTERS = 120


class Trail:
    """What one delivery left behind."""

    __slots__ = ("_calls", "_left_out")

    def __init__(self) -> None:
        self._calls: list[str] = []
        self._left_out = 0

    def asked(self, action: str, outcome: str, seconds: float) -> None:
        """Note a request that ended; `outcome` is "ok" or the trouble's code."""
        if len(self._calls) == MOST_CALLS:
            self._left_out += 1
            return
        trouble = "" if outcome == "ok" else f" {outcome}"
        self._calls.append(f"{action}{trouble} {seconds * 1000:.0f} ms")

    def heard(self, words: str) -> None:
        """Note what the cloud called its last answer: its number, its errno."""
        if self._calls and not self._left_out:
            self._calls[-1] += " " + " ".join(words[:MOST_CHARACTERS].split())

    def __str__(self) -> str:
        more = [f"and {self._left_out} more"] if self._left_out else []
        return "; ".join([*self._calls, *more])


_followed: ContextVar[Trail | None] = ContextVar("trail", default=None)


@contextmanager
def followed() -> Iterator[None]:
    """Follow what is done within."""
    token = _followed.set(Trail())
    try:
        yield
    finally:
        _followed.reset(token)


def walked() -> str:
    """Return what the trail that is followed holds by now."""
    return str(_followed.get() or "")


def asked(action: str, outcome: str, seconds: float) -> None:
    """Note a request on the trail that is followed, if one is."""
    trail = _followed.get()
    if trail is not None:
        trail.asked(action, outcome, seconds)


def heard(words: str) -> None:
    """Note what the cloud called its answer on the trail that is followed, if one is."""
    trail = _followed.get()
    if trail is not None:
        trail.heard(words)
