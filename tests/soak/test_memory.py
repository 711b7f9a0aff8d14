"""The slope of a process that is restarted now and then."""

import math
from collections.abc import Callable

import pytest

from tests.soak.memory import Memory, Sample, measure

MINUTE = 60.0


def life(number: int, minutes: float, mb: Callable[[float], float]) -> list[Sample]:
    """Return a sample every two seconds."""
    return [Sample(life=number, at=at, mb=mb(at)) for at in map(float, range(0, int(minutes * MINUTE), 2))]


def measured(*lives: list[Sample]) -> Memory:
    """Measure them one after the other."""
    return measure([each for samples in lives for each in samples], peak_mb=100.0)


def test_a_steady_rise_is_found() -> None:
    """In MB an hour."""
    memory = measured(life(1, 30, lambda at: 80 + at / 60))
    assert memory.slope == pytest.approx(60, rel=0.05)
    assert (memory.lives, memory.peak_mb) == (1, 100.0)


def test_what_comes_in_the_warm_up_is_no_rise() -> None:
    """However much it is."""
    memory = measured(life(1, 30, lambda at: min(at, 110.0)))
    assert memory.slope == pytest.approx(0, abs=0.01)


def test_what_an_attack_holds_for_a_moment_is_no_rise() -> None:
    """The floor counts, though the peaks grow."""
    memory = measured(life(1, 30, lambda at: 80 + (at / 20 if at % 60 < 10 else 0)))
    assert memory.slope == pytest.approx(0, abs=0.01)


def test_a_restart_neither_hides_a_rise_nor_makes_a_fall() -> None:
    """All lives share one slope, each from a level of its own."""
    memory = measured(*(life(number, 10, lambda at: 80 + at / 60) for number in range(4)))
    assert memory.slope == pytest.approx(60, rel=0.05)
    assert memory.lives == 4


def test_a_higher_level_after_a_restart_is_no_rise() -> None:
    """A database that has grown is held by every life anew."""
    memory = measured(*(life(number, 10, lambda _, level=number: 80 + 10 * level) for number in range(4)))  # type: ignore[misc]
    assert memory.slope == pytest.approx(0, abs=0.01)


def test_too_little_says_nothing() -> None:
    """A slope of three minutes would be noise."""
    memory = measured(life(1, 5, lambda at: 80 + math.sin(at)))
    assert memory.slope is None
    assert memory.samples == 150
