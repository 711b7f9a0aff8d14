"""A line about a peer is said once a minute, and what was kept back is counted."""

import pytest

from gateway.core.news import News


class Clock:
    """A time that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return it."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock at 0."""
    return Clock()


def test_the_same_is_said_once_a_minute(clock: Clock) -> None:
    """The first line and the one a minute later are said; the later one tells how many were not."""
    news = News(clock)
    said = []
    for clock.now in (0.0, 0.0, 30.0, 59.9, 60.0, 61.0, 120.0):
        said.append(news.suppressed("dev1", "lost"))

    assert said == [0, None, None, None, 3, None, 1]


def test_another_peer_and_another_word_are_news(clock: Clock) -> None:
    """Peers and words keep each other from nothing."""
    news = News(clock)

    said = [news.suppressed(*each) for each in (("dev1", "a"), ("dev1", "b"), ("dev2", "a"), ("dev1", "a"))]

    assert said == [0, 0, 0, None]


def test_more_than_the_bound_is_kept_back(clock: Clock) -> None:
    """Ever new peers get no more lines a minute than the bound; the next line tells how many were not said."""
    news = News(clock, max_lines=3)
    flood = [news.suppressed(f"dev{number}", "lost") for number in range(10)]
    clock.now = 60.0

    assert flood == [0, 0, 0] + [None] * 7
    assert [news.suppressed(name, "lost") for name in ("dev10", "dev11")] == [7, 0]


def test_what_is_forgotten_was_still_counted(clock: Clock) -> None:
    """A peer that repeated itself and went is told of by the line that takes its place."""
    news = News(clock, max_lines=1)
    news.suppressed("dev1", "lost")
    news.suppressed("dev1", "lost")
    clock.now = 60.0

    assert news.suppressed("dev2", "lost") == 1


def test_memory_is_bounded(clock: Clock) -> None:
    """However many peers there are over time, no more than the bound are remembered."""
    news = News(clock, max_lines=3)
    for clock.now in range(0, 6000, 25):
        news.suppressed(f"dev{clock.now}", "lost")

    assert len(news._said) == 3
