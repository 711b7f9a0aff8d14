"""The engine: every event passes here, acts on the state table, and becomes messages to the clouds."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import assert_never

import structlog

from gateway.core.acquaintances import TOO_MANY
from gateway.core.backlog import Backlog
from gateway.core.clock import Clock
from gateway.core.ledger import Ledger
from gateway.core.record import ProductRules, Record
from gateway.metrics import Metrics
from gateway.model import codec
from gateway.model.events import Confirmed, Event, StateReported, VersionReported
from gateway.model.evidence import expire, witness
from gateway.model.identity import DeviceId, Lane
from gateway.model.orders import agree
from gateway.model.reports import apply
from gateway.model.update import CHANGES, Verdict
from gateway.ports.devices import Settle
from gateway.ports.store import Changes, Committed, Loaded, Quarantined

log = structlog.get_logger()

#: After a start, a standstill or a time of refusals, how long silence is not held against devices: they may be
#: reconnecting.
PATIENCE = timedelta(minutes=2)


class Engine:
    """Implements `ports.devices.Inbox`."""

    def __init__(
        self, record: Record, *, ledger: Ledger, clock: Clock, metrics: Metrics, lane_quota: int
    ) -> None:
        self._record = record
        self._ledger = ledger
        self._clock = clock
        self._metrics = metrics
        self._quota = lane_quota
        self._backlog = Backlog(lane_quota)
        self._sizes: Mapping[Lane, int] = {}
        self._full: frozenset[Lane] = frozenset()
        #: Since when devices can be heard without a break, and when one with an open update was last refused.
        self._heard_from = 0.0
        self._refused_at: dict[DeviceId, float] = {}
        #: Called with each version report; set by the composition root.
        self.on_version: Callable[[VersionReported], None] = lambda _: None
        #: Called when a device speaks of an update that was called off.
        self.on_canceled: Callable[[StateReported], None] = lambda _: None

    def limit(self, lane_quota: int) -> None:
        """Let so many bytes wait in a lane from now on."""
        self._quota = lane_quota
        self._backlog.limit(lane_quota)
        self._note_sizes(self._sizes)

    def load(self, loaded: Loaded) -> None:
        """Learn from the store how things stand."""
        self.be_patient()
        self._note_sizes(loaded.sizes)
        self._backlog.load(loaded.waiting)

    def be_patient(self) -> None:
        """Hold silence against no device for a while: nobody was heard."""
        self._heard_from = self._clock.now()

    def committed(self, changes: Changes, committed: Committed) -> None:
        """Learn how full the lanes are, and of whose reports."""
        self._backlog.committed(changes)
        self._note_sizes(committed.sizes)
        for lane, count in committed.evicted.items():
            self._metrics.discarded.labels(lane, "progress_evicted").inc(count)

    def _note_sizes(self, sizes: Mapping[Lane, int]) -> None:
        self._sizes = sizes
        full = frozenset(lane for lane, size in sizes.items() if size >= self._quota)
        if full != self._full:
            log.error("outbox_full", lanes=sorted(full)) if full else log.info("outbox_has_room")
            self._full = full

    @property
    def full_lanes(self) -> frozenset[Lane]:
        """Lanes at their hard limit: publishes that would add to them are refused."""
        return self._full

    @property
    def has_room(self) -> bool:
        """False while so much waits for commit that reading from sockets should pause."""
        return self._ledger.has_room

    async def room(self) -> None:
        """Wait until has_room."""
        await self._ledger.room()

    def accept(self, event: Event, settle: Settle, *, said: bytes = b"") -> None:
        """Take an understood event; never raises; `settle` follows its commit."""
        rules = self._record.rules(event.device)
        why = None if rules is None else self._refusal(rules, event.device)
        if why is not None:
            self._metrics.refused.labels(why).inc()
            settle(False)
            return
        objection = self._record.known.objection(event.device, event.module)
        if objection is not None:
            self._quarantine(event, objection, TOO_MANY[objection])
        else:
            self._take(event, said)
        self._ledger.settle_later(settle)

    def _take(self, event: Event, said: bytes) -> None:
        match event:
            case StateReported():
                self._state_reported(event, said)
            case VersionReported():
                self._version_reported(event, said)
            case Confirmed():
                self._confirmed(event, said)
            case _:
                assert_never(event)

    def set_aside(
        self, device: DeviceId, topic: str, payload: bytes, *, reason: str, detail: str, settle: Settle
    ) -> None:
        """Put input that could not be understood into quarantine; `settle` follows its commit."""
        item = Quarantined(device=device, topic=topic, payload=payload, reason=reason, detail=detail)
        self._ledger.changes.quarantine.append(item)
        self._ledger.settle_later(settle)

    def report(self, event: StateReported) -> bool:
        """Take what the gateway itself says of an update; False when it changed nothing."""
        changed = self._state_reported(event)
        if changed:
            self._ledger.request()
        return changed

    def expire(self) -> None:
        """Let time act on every open update; when nobody was heard, not before its device had time to come back."""
        if self._ledger.trouble is not None:
            # Whatever devices say is refused, or soon may be.
            self.be_patient()
        now, patience = self._clock.now(), PATIENCE.total_seconds()
        for update in list(self._record.open_updates()):
            rules = self._record.rules(update.device)
            if rules is None:
                continue
            if self._refusal(rules, update.device) is not None:
                self._refused_at[update.device] = now
            heard_from = max(self._heard_from, self._refused_at.get(update.device, 0.0))
            if now < heard_from + patience and update.touched_at < heard_from:
                continue
            outcome = expire(update, policy=rules.policy, now=now)
            if outcome.verdict in CHANGES and self._record.act(outcome):
                self._ledger.request()
        self._refused_at = {device: at for device, at in self._refused_at.items() if now < at + patience}

    def waiting(self) -> set[DeviceId]:
        """Return the devices of which a report waits to be told."""
        return self._backlog.waiting()

    def _refusal(self, rules: ProductRules, device: DeviceId) -> str | None:
        """Say why nothing is taken from a device: a lane that would hear it is full, or too full of this device."""
        if self._full and not self._full.isdisjoint(rules.lanes):
            return "outbox_full"
        return "device_backlog" if self._backlog.is_full(device, rules.lanes) else None

    def _state_reported(self, event: StateReported, said: bytes = b"") -> bool:
        rules = self._record.rules(event.device)
        if rules is None:
            return False
        outcome = apply(
            self._record.update(event.device, event.module),
            event,
            running=self._record.running(event.device, event.module),
            policy=rules.policy,
            now=self._clock.now(),
        )
        if outcome.verdict is Verdict.UNTARGETED:
            self._quarantine(
                event,
                "no_open_update",
                "no version was named and the device has no update that it could mean",
            )
            return False
        if outcome.verdict is Verdict.ABSORBED and not event.synthetic:
            self.on_canceled(event)
        return self._record.act(outcome, said)

    def _version_reported(self, event: VersionReported, said: bytes) -> None:
        rules = self._record.rules(event.device)
        if rules is None:
            return
        self._record.note_version(event.device, event.module, event.version)
        update = self._record.update(event.device, event.module)
        self._record.act(witness(update, event, now=self._clock.now()), said)
        self.on_version(event)

    def _confirmed(self, event: Confirmed, said: bytes) -> None:
        update = self._record.update(event.device, event.module)
        if update is None or event.version not in (None, update.target):
            self._metrics.suppressed.labels("nothing_to_confirm").inc()
        else:
            self._record.act(agree(update, accept=event.accept, now=self._clock.now()), said)

    def _quarantine(self, event: Event, reason: str, detail: str) -> None:
        """Set aside what was understood, but cannot be acted upon."""
        payload = codec.encode(event) if isinstance(event, StateReported) else str(event.version)
        item = Quarantined(
            device=event.device, topic="", payload=payload.encode(), reason=reason, detail=detail
        )
        self._ledger.changes.quarantine.append(item)
        self._metrics.suppressed.labels(reason).inc()
