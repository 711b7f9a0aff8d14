"""The engine: every event and command passes here, acts on the state table, and becomes messages to the clouds.

Open updates are held in memory and written through; the store is the truth at start.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import assert_never

import structlog

from gateway.core.clock import Clock
from gateway.core.ledger import Ledger
from gateway.metrics import Metrics
from gateway.model import codec
from gateway.model.commands import Command, TaskAbsent, TaskCanceled
from gateway.model.events import Confirmed, Event, StateReported, VersionReported
from gateway.model.identity import DeviceId, Lane, Module, UpdateId, Version
from gateway.model.policy import Policy
from gateway.model.states import Reason, State
from gateway.model.update import CHANGES, Outcome, Update, Verdict, apply, cancel, expire, witness
from gateway.ports.devices import Settle
from gateway.ports.store import Committed, Entry, Kind, Loaded, Message, Quarantined

log = structlog.get_logger()

_Key = tuple[DeviceId, Module]

#: A device that names ever new modules must not grow the site's memory.
MAX_MODULES = 32
#: After a start, how long silence is not held against devices: they may be reconnecting.
PATIENCE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRules:
    """What the configuration says of a product, as far as the engine cares."""

    lanes: tuple[Lane, ...]
    policy: Policy = field(default_factory=Policy)


class Engine:
    """Implements `ports.devices.Inbox`."""

    def __init__(
        self,
        products: Mapping[str, ProductRules],
        *,
        ledger: Ledger,
        clock: Clock,
        metrics: Metrics,
        lane_quota: int,
    ) -> None:
        self._products = products
        self._ledger = ledger
        self._clock = clock
        self._metrics = metrics
        self._quota = lane_quota
        self._updates: dict[_Key, Update] = {}
        self._versions: dict[_Key, Version] = {}
        self._full: frozenset[Lane] = frozenset()
        self._modules: defaultdict[DeviceId, set[Module]] = defaultdict(set)
        self._patient_until = 0.0

    def load(self, loaded: Loaded) -> None:
        """Fill memory from the store."""
        self._updates = {(update.device, update.module): update for update in loaded.updates}
        self._versions = dict(loaded.versions)
        for device, module in self._updates.keys() | self._versions.keys():
            self._modules[device].add(module)
        self._patient_until = self._clock.now() + PATIENCE.total_seconds() if loaded.updates else 0.0
        self._note_sizes(loaded.sizes)

    def committed(self, committed: Committed) -> None:
        """Learn how full the lanes are."""
        self._note_sizes(committed.sizes)
        for lane, count in committed.evicted.items():
            self._metrics.discarded.labels(lane, "progress_evicted").inc(count)

    def _note_sizes(self, sizes: Mapping[Lane, int]) -> None:
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

    def accept(self, event: Event, settle: Settle) -> None:
        """Take an understood event; never raises; `settle` follows its commit."""
        rules = self._products[event.device.product_id]
        if self._full and not self._full.isdisjoint(rules.lanes):
            self._metrics.refused.labels("outbox_full").inc()
            settle(False)
            return
        if not self._knows_module(event):
            self._quarantine(event, "too_many_modules", f"a device may have {MAX_MODULES} modules")
            self._ledger.settle_later(settle)
            return
        match event:
            case StateReported():
                self._state_reported(event, rules)
            case VersionReported():
                self._version_reported(event)
            case Confirmed():
                self._metrics.suppressed.labels("nothing_to_confirm").inc()
            case _:
                assert_never(event)
        self._ledger.settle_later(settle)

    def set_aside(
        self, device: DeviceId, topic: str, payload: bytes, *, reason: str, detail: str, settle: Settle
    ) -> None:
        """Put input that could not be understood into quarantine; `settle` follows its commit."""
        item = Quarantined(device=device, topic=topic, payload=payload, reason=reason, detail=detail)
        self._ledger.changes.quarantine.append(item)
        self._ledger.settle_later(settle)

    def learn(self, lane: Lane, told: UpdateId, command: Command) -> None:
        """Take what a cloud's reply about an update taught.

        A cancelled task ends the update unless another cloud follows it, or a later attempt has begun.
        """
        if not isinstance(command, TaskAbsent):
            kind = type(command).__name__
            log.info("task_ended_by_cloud", lane=lane, device=str(command.device), kind=kind)
        update = self._updates.get((command.device, command.module))
        if not isinstance(command, TaskCanceled) or update is None or update.id != told:
            return
        rules = self._products.get(command.device.product_id)
        if rules is not None and rules.lanes == (lane,):
            self._act(cancel(update, Reason.CANCELED_BY_CLOUD, now=self._clock.now()))
            self._ledger.teach_again(partial(self.learn, lane, told, command))
            self._ledger.request()

    def expire(self) -> None:
        """Let time act on every open update; not before devices had time to come back after a start."""
        now = self._clock.now()
        if now < self._patient_until:
            return
        for update in list(self._open_updates()):
            rules = self._products.get(update.device.product_id)
            if rules is None:
                continue
            outcome = expire(update, policy=rules.policy, now=now)
            if outcome.verdict in CHANGES:
                self._act(outcome)
                self._ledger.request()

    def running(self, device: DeviceId, module: Module) -> Version | None:
        """Return the version that the device said it runs."""
        return self._versions.get((device, module))

    def census(self) -> tuple[Counter[State], int]:
        """Count open updates by state, and the stalled ones."""
        states = Counter(update.state for update in self._open_updates())
        return states, sum(update.stalled for update in self._open_updates())

    def _open_updates(self) -> Iterator[Update]:
        return (update for update in self._updates.values() if not update.state.is_terminal)

    def _state_reported(self, event: StateReported, rules: ProductRules) -> None:
        key = (event.device, event.module)
        outcome = apply(
            self._updates.get(key),
            event,
            running=self._versions.get(key),
            policy=rules.policy,
            now=self._clock.now(),
        )
        if outcome.verdict is Verdict.UNTARGETED:
            self._quarantine(
                event,
                "no_open_update",
                "no version was named and the device has no update that it could mean",
            )
        else:
            self._act(outcome)

    def _knows_module(self, event: Event) -> bool:
        """Whether the device has this module, or may have one more."""
        modules = self._modules.get(event.device, set())
        return event.module in modules or len(modules) < MAX_MODULES

    def _quarantine(self, event: Event, reason: str, detail: str) -> None:
        """Set aside what was understood, but cannot be acted upon."""
        payload = (
            codec.encode(event).encode() if isinstance(event, StateReported) else str(event.version).encode()
        )
        item = Quarantined(device=event.device, topic="", payload=payload, reason=reason, detail=detail)
        self._ledger.changes.quarantine.append(item)
        self._metrics.suppressed.labels(reason).inc()

    def _version_reported(self, event: VersionReported) -> None:
        key = (event.device, event.module)
        known = self._versions.get(key)
        if known != event.version:
            self._modules[event.device].add(event.module)
            self._versions[key] = event.version
            self._ledger.changes.versions[key] = event.version
            self._ledger.remember(partial(self._put_version, key, known))
        self._act(witness(self._updates.get(key), event, now=self._clock.now()))

    def _act(self, outcome: Outcome) -> None:
        update = outcome.update
        if update is None or outcome.verdict not in CHANGES:
            self._metrics.suppressed.labels(outcome.verdict).inc()
            return
        key = (update.device, update.module)
        self._ledger.remember(partial(self._put_update, key, self._updates.get(key)))
        self._modules[update.device].add(update.module)
        self._updates[key] = update
        if outcome.closed is not None:
            self._entered(outcome.closed)
        match outcome.verdict:
            case Verdict.PROGRESSED:
                self._progressed(update)
            case Verdict.NOTED:
                self._ledger.changes.updates[update.id] = update
            case _:
                self._entered(update)

    def _progressed(self, update: Update) -> None:
        changes = self._ledger.changes
        if update.id in changes.updates:
            changes.updates[update.id] = update
        else:
            changes.progressed[update.id] = update
        event = update.report()
        for lane in self._lanes(update):
            changes.progress[lane, update.id] = Message(
                lane=lane, update=update.id, kind=Kind.PROGRESS, event=event
            )

    def _entered(self, update: Update) -> None:
        changes = self._ledger.changes
        changes.progressed.pop(update.id, None)
        changes.updates[update.id] = update
        event = update.report()
        changes.journal.append(
            Entry(device=update.device, update=update.id, source="understood", text=codec.encode(event))
        )
        kind = Kind.TERMINAL if update.state.is_terminal else Kind.TRANSITION
        for lane in self._lanes(update):
            changes.progress.pop((lane, update.id), None)
            changes.messages.append(Message(lane=lane, update=update.id, kind=kind, event=event))
        self._count(update)

    def _lanes(self, update: Update) -> tuple[Lane, ...]:
        rules = self._products.get(update.device.product_id)
        return rules.lanes if rules else ()

    def _count(self, update: Update) -> None:
        self._metrics.transitions.labels(update.state).inc()
        if not update.state.is_terminal:
            return
        self._metrics.finished.labels(update.state, update.reason).inc()
        self._metrics.update_duration.labels(update.state).observe(update.entered_at - update.opened_at)
        log.info(
            "update_finished",
            device=str(update.device),
            update=update.id,
            target=update.target,
            result=update.state.value,
            reason=update.reason.value,
            unverified=update.unverified,
        )

    def _put_update(self, key: _Key, update: Update | None) -> None:
        if update is None:
            self._updates.pop(key, None)
        else:
            self._updates[key] = update

    def _put_version(self, key: _Key, version: Version | None) -> None:
        if version is None:
            self._versions.pop(key, None)
        else:
            self._versions[key] = version
