"""The breaker, rule by rule; pure."""

import pytest

from gateway.core import breaker
from gateway.core.breaker import DENIED_PROBE, MAX_PAUSE, NEXT_PROBE, PROBE, THRESHOLD
from gateway.ports.store import Circuit, LaneState

NOW = 50.0
DENIED = LaneState(circuit=Circuit.DENIED, failures=1, until=NOW + 60, reason="no")
OPEN = LaneState(circuit=Circuit.OPEN, failures=5, until=NOW + 1, reason="down")


def failed(state: LaneState, *, retry_after: float | None = None, random: float = 0.5) -> LaneState:
    """Count one failure."""
    return breaker.failed(state, now=NOW, retry_after=retry_after, reason="down", random=lambda: random)


def failing(times: int, *, random: float = 0.5) -> LaneState:
    """Fail so many probes in a row, from closed."""
    state = LaneState()
    for _ in range(times):
        if state.circuit is Circuit.OPEN:
            state = breaker.probing(state)
        state = failed(state, random=random)
    return state


def test_a_few_failures_leave_it_closed() -> None:
    """Below the threshold messages flow on."""
    assert failing(THRESHOLD - 1).circuit is Circuit.CLOSED


def test_failures_in_a_row_open_it() -> None:
    """The fifth failure opens it for a part of the first second."""
    state = failing(THRESHOLD)
    assert (state.circuit, state.until, state.reason) == (Circuit.OPEN, NOW + 0.5, "down")


def test_a_success_in_between_starts_the_count_over() -> None:
    """Only failures in a row count."""
    assert breaker.succeeded(failing(THRESHOLD - 1)) == LaneState()


LONGEST = PROBE.cap.total_seconds()


@pytest.mark.parametrize(("more", "pause"), [(0, 1), (1, 2), (2, 4), (4, 16), (6, LONGEST), (40, LONGEST)])
def test_each_failed_probe_doubles_the_pause_up_to_a_cap(more: int, pause: float) -> None:
    """Full jitter: anywhere between nothing and the ceiling."""
    assert failing(THRESHOLD + more, random=1.0).until == NOW + pause
    assert failing(THRESHOLD + more, random=0.0).until == NOW


def test_a_cloud_that_asks_for_a_pause_gets_it_at_once() -> None:
    """Retry-After opens the circuit at the first failure, without jitter."""
    state = failed(LaneState(), retry_after=17.0)
    assert (state.circuit, state.until) == (Circuit.OPEN, NOW + 17)


def test_a_pause_is_honoured_up_to_an_hour() -> None:
    """A cloud cannot silence a lane for a year."""
    assert failed(LaneState(), retry_after=1e9).until == NOW + MAX_PAUSE.total_seconds()


@pytest.mark.parametrize("wish", [0.0, -5.0, 0.001, float("nan")])
def test_a_pause_of_nothing_does_not_make_a_lane_spin(wish: float) -> None:
    """Retry-After: 0 from a broken proxy still pauses for a second."""
    assert failed(LaneState(), retry_after=wish).until == NOW + 1


@pytest.mark.parametrize("state", [OPEN, DENIED])
def test_stragglers_do_not_push_the_pause_away(state: LaneState) -> None:
    """What was sent before the circuit opened fails without consequence."""
    assert failed(state, retry_after=600.0) == state


def test_a_denied_lane_is_probed_ever_more_slowly() -> None:
    """It may be one device that is denied; and a token may be renewed while nobody watches."""
    state, pauses = LaneState(failures=4), []
    for _ in range(9):
        state = breaker.denied(state, now=NOW, reason="no")
        pauses.append(state.until - NOW)
    assert state.circuit is Circuit.DENIED
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, DENIED_PROBE.total_seconds()]


def test_a_failure_that_tells_nothing_counts_nothing() -> None:
    """While messages flow it is ignored; as a probe it is repeated soon, with another message."""
    open_ = failing(THRESHOLD)
    again = breaker.undecided(breaker.probing(open_), now=NOW)
    assert breaker.undecided(LaneState(), now=NOW) == LaneState()
    assert (again.circuit, again.failures) == (Circuit.OPEN, open_.failures)
    assert again.until == NOW + NEXT_PROBE.total_seconds()


def test_a_denied_lane_that_becomes_unreachable_is_probed_as_an_unreachable_one() -> None:
    """The probe's own failure is what counts."""
    state = failed(breaker.probing(DENIED))
    assert state.circuit is Circuit.OPEN
    assert state.until <= NOW + PROBE.cap.total_seconds()


def test_probing_keeps_the_count() -> None:
    """Half-open is not yet forgiven."""
    assert breaker.probing(OPEN) == LaneState(
        circuit=Circuit.HALF_OPEN, failures=5, until=OPEN.until, reason="down"
    )


def test_the_first_success_closes_it() -> None:
    """Whatever went before is forgotten."""
    assert breaker.succeeded(breaker.probing(OPEN)) == LaneState()
