"""When a login's end has passed, for a box whose clock may not be set."""

from typing import Final

#: 2024-01-01. A clock before it was never set: refusing by it would lock out the whole site after a power cut.
_FIRST_PLAUSIBLE: Final = 1_704_067_200


def is_plausible(now: float) -> bool:
    """Whether a clock that says this, in Unix seconds, was ever set."""
    return now >= _FIRST_PLAUSIBLE


def is_over(until: float, now: float) -> bool:
    """Whether the end has passed, both in Unix seconds; never by an implausible clock."""
    return until < now and is_plausible(now)
