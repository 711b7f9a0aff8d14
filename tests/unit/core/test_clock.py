"""The site clock never jumps and never runs backwards, whatever the wall clock does."""

from dataclasses import dataclass

import pytest

from gateway.core.clock import MAX_GAP, Clock

DAY = 86_400.0


@dataclass
class Hands:
    """A wall clock and a monotonic one that the test moves."""

    wall: float = 1_700_000_000.0
    monotonic: float = 5.0

    def clock(self) -> Clock:
        """Make the site clock of a run that starts now."""
        return Clock(wall=lambda: self.wall, monotonic=lambda: self.monotonic)


def test_it_starts_at_the_wall_clock() -> None:
    """A first run has nothing better to go by."""
    assert Hands().clock().now() == 1_700_000_000.0


def test_it_ignores_a_wall_clock_that_is_set() -> None:
    """Within a run only the monotonic clock counts."""
    hands = Hands()
    clock = hands.clock()
    hands.wall -= 50 * DAY
    hands.monotonic += 3
    assert clock.now() == 1_700_000_003.0


@pytest.mark.parametrize(
    ("moved", "passed"),
    [(60.0, 60.0), (-50 * 365 * DAY, 0.0), (50 * 365 * DAY, MAX_GAP.total_seconds())],
    ids=["switched off for a minute", "wakes up in 1970", "set years ahead"],
)
def test_it_goes_on_from_where_the_last_run_was(moved: float, passed: float) -> None:
    """Time off counts as far as the wall clock can be believed."""
    hands = Hands(wall=1_700_000_000.0 + moved)
    clock = hands.clock()
    clock.resume((1_650_000_000.0, 1_700_000_000.0))
    assert clock.now() == 1_650_000_000.0 + passed


def test_nothing_to_go_on_from_changes_nothing() -> None:
    """A fresh store knows no clock."""
    clock = Hands().clock()
    clock.resume(None)
    assert clock.now() == 1_700_000_000.0
