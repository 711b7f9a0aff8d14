"""The gate of a lane: the breaker at work. Whoever sends passes through it; a shut gate lets one probe through."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from random import random
from types import TracebackType

import structlog

from gateway.core import breaker
from gateway.core.clock import Clock, signalled
from gateway.core.ledger import Ledger
from gateway.errors import CloudError, Denied, Scope, Unavailable
from gateway.metrics import Metrics
from gateway.model.identity import Lane
from gateway.ports.store import Circuit, LaneState

log = structlog.get_logger()

#: As almost every success finds it.
_WELL = LaneState()
_METRIC = {Circuit.CLOSED: 0, Circuit.HALF_OPEN: 1, Circuit.OPEN: 2, Circuit.DENIED: 3}


class Gate:
    """Use as `async with gate:` around one delivery, and say inside how it ended."""

    def __init__(
        self,
        lane: Lane,
        state: LaneState,
        *,
        ledger: Ledger,
        clock: Clock,
        metrics: Metrics,
        jitter: Callable[[], float] = random,
    ) -> None:
        self._lane = lane
        # A start is often a person who has just mended the credentials: ask at once.
        self._state = replace(state, until=0.0) if state.circuit is Circuit.DENIED else state
        self._ledger = ledger
        self._clock = clock
        self._circuit = metrics.circuit.labels(lane)
        self._up = metrics.cloud_up.labels(lane)
        self._jitter = jitter
        self._changed = asyncio.Event()
        self._probe: asyncio.Task[object] | None = None
        self._troubled_since = None if state.circuit is Circuit.CLOSED else clock.now()
        self._circuit.set(_METRIC[state.circuit])

    @property
    def state(self) -> LaneState:
        """The breaker as it stands."""
        return self._state

    @property
    def next_try_at(self) -> float | None:
        """When the next probe goes out (site clock); None while messages flow."""
        return None if self._state.circuit is Circuit.CLOSED else self._state.until

    @property
    def troubled_since(self) -> float | None:
        """Since when messages do not flow (site clock), at the earliest since the start; None while they do."""
        return self._troubled_since

    def hurry(self) -> None:
        """Try at once: somebody may have mended what kept the circuit open."""
        if self._state.circuit is not Circuit.CLOSED:
            self._become(replace(self._state, until=0.0))

    async def opened(self) -> None:
        """Wait until sending may make sense: the circuit is closed, or its time to probe has come."""
        while not self._may_probe():
            await self._wait()

    async def __aenter__(self) -> None:
        """Pass; behind a shut gate only one at a time, as its probe."""
        while self._state.circuit is not Circuit.CLOSED:
            if self._may_probe() and self._probe is None:
                self._probe = asyncio.current_task()
                self._become(breaker.probing(self._state))
                return
            await self._wait()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._probe is asyncio.current_task():
            self._probe = None
            self._tell()

    def succeeded(self) -> None:
        """The cloud answered: close, and wake everything that waits for a retry."""
        if self._is_old_news():
            return
        if self._state.circuit is not Circuit.CLOSED:
            self._ledger.changes.woken.add(self._lane)
            log.info("cloud_back", lane=self._lane)
        self._up.set(1)
        if self._state != _WELL:
            self._become(breaker.succeeded(self._state))

    def failed(self, err: Unavailable, *, telling: bool = True) -> None:
        """The cloud did not answer; what keeps failing by itself (not `telling`) says little about the cloud."""
        self._up.set(0)
        if self._is_old_news():
            return
        if not telling:
            self._become(breaker.undecided(self._state, now=self._clock.now()))
            return
        state = breaker.failed(
            self._state,
            now=self._clock.now(),
            retry_after=err.retry_after,
            reason=str(err),
            random=self._jitter,
        )
        if state.circuit is Circuit.OPEN and self._state.circuit is Circuit.CLOSED:
            log.warning("cloud_unavailable", lane=self._lane, code=err.code, reason=err.reason)
        self._become(state)

    def troubled(self, err: CloudError) -> None:
        """Take an error of a question that nobody waits for: trouble of one device shows that the cloud is well."""
        match err:
            case Unavailable(scope=Scope.LANE):
                self.failed(err)
            case Denied(scope=Scope.LANE):
                self.denied(err)
            case _:
                self.succeeded()

    def denied(self, err: Denied) -> None:
        """The cloud does not trust us."""
        self._up.set(0)
        if self._state.circuit is Circuit.DENIED:
            # Sent before the first denial: the same refusal, heard again.
            return
        if self._state.reason != str(err):
            log.error("cloud_denies_us", lane=self._lane, code=err.code, reason=err.reason)
        self._become(breaker.denied(self._state, now=self._clock.now(), reason=str(err)))

    def _may_probe(self) -> bool:
        return self._state.circuit is Circuit.CLOSED or self._state.until <= self._clock.now()

    def _is_old_news(self) -> bool:
        """Whether this was sent before the circuit opened: only the probe speaks for the cloud now."""
        return self._state.circuit is not Circuit.CLOSED and self._probe is not asyncio.current_task()

    def _become(self, state: LaneState) -> None:
        if state == self._state:
            return
        if state.circuit is not self._state.circuit:
            self._circuit.set(_METRIC[state.circuit])
        if state.circuit is Circuit.CLOSED:
            self._troubled_since = None
        elif self._troubled_since is None:
            self._troubled_since = self._clock.now()
        self._state = state
        self._ledger.changes.lanes[self._lane] = state
        self._ledger.request()
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _wait(self) -> None:
        """Until the state changes or its time is up; while a probe is out, only its end is news."""
        timeout = None if self._probe else max(self._state.until - self._clock.now(), 0.01)
        await signalled(self._changed, timeout)
