"""The circuit breaker of a lane: pure transitions of a `LaneState`, which the store keeps.

Closed: messages flow. Five failures in a row, or a cloud that asks for a pause, open it. When its time is up it
is half-open: one message probes. The first success closes it and the lane drains at its full rate at once. A
cloud that denies us altogether is probed ever more slowly, for a token may be renewed while nobody watches.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from gateway.core.retry import Backoff
from gateway.ports.store import Circuit, LaneState

THRESHOLD = 5
PROBE = Backoff(timedelta(seconds=1), timedelta(seconds=30))
NEXT_PROBE = timedelta(seconds=15)
DENIED_PROBE = timedelta(seconds=60)
#: A pause that a cloud asks for is honoured within these; a "Retry-After: 0" must not make a lane spin.
MIN_PAUSE, MAX_PAUSE = timedelta(seconds=1), timedelta(hours=1)


def failed(
    state: LaneState, *, now: float, retry_after: float | None, reason: str, random: Callable[[], float]
) -> LaneState:
    """Count an Unavailable."""
    if state.circuit in (Circuit.OPEN, Circuit.DENIED):
        return state
    failures = state.failures + 1
    counted = replace(state, failures=failures, reason=reason)
    if retry_after is not None:
        pause = min(max(MIN_PAUSE.total_seconds(), retry_after), MAX_PAUSE.total_seconds())
        return replace(counted, circuit=Circuit.OPEN, until=now + pause)
    if failures < THRESHOLD and state.circuit is Circuit.CLOSED:
        return counted
    tries = max(failures - THRESHOLD + 1, 1)
    return replace(counted, circuit=Circuit.OPEN, until=now + PROBE.delay(tries, random))


def undecided(state: LaneState, *, now: float) -> LaneState:
    """Take a failure that says nothing about the cloud: a probe with it is repeated soon, with another message."""
    if state.circuit is Circuit.CLOSED:
        return state
    return replace(state, circuit=Circuit.OPEN, until=now + NEXT_PROBE.total_seconds())


def denied(state: LaneState, *, now: float, reason: str) -> LaneState:
    """Note that the cloud does not trust us at all; the first probes come soon, for it may be one device only."""
    failures = state.failures + 1 if state.circuit is not Circuit.CLOSED else 1
    pause = min(2.0 ** min(failures - 1, 30), DENIED_PROBE.total_seconds())
    return replace(state, circuit=Circuit.DENIED, until=now + pause, failures=failures, reason=reason)


def probing(state: LaneState) -> LaneState:
    """Let one message through."""
    return replace(state, circuit=Circuit.HALF_OPEN)


def succeeded(state: LaneState) -> LaneState:
    """Close: the cloud answers."""
    return LaneState() if state != LaneState() else state
