"""What a cloud's answer does: to its message, to the gate of its lane, and to those who watch.

The adapter's three errors are three acts here, and there is no fourth.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache, partial
from random import random

import structlog

from gateway.core import trail
from gateway.core.clock import Clock
from gateway.core.conversation import NOT_APPLICABLE, Codes, reached
from gateway.core.gate import Gate
from gateway.core.ledger import Ledger
from gateway.core.news import News
from gateway.core.retry import Backoff
from gateway.errors import CloudError, Denied, Rejected, Scope, Unavailable
from gateway.metrics import Metrics
from gateway.model.commands import Command
from gateway.model.identity import Lane, UpdateId
from gateway.ports.store import Buried, Claim, Delivered, Entry, Kind, Postponed, Settlement

log = structlog.get_logger()

#: Where few wait, the next try is the next look at whether the cloud is back: it must not be far.
RETRY = Backoff(timedelta(seconds=1), timedelta(minutes=1))
#: Failed tries after which a message says nothing about its cloud any more.
TELLING = 3
#: A parked device is tried again so rarely that it burns nothing, and so often that it heals without a person.
PARKED_PROBE = timedelta(minutes=15)


class Answers:
    """Settles the messages of one lane; `let_go` is called with a queue once its settlement is written."""

    def __init__(
        self,
        lane: Lane,
        *,
        ledger: Ledger,
        gate: Gate,
        clock: Clock,
        metrics: Metrics,
        progress_interval: timedelta,
        learn: Callable[[Lane, UpdateId, Command], None],
        let_go: Callable[[int], None],
    ) -> None:
        self._lane = lane
        self._ledger = ledger
        self._gate = gate
        self._clock = clock
        self._progress_interval = progress_interval.total_seconds()
        self._learn = learn
        self._let_go = let_go
        self._codes = Codes()
        self._news = News(clock.now)
        # Looking a series up for each message costs more than counting it.
        self._lag = metrics.delivery_lag.labels(lane)
        self._deliveries = cache(partial(metrics.deliveries.labels, lane))
        self._errors = cache(partial(metrics.cloud_errors.labels, lane))

    def skipped(self, claim: Claim) -> None:
        """Settle what the cloud is not to hear."""
        outcome = "not_applicable" if claim.closed == NOT_APPLICABLE else "skipped"
        self._settle(Delivered(claim=claim, state=None), outcome)

    def delivered(self, claim: Claim, commands: Sequence[Command], closed: str | None) -> None:
        """Note that the cloud has it, and learn what its reply taught."""
        self._gate.succeeded()
        now = self._clock.now()
        if closed is None:
            self._lag.observe(max(now - claim.enqueued_at, 0.0))
        next_progress = now + self._progress_interval
        delivered = Delivered(
            claim=claim, state=claim.event.state, closed=closed, next_progress_at=next_progress
        )
        self._settle(delivered, "not_applicable" if closed == NOT_APPLICABLE else "delivered")
        for command in commands:
            self._learn(self._lane, claim.update, command)

    def unavailable(self, claim: Claim, err: Unavailable) -> None:
        """Try again later."""
        delay = RETRY.delay(claim.attempts + 1, random)
        if err.scope is Scope.LANE:
            # A message that failed again and again may be the trouble itself: it must not stop the others.
            self._gate.failed(err, telling=claim.attempts < TELLING or err.retry_after is not None)
        else:
            self._gate.succeeded()
            delay = max(delay, min(err.retry_after or 0.0, PARKED_PROBE.total_seconds()))
        postponed = Postponed(claim=claim, due_at=self._clock.now() + delay, reached=reached(err))
        self._settle(postponed, "unavailable", err)

    def rejected(self, claim: Claim, err: Rejected) -> None:
        """Make it a dead letter, and go on."""
        suppressed = self._suppressed("report_rejected", err.code)
        if suppressed is not None:
            log.error(
                "report_rejected",
                lane=self._lane,
                device=str(claim.event.device),
                code=err.code,
                reason=err.reason,
                suppressed=suppressed,
            )
        self._bury(claim, err)

    def broke(self, claim: Claim, err: Exception) -> None:
        """Put a message aside that its adapter cannot handle, and say so with the traceback."""
        kind = type(err).__name__
        suppressed = self._suppressed("adapter_broke", kind)
        if suppressed is not None:
            device = str(claim.event.device)
            log.error("adapter_broke", lane=self._lane, device=device, suppressed=suppressed, exc_info=err)
        self._bury(claim, Rejected("adapter_error", f"{kind}: {err}"))

    def denied(self, claim: Claim, err: Denied) -> None:
        """Park the device, or stop the lane."""
        now = self._clock.now()
        if err.scope is Scope.LANE:
            self._gate.denied(err)
            postponed = Postponed(claim=claim, due_at=now, reached=reached(err))
        else:
            self._gate.succeeded()
            self._say_parked(claim, err)
            due = now + PARKED_PROBE.total_seconds()
            postponed = Postponed(claim=claim, due_at=due, reached=reached(err), parked=err.code)
        self._settle(postponed, "denied", err)

    def _say_parked(self, claim: Claim, err: Denied) -> None:
        suppressed = self._suppressed("device_denied", err.code)
        if suppressed is not None:
            device = str(claim.event.device)
            log.warning("device_denied", lane=self._lane, device=device, code=err.code, suppressed=suppressed)

    def _suppressed(self, event: str, code: str) -> int | None:
        """Bound the log: a cloud that refuses everything says so once a minute for each of its codes."""
        return self._news.suppressed(self._codes.bounded(code), event)

    def _bury(self, claim: Claim, err: Rejected) -> None:
        self._gate.succeeded()
        buried = Buried(claim=claim, code=err.code, reason=err.reason, reached=reached(err))
        self._settle(buried, "rejected", err)

    def _settle(self, settlement: Settlement, outcome: str, error: CloudError | None = None) -> None:
        claim = settlement.claim
        self._deliveries(outcome).inc()
        if error is not None:
            self._errors(self._codes.bounded(error.code)).inc()
        if claim.kind is not Kind.PROGRESS and (outcome != "unavailable" or claim.attempts == 0):
            text = f"{claim.event.state.value}: {outcome}" + (f" ({error})" if error else "")
            walked = trail.walked()
            text += f" [{walked}]" if walked else ""
            entry = Entry(device=claim.event.device, update=claim.update, source=self._lane, text=text)
            self._ledger.changes.journal.append(entry)
        self._ledger.settled(settlement, partial(self._let_go, claim.queue))
