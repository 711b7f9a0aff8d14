"""A lane at work: claim the heads of due queues, hand them to the adapter, settle what came of it.

Per device one message at a time, in order; many devices at once. The adapter's three errors are three acts here,
and there is no fourth.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from random import random
from typing import NamedTuple

import structlog

from gateway.core.clock import Clock
from gateway.core.conversation import NOT_APPLICABLE, Codes, closing, is_news, reached
from gateway.core.gate import Gate
from gateway.core.ledger import Ledger
from gateway.core.retry import Backoff
from gateway.errors import CloudError, Denied, Rejected, Scope, StoreError, Unavailable
from gateway.metrics import Metrics
from gateway.model.commands import Command
from gateway.model.identity import Device, DeviceId, Lane, UpdateId
from gateway.ports.cloud import Teller
from gateway.ports.store import Buried, Claim, Delivered, Entry, Kind, Postponed, Settlement, Store

log = structlog.get_logger()

RETRY = Backoff(timedelta(seconds=1), timedelta(minutes=5))
#: Failed tries after which a message says nothing about its cloud any more.
TELLING = 3
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


class _Lease(NamedTuple):
    claim: Claim
    until: float


class Dispatcher:
    """Delivers one lane."""

    def __init__(
        self,
        lane: Lane,
        adapter: Teller,
        *,
        store: Store,
        ledger: Ledger,
        gate: Gate,
        clock: Clock,
        metrics: Metrics,
        settings: LaneSettings,
        external: Callable[[Lane, DeviceId], Device],
        learn: Callable[[Lane, UpdateId, Command], None],
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
        self._claimed: asyncio.Queue[int] = asyncio.Queue(maxsize=2 * settings.concurrency)
        # By queue, until the settlement is written: never take up a queue twice, also when a lease runs out.
        self._in_hand: dict[int, _Lease] = {}
        self._signal = asyncio.Event()
        self._codes = Codes()
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
                queues = await self._claim()
                pause = 0.0 if queues else await self._until_due()
            except StoreError as err:
                log.warning("claim_failed", lane=self._lane, error=str(err))
                queues, pause = [], 1.0
            for queue in queues:
                await self._claimed.put(queue)
            if not queues:
                await self._sleep(pause)

    async def _claim(self) -> list[int]:
        now = self._clock.now()
        until = now + LEASE.total_seconds()
        claims = await self._store.claim(
            self._lane,
            limit=4 * self._settings.concurrency,
            now=now,
            lease_until=until,
        )
        fresh = [claim.queue for claim in claims if claim.queue not in self._in_hand]
        # A lease that had run out at the gate is renewed; the head may be another one by now.
        self._in_hand.update({claim.queue: _Lease(claim, until) for claim in claims})
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
            queue = await self._claimed.get()
            if is_news(self._in_hand[queue].claim):
                async with self._gate:
                    await self._take_up(queue)
            else:
                await self._take_up(queue)

    async def _take_up(self, queue: int) -> None:
        if self._finishing:
            return
        claim, until = self._in_hand[queue]
        if until <= self._clock.now():
            # It ran out at the gate: what stands at the head now is claimed anew.
            del self._in_hand[queue]
            self.notify()
        elif is_news(claim):
            await self._send_in_hand(claim)
        else:
            outcome = "not_applicable" if claim.closed == NOT_APPLICABLE else "skipped"
            self._settle(Delivered(claim=claim, state=None), outcome)

    async def _send_in_hand(self, claim: Claim) -> None:
        self._sending += 1
        try:
            await self._send(claim)
        finally:
            self._sending -= 1
            self._done.set()

    async def _send(self, claim: Claim) -> None:
        device = self._external(self._lane, claim.event.device)
        if claim.source is not None:
            device = replace(device, running=claim.source)
        try:
            commands = await self._adapter.deliver(device, claim.event, claim.after)
            closed = closing(commands)
        except asyncio.CancelledError:
            if _is_being_cancelled():
                raise
            # Something that the adapter waited for was cancelled, not this worker: without it the lane would thin out.
            self._unavailable(claim, Unavailable("the adapter's call was cut off", code="canceled"))
        except Unavailable as err:
            self._unavailable(claim, err)
        except Rejected as err:
            self._rejected(claim, err)
        except Denied as err:
            self._denied(claim, err)
        except Exception as err:
            # The loop outlives a message that breaks its adapter: the message is put aside, and said loudly.
            log.exception("adapter_broke", lane=self._lane, device=str(claim.event.device))
            self._rejected(claim, Rejected("adapter_error", f"{type(err).__name__}: {err}"))
        else:
            self._delivered(claim, commands, closed)

    def _delivered(self, claim: Claim, commands: Sequence[Command], closed: str | None) -> None:
        self._gate.succeeded()
        now = self._clock.now()
        if closed is None:
            self._metrics.delivery_lag.labels(self._lane).observe(max(now - claim.enqueued_at, 0.0))
        next_progress = now + self._settings.progress_interval.total_seconds()
        delivered = Delivered(
            claim=claim, state=claim.event.state, closed=closed, next_progress_at=next_progress
        )
        self._settle(delivered, "not_applicable" if closed == NOT_APPLICABLE else "delivered")
        for command in commands:
            self._learn(self._lane, claim.update, command)

    def _unavailable(self, claim: Claim, err: Unavailable) -> None:
        delay = RETRY.delay(claim.attempts + 1, random)
        if err.scope is Scope.LANE:
            # A message that failed again and again may be the trouble itself: it must not stop the others.
            self._gate.failed(err, telling=claim.attempts < TELLING or err.retry_after is not None)
        else:
            self._gate.succeeded()
            delay = max(delay, min(err.retry_after or 0.0, PARKED_PROBE.total_seconds()))
        postponed = Postponed(claim=claim, due_at=self._clock.now() + delay, reached=reached(err))
        self._settle(postponed, "unavailable", err)

    def _rejected(self, claim: Claim, err: Rejected) -> None:
        self._gate.succeeded()
        device = str(claim.event.device)
        log.error("report_rejected", lane=self._lane, device=device, code=err.code, reason=err.reason)
        buried = Buried(claim=claim, code=err.code, reason=err.reason, reached=reached(err))
        self._settle(buried, "rejected", err)

    def _denied(self, claim: Claim, err: Denied) -> None:
        now = self._clock.now()
        if err.scope is Scope.LANE:
            self._gate.denied(err)
            postponed = Postponed(claim=claim, due_at=now, reached=reached(err))
        else:
            self._gate.succeeded()
            log.warning("device_denied", lane=self._lane, device=str(claim.event.device), code=err.code)
            due = now + PARKED_PROBE.total_seconds()
            postponed = Postponed(claim=claim, due_at=due, reached=reached(err), parked=err.code)
        self._settle(postponed, "denied", err)

    def _settle(self, settlement: Settlement, outcome: str, error: CloudError | None = None) -> None:
        claim = settlement.claim
        self._metrics.deliveries.labels(self._lane, outcome).inc()
        if error is not None:
            self._metrics.cloud_errors.labels(self._lane, self._codes.bounded(error.code)).inc()
        if claim.kind is not Kind.PROGRESS and (outcome != "unavailable" or claim.attempts == 0):
            text = f"{claim.event.state.value}: {outcome}" + (f" ({error})" if error else "")
            entry = Entry(device=claim.event.device, update=claim.update, source=self._lane, text=text)
            self._ledger.changes.journal.append(entry)
        self._ledger.settled(settlement, partial(self._let_go, claim.queue))

    def _let_go(self, queue: int) -> None:
        del self._in_hand[queue]


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
