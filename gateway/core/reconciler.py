"""Compares what one cloud believes of updates with what is true, and mends what may be mended by telling it again.

It looks at an update some time after the cloud acknowledged its end, and now and then at one that is open. A cloud
that stands behind is told again from where it stands; what no report can mend is *drift*, shown until it is gone.
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog

from gateway.core.calls import asked_of
from gateway.core.clock import Clock, signalled
from gateway.core.gate import Gate
from gateway.core.ledger import Ledger
from gateway.core.orders import Orders
from gateway.core.record import Record
from gateway.errors import CloudError, StoreError
from gateway.metrics import Metrics
from gateway.model.identity import DEFAULT_MODULE, Device, DeviceId, Lane, UpdateId
from gateway.model.reports import ANNOUNCEMENTS
from gateway.model.states import TABLE, State
from gateway.model.update import Update
from gateway.ports.cloud import CloudAdapter, CloudView
from gateway.ports.store import Changes, Delivered, Kind, Message

log = structlog.get_logger()

#: A cloud may take a moment to work through what it acknowledged.
FIRST_LOOK = timedelta(minutes=1)
#: How often an update is told again before its drift is left to people.
MAX_REPAIRS = 2
#: Updates that ended so long ago are not looked at after a start.
FORGOTTEN = timedelta(days=1)

KINDS = ("behind", "ended_there", "ended_otherwise", "open_there")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What a cloud believes that is not so."""

    lane: Lane
    update: UpdateId
    #: One of KINDS.
    kind: str
    believed: State
    true: State
    detail: str


@dataclass(order=True, slots=True)
class _Look:
    due: float
    update: UpdateId = field(compare=False)


