"""What a product demands: hours of the day, and deadlines."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.model.policy import PASSING, Policy, Window
from gateway.model.states import TABLE, Reason, State

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")


def at(hour: int, minute: int = 0, *, day: int = 15, month: int = 6) -> float:
    """Return a time of day in 2026, UTC, as Unix seconds."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("hour", "minute", "is_open"),
    [(0, 59, False), (1, 0, True), (4, 59, True), (5, 0, False), (23, 0, False)],
)
def test_a_window_has_its_start_and_not_its_end(hour: int, minute: int, *, is_open: bool) -> None:
    """One to five."""
    assert Window(time(1), time(5)).is_open(at(hour, minute)) == is_open


@pytest.mark.parametrize(
    ("hour", "minute", "is_open"),
    [
        (21, 59, False),
        (22, 0, True),
        (23, 59, True),
        (0, 0, True),
        (3, 59, True),
        (4, 0, False),
        (12, 0, False),
    ],
)
def test_a_window_may_cross_midnight(hour: int, minute: int, *, is_open: bool) -> None:
    """Ten in the evening to four in the morning."""
    assert Window(time(22), time(4)).is_open(at(hour, minute)) == is_open


def test_a_window_from_one_time_to_the_same_is_never_open() -> None:
    """Nothing lies between them; who wants all day gives no window."""
    assert not any(Window(time(3), time(3)).is_open(at(hour)) for hour in range(24))


def test_a_window_is_of_the_site_s_own_time() -> None:
    """Two in the morning at Shanghai is six in the evening before at Greenwich."""
    window = Window(time(2), time(3), SHANGHAI)
    assert window.is_open(at(18, 30))
    assert not window.is_open(at(2, 30))


@pytest.mark.parametrize(("month", "hour"), [(1, 1), (7, 0)])
def test_a_window_follows_summer_time(month: int, hour: int) -> None:
    """Two in the morning at Berlin is one or midnight at Greenwich."""
    assert Window(time(2), time(3), BERLIN).is_open(at(hour, 30, month=month))


def test_the_hour_that_a_clock_leaves_out_does_not_come() -> None:
    """On the night when summer begins a window of that hour stays shut, and nothing breaks."""
    window = Window(time(2), time(3), BERLIN)
    assert not any(window.is_open(at(hour, minute, month=3, day=29)) for hour in (0, 1) for minute in (0, 30))


def test_without_a_window_updates_may_begin_at_any_time() -> None:
    """The default."""
    assert all(Policy().may_begin(at(hour)) for hour in range(24))
    assert not Policy(window=Window(time(1), time(5))).may_begin(at(12))


def test_a_deadline_is_the_table_s_unless_the_product_has_its_own() -> None:
    """And there may be none."""
    policy = Policy(deadlines={State.NOTIFIED: timedelta(seconds=5)})
    assert policy.deadline(State.NOTIFIED) == timedelta(seconds=5)
    assert policy.deadline(State.DOWNLOADING) == TABLE[State.DOWNLOADING].deadline
    assert policy.deadline(State.QUEUED) is None


def test_what_says_something_of_the_image_or_the_device_does_not_pass() -> None:
    """To try again what failed for these would be to fail again."""
    lasting = {
        Reason.INTEGRITY_CHECK_FAILED,
        Reason.SIGNATURE_INVALID,
        Reason.INCOMPATIBLE_DEVICE,
        Reason.INSUFFICIENT_STORAGE,
        Reason.ROLLED_BACK,
        Reason.BOOT_FAILED,
        Reason.DENIED_BY_USER,
        Reason.NONE,
    }
    assert lasting.isdisjoint(PASSING)
