"""Backoff with full jitter."""

from datetime import timedelta

import pytest

from gateway.core.retry import Backoff

BACKOFF = Backoff(timedelta(seconds=2), timedelta(seconds=30))


@pytest.mark.parametrize(("tries", "ceiling"), [(1, 2), (2, 4), (4, 16), (5, 30), (6, 30), (10_000, 30)])
def test_the_ceiling_doubles_with_each_try_up_to_the_cap(tries: int, ceiling: float) -> None:
    """A thousand tries do not overflow."""
    assert BACKOFF.delay(tries, lambda: 1.0) == ceiling


def test_the_delay_is_a_share_of_the_ceiling() -> None:
    """Full jitter: retries of many devices spread over the whole interval."""
    assert [BACKOFF.delay(2, iter([share]).__next__) for share in (0.0, 0.25, 0.5)] == [0, 1, 2]