class Reconciler:
    """One for each cloud that gives tasks."""

    def __init__(
        self,
        lane: Lane,
        adapter: CloudAdapter,
        *,
        record: Record,
        orders: Orders,
        ledger: Ledger,
        gate: Gate,
        clock: Clock,
        metrics: Metrics,
        interval: timedelta,
        external: Callable[[Lane, DeviceId], Device],
    ) -> None:
        self._lane = lane
        self._adapter = adapter
        self._record = record
        self._orders = orders
        self._ledger = ledger
        self._gate = gate
        self._clock = clock
        self._metrics = metrics
        self._interval = interval.total_seconds()
        self._external = external
        self._looks: list[_Look] = []
        #: When each update is looked at next; an entry of the heap that says otherwise is passed over.
        self._due: dict[UpdateId, float] = {}
        #: How often each was told again since the cloud last agreed.
        self._repairs: Counter[UpdateId] = Counter()
        #: What the cloud is being asked about, until it is told more of it.
        self._asked: UpdateId | None = None
        self._drift: dict[UpdateId, Drift] = {}
        self._signal = asyncio.Event()

    def load(self) -> None:
        """Plan to look at what is open, and at what ended not long ago."""
        for kind in KINDS:
            # What another one had found before: this one finds it again, if it is still so.
            self._metrics.drift.labels(self._lane, kind).set(0)
        now = self._clock.now()
        for number, update in enumerate(self._served()):
            if not update.state.is_terminal or now - update.entered_at < FORGOTTEN.total_seconds():
                self._plan(update.id, FIRST_LOOK.total_seconds() + number % self._interval)

    def told(self, changes: Changes) -> None:
        """Learn from a commit which ends this cloud has acknowledged."""
        for settlement in changes.settlements:
            claim = settlement.claim
            if claim.lane == self._lane and claim.update == self._asked:
                self._asked = None
            acknowledged = isinstance(settlement, Delivered) and settlement.state is not None
            if claim.lane == self._lane and claim.kind is Kind.TERMINAL and acknowledged:
                self._plan(claim.update, FIRST_LOOK.total_seconds())
        for update in changes.updates.values():
            if update.ordered and update.opened_at == update.entered_at:
                self._plan(update.id, self._interval)

    def drift(self) -> Iterator[Drift]:
        """Yield what the cloud believes that is not so."""
        return iter(self._drift.values())

    async def run(self) -> None:
        """Look for ever."""
        while True:
            look = self._looks[0] if self._looks else None
            if look is None or look.due > self._clock.now():
                self._signal.clear()
                await signalled(self._signal, self._clock.until(None if look is None else look.due))
                continue
            heapq.heappop(self._looks)
            if self._due.get(look.update) != look.due:
                continue
            del self._due[look.update]
            await self._gate.opened()
            async with self._gate:
                await self._look(look.update)

    async def _look(self, name: UpdateId) -> None:
        before = self._record.find(name)
        if before is None or not self._is_served(before):
            self._forget(name)
            return
        device = self._external(self._lane, before.device)
        known = replace(device, running=self._record.running(before.device, DEFAULT_MODULE))
        if await self._is_end_waiting(before.device):
            # It hears first what it does not know yet; an answer that is not written counts as none.
            self._plan(name, FIRST_LOOK.total_seconds())
            return
        self._asked = name
        try:
            view = await asked_of(self._observed(known, before), self._lane)
        except CloudError as err:
            self._gate.troubled(err)
            self._plan(name, self._interval)
            return
        self._gate.succeeded()
        update = self._record.find(name)
        if update is None or not self._is_served(update):
            self._forget(name)
        elif update.state is not before.state or self._asked != name:
            # It went on meanwhile: the view is older than what is true now.
            self._plan(name, FIRST_LOOK.total_seconds())
        else:
            self._compare(update, view)

    async def _is_end_waiting(self, device: DeviceId) -> bool:
        try:
            return await self._ledger.is_end_waiting(self._lane, device)
        except StoreError:
            return True

    async def _observed(self, device: Device, update: Update) -> CloudView | None:
        views = await self._adapter.observe(device)
        return next((view for view in views if _is_of(view, update)), None)

    def _compare(self, update: Update, view: CloudView | None) -> None:
        believed = None if view is None else view.state
        kind = None if believed is None else _difference(believed, update.state)
        if view is None or believed is None or kind is None:
            self._forget(update.id)
            if not update.state.is_terminal:
                self._plan(update.id, self._interval)
        elif kind == "behind" and self._repairs[update.id] < MAX_REPAIRS:
            self._tell_again(update, believed)
            self._note(update.id, None)
            self._plan(update.id, FIRST_LOOK.total_seconds())
        else:
            drift = Drift(
                lane=self._lane,
                update=update.id,
                kind=kind,
                believed=believed,
                true=update.state,
                detail=view.detail,
            )
            self._note(update.id, drift)
            self._plan(update.id, self._interval)

    def _forget(self, update: UpdateId) -> None:
        """Be done with an update of which nothing is to be mended."""
        self._repairs.pop(update, None)
        self._note(update, None)

    def _tell_again(self, update: Update, believed: State) -> None:
        log.info("cloud_told_again", lane=self._lane, update=update.id, believed=believed.value)
        self._metrics.repairs.labels(self._lane).inc()
        self._repairs[update.id] += 1
        changes = self._ledger.changes
        changes.beliefs[self._lane, update.device, update.id] = believed
        kind = Kind.TERMINAL if update.state.is_terminal else Kind.TRANSITION
        changes.messages.append(Message(lane=self._lane, update=update.id, kind=kind, event=update.report()))
        self._record.note(update, self._lane, f"believed {believed}: told again {update.state}")
        self._ledger.request()

    def _note(self, update: UpdateId, drift: Drift | None) -> None:
        before = self._drift.pop(update, None)
        if drift is not None:
            self._drift[update] = drift
            if before is None or before.kind != drift.kind:
                log.warning(
                    "cloud_drifts",
                    lane=self._lane,
                    update=update,
                    kind=drift.kind,
                    believed=drift.believed.value,
                    true=drift.true.value,
                )
        kinds = Counter(drift.kind for drift in self._drift.values())
        for kind in KINDS:
            self._metrics.drift.labels(self._lane, kind).set(kinds[kind])

    def _served(self) -> Iterator[Update]:
        return (update for update in self._record.all() if self._is_served(update))

    def _is_served(self, update: Update) -> bool:
        return any(row.lane == self._lane for row in self._orders.serving(update))

    def _plan(self, update: UpdateId, delay: float) -> None:
        due = self._clock.now() + delay
        if self._due.get(update, due) < due:
            return
        self._due[update] = due
        heapq.heappush(self._looks, _Look(due, update))
        self._signal.set()


def _is_of(view: CloudView, update: Update) -> bool:
    return view.module == update.module and view.target in (None, update.target)


def _difference(believed: State, true: State) -> str | None:
    """Name how the cloud's belief differs from the truth; None where it does not, or only by a step on the way."""
    if believed.is_terminal and true.is_terminal:
        return None if _tone(believed) == _tone(true) else "ended_otherwise"
    if believed.is_terminal:
        return "ended_there"
    if true is State.CANCELED:
        return "open_there"
    if true.is_terminal:
        # Where it begins, it begins anew: that is an order, and asked for as such.
        return None if believed in ANNOUNCEMENTS else "behind"
    return "behind" if TABLE[believed].rank + 10 < TABLE[true].rank <= TABLE[State.APPLYING].rank else None


def _tone(end: State) -> str:
    """Success, calling off, or any of the ways to fail, which clouds do not tell apart."""
    return end if end in (State.SUCCEEDED, State.CANCELED) else "failure"
