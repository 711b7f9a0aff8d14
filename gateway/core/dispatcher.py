"""A lane at work: claim the heads of due queues, hand them to the adapter, settle what came of it.

Per device one message at a time, in order; many devices at once. The adapter's three errors are three acts here,
and there is no fourth.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from random import random

import structlog

from gateway.core.clock import Clock
from gateway.core.gate import Gate
from gateway.core.ledger import Ledger
from gateway.core.retry import Backoff
from gateway.errors import Denied, Rejected, Scope, StoreError, Unavailable
from gateway.metrics import Metrics
from gateway.model.commands import Command, TaskAbsent, TaskCanceled, TaskConflict
from gateway.model.identity import Device, DeviceId, Lane, Version
from gateway.model.states import STEPS, State, Step
from gateway.ports.cloud import CloudAdapter
from gateway.ports.store import Buried, Claim, Delivered, Entry, Kind, Postponed, Settlement, Store

log = structlog.get_logger()

RETRY = Backoff(timedelta(seconds=1), timedelta(minutes=5))
#: A parked device is tried again so rarely that it burns nothing, and so often that it heals without a person.
PARKED_PROBE = timedelta(minutes=15)
LEASE = timedelta(minutes=2)
#: Longest sleep of an idle lane; a signal wakes it sooner.
IDLE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSettings:
    """How fast a lane may go."""

    concurrency: int = 16
    #: Progress of one device is told at most this often.
    progress_interval: timedelta = timedelta(seconds=10)


class Dispatcher:
    """Delivers one lane."""

    def __init__(
        self,
        lane: Lane,
        adapter: CloudAdapter,
        *,
        store: Store,
        ledger: Ledger,
        gate: Gate,
        clock: Clock,
        metrics: Metrics,
        settings: LaneSettings,
        external: Callable[[Lane, DeviceId], Device],
        learn: Callable[[Lane, Command], None],
    ) -> None:
        self._lane = lane
        self._adapter = adapter
        self._store = store
        self._ledger = ledger
        self._gate = gate
        self._clock = clock
        self._metrics = metrics
        self._settings = settings
        self._external = external
        self._learn = learn
        self._claimed: asyncio.Queue[Claim] = asyncio.Queue(maxsize=2 * settings.concurrency)
        # A lease may run out while its message waits at the gate: never take up a queue twice.
        self._in_flight: set[int] = set()
        self._signal = asyncio.Event()
        self._finishing = False
        self._sending = 0
        self._done = asyncio.Event()

    def notify(self) -> None:
        """Tell that a commit may have made messages of this lane due."""
        self._signal.set()

    async def run(self) -> None:
        """Deliver for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._claim_for_ever(), name=f"{self._lane}-claims")
            for number in range(self._settings.concurrency):
                group.create_task(self._deliver_for_ever(), name=f"{self._lane}-{number}")

    async def finish(self) -> None:
        """Take up nothing more, and wait for the requests in hand: a cut one would be told twice."""
        self._finishing = True
        while self._sending:
            self._done.clear()
            await self._done.wait()

    async def _claim_for_ever(self) -> None:
        while True:
            self._signal.clear()
            await self._gate.opened()
            try:
                claims = await self._claim()
                pause = 0.0 if claims else await self._until_due()
            except StoreError as err:
                log.warning("claim_failed", lane=self._lane, error=str(err))
                claims, pause = [], 1.0
            for claim in claims:
                await self._claimed.put(claim)
            if not claims:
                await self._sleep(pause)

    async def _claim(self) -> list[Claim]:
        now = self._clock.now()
        claims = await self._store.claim(
            self._lane,
            limit=4 * self._settings.concurrency,
            now=now,
            lease_until=now + LEASE.total_seconds(),
        )
        fresh = [claim for claim in claims if claim.queue not in self._in_flight]
        self._in_flight.update(claim.queue for claim in fresh)
        return fresh

    async def _until_due(self) -> float:
        due = await self._store.next_due(self._lane)
        return IDLE if due is None else min(max(due - self._clock.now(), 0.001), IDLE)

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._signal.wait()

    async def _deliver_for_ever(self) -> None:
        while True:
            claim = await self._claimed.get()
            try:
                await self._handle(claim)
            finally:
                self._in_flight.discard(claim.queue)

    async def _handle(self, claim: Claim) -> None:
        if not _is_news(claim):
            outcome = "not_applicable" if claim.closed == "not_applicable" else "skipped"
            self._settle(Delivered(claim=claim, state=None), outcome)
            return
        async with self._gate:
            if self._finishing:
                return
            self._sending += 1
            try:
                await self._send(claim)
            finally:
                self._sending -= 1
                self._done.set()

    async def _send(self, claim: Claim) -> None:
        device = self._external(self._lane, claim.event.device)
        try:
            commands = await self._adapter.deliver(_as_it_was(device, claim.source), claim.event, claim.after)
        except Unavailable as err:
            self._unavailable(claim, err)
        except Rejected as err:
            self._rejected(claim, err.code, err.reason, err.reached)
        except Denied as err:
            self._denied(claim, err)
        except Exception as err:
            # The loop outlives a message that breaks its adapter: the message is put aside, and said loudly.
            log.exception("adapter_broke", lane=self._lane, device=str(claim.event.device))
            self._rejected(claim, "adapter_error", f"{type(err).__name__}: {err}", None)
        else:
            self._delivered(claim, commands)

    def _delivered(self, claim: Claim, commands: Sequence[Command]) -> None:
        self._gate.succeeded()
        self._metrics.cloud_up.labels(self._lane).set(1)
        now = self._clock.now()
        closed = _closing(commands)
        next_progress = now + self._settings.progress_interval.total_seconds()
        outcome = "not_applicable" if closed == "not_applicable" else "delivered"
        if closed is None:
            self._metrics.delivery_lag.labels(self._lane).observe(max(now - claim.enqueued_at, 0.0))
        self._settle(
            Delivered(claim=claim, state=claim.event.state, closed=closed, next_progress_at=next_progress),
            outcome,
        )
        for command in commands:
            self._learn(self._lane, command)

    def _unavailable(self, claim: Claim, err: Unavailable) -> None:
        self._gate.failed(err)
        self._metrics.cloud_up.labels(self._lane).set(0)
        due = self._clock.now() + RETRY.delay(claim.attempts + 1, random)
        self._settle(Postponed(claim=claim, due_at=due, reached=_reached(err.reached)), "unavailable", err)

    def _rejected(self, claim: Claim, code: str, reason: str, reached: str | None) -> None:
        self._gate.succeeded()
        log.error(
            "report_rejected", lane=self._lane, device=str(claim.event.device), code=code, reason=reason
        )
        buried = Buried(claim=claim, code=code, reason=reason, reached=_reached(reached))
        self._settle(buried, "rejected", code)

    def _denied(self, claim: Claim, err: Denied) -> None:
        now = self._clock.now()
        reached = _reached(err.reached)
        if err.scope is Scope.LANE:
            self._gate.denied(err)
            self._metrics.cloud_up.labels(self._lane).set(0)
            self._settle(Postponed(claim=claim, due_at=now, reached=reached), "denied", err)
            return
        self._gate.succeeded()
        log.warning("device_denied", lane=self._lane, device=str(claim.event.device), code=err.code)
        due = now + PARKED_PROBE.total_seconds()
        self._settle(Postponed(claim=claim, due_at=due, reached=reached, parked=err.code), "denied", err)

    def _settle(self, settlement: Settlement, outcome: str, answer: object = "") -> None:
        claim = settlement.claim
        self._metrics.deliveries.labels(self._lane, outcome).inc()
        changes = self._ledger.changes
        changes.settlements.append(settlement)
        if claim.kind is not Kind.PROGRESS and claim.attempts == 0:
            text = f"{claim.event.state.value}: {outcome} {answer}".strip()
            entry = Entry(device=claim.event.device, update=claim.update, source=self._lane, text=text)
            changes.journal.append(entry)
        self._ledger.request()


def _is_news(claim: Claim) -> bool:
    """Whether the cloud may hear this: the conversation is open, and it never heard this state or a later one."""
    if claim.closed is not None:
        return False
    if claim.after is None:
        return True
    match STEPS[claim.after, claim.event.state]:
        case Step.ADVANCE:
            return True
        case Step.REPEAT:
            return claim.kind is Kind.PROGRESS
        case Step.STALE | Step.ABSORBED:
            return False


def _reached(state: str | None) -> State | None:
    return None if state is None else State(state)


def _as_it_was(device: Device, source: Version | None) -> Device:
    return Device(id=device.id, external=device.external, running=source or device.running)


def _closing(commands: Sequence[Command]) -> str | None:
    for command in commands:
        match command:
            case TaskAbsent():
                return "not_applicable"
            case TaskCanceled():
                return "canceled"
            case TaskConflict():
                return "conflict"
    return None
