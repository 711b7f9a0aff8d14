"""Orders: what each cloud wants of each module of each device, and which update serves it.

An order stays until a newer one takes its place, so that an operator can try it again, and so that a cloud which
asks for the same thing again is understood. Two clouds with the same target share one update; with different ones,
the cloud that the product names first goes first, and the other's order waits as a *conflict*.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import structlog

from gateway.core.clock import Clock
from gateway.core.ledger import Ledger
from gateway.core.order_book import OrderBook
from gateway.core.record import Record
from gateway.metrics import Metrics
from gateway.model.commands import Command, Order, TaskAbsent, TaskCanceled, UpdateOrdered
from gateway.model.identity import DeviceId, Lane, UpdateId, Version
from gateway.model.orders import Refusal, agree, join, order, refusal
from gateway.model.states import TABLE, Reason, State
from gateway.model.update import CHANGES, Outcome, Update, Verdict, cancel
from gateway.ports.store import Ordered, OrderKey

log = structlog.get_logger()

_NOTIFIED = TABLE[State.NOTIFIED].rank
_INSTALLING = TABLE[State.INSTALLING].rank

#: Why a cloud cannot carry a version, None when it can.
Objection = Callable[[Lane, Version], str | None]


class Orders(OrderBook):
    """The orders of all clouds, and what comes of them."""

    def __init__(
        self,
        record: Record,
        *,
        ledger: Ledger,
        clock: Clock,
        metrics: Metrics,
        objection: Objection,
        names_modules: Callable[[Lane], bool] = lambda _: True,
    ) -> None:
        super().__init__(record, ledger=ledger, clock=clock, names_modules=names_modules)
        self._metrics = metrics
        self._objection = objection
        #: Orders that were not in the cloud's last answer.
        self._missing: set[OrderKey] = set()
        record.on_superseded = self._superseded
        #: Called with each update that was called off after its device may have heard of it.
        self.on_withdrawn: Callable[[Update], None] = lambda _: None

    def take(self, lane: Lane, device: DeviceId, found: Sequence[Order]) -> bool:
        """Take what a cloud answered to the question what it wants of the device; True when it wants something."""
        wanted = {order.module for order in found if isinstance(order, UpdateOrdered)}
        canceled = {order.module for order in found if isinstance(order, TaskCanceled)}
        for answer in found:
            if isinstance(answer, UpdateOrdered):
                self._ordered(lane, answer)
        for update in list(self._record.of(device)):
            row = self._rows.get((lane, device, update.module))
            if row is not None and update.module not in wanted:
                self._missed(row, is_canceled=update.module in canceled)
        return bool(wanted)

    def learn(self, lane: Lane, told: UpdateId, command: Command) -> None:
        """Take what a cloud's reply about an update taught.

        A cancelled task ends the update unless another cloud follows it, or a later attempt has begun.
        """
        if not isinstance(command, TaskAbsent):
            kind = type(command).__name__
            log.info("task_ended_by_cloud", lane=lane, device=str(command.device), kind=kind)
        update = self._record.update(command.device, command.module)
        if not isinstance(command, TaskCanceled) or update is None or update.id != told:
            return
        followers = [row.lane for row in self.serving(update)] or self._lanes(update.device)
        if not update.state.is_terminal:
            self._ledger.teach_again(partial(self.learn, lane, told, command))
            self._close(lane, update)
            if tuple(followers) == (lane,):
                self.cancel(update, Reason.CANCELED_BY_CLOUD)

    def tend(self) -> None:
        """Take up orders that waited for another one to end."""
        for row in self._waiting():
            self._place(row)
        for update in [update for update in self._record.open_updates() if self._is_orphan(update)]:
            log.info("order_gone", update=update.id)
            self.cancel(update, Reason.CANCELED_BY_OPERATOR)

    def again(self, update: Update) -> bool:
        """Begin anew what has ended, because an operator asks for it; False when there is nothing to begin."""
        rows = self.serving(update)
        if not rows or not update.state.is_terminal:
            return False
        key = rows[0].key
        self._missing.discard(key)
        if update.state is not State.CANCELED:
            # The cloud hears of the end and orders it no more: that is no word against a person's.
            self._close(rows[0].lane, update)
        self._open(self._rows[key])
        return True

    def cancel(self, update: Update, reason: Reason) -> bool:
        """Call an open update off; False when it is over."""
        if not self._record.act(cancel(update, reason, now=self._clock.now())):
            return False
        if _may_have_heard(update):
            self.on_withdrawn(update)
        self._ledger.request()
        return True

    def _ordered(self, lane: Lane, command: UpdateOrdered) -> None:
        key = (lane, command.device, command.module)
        row = self._rows.get(key)
        self._missing.discard(key)
        if row is None or not _is_same(row.command, command) or self._is_settled(key, row):
            self._place(Ordered(lane=lane, command=command))
        elif row.update is None:
            self._place(replace(row, command=command))
        else:
            self._repeated(row, command)

    def _place(self, row: Ordered) -> None:
        """Find the update that serves an order: a new one, the open one, or none before that ends."""
        update = self._record.update(row.command.device, row.command.module)
        if update is not None and self._is_echo(row, update):
            self._put(replace(row, update=update.id, is_closed=True, note=""))
        elif update is None or update.state.is_terminal:
            self._open(row)
        elif update.target == row.command.version and not self._runs_already(update):
            self._put(replace(row, update=update.id, note=""))
            self._join(update, row.command)
        elif update.target == row.command.version or self._yields(update, row.lane):
            self._open(row)
        else:
            self._wait(row, update)

    def _join(self, update: Update, command: UpdateOrdered) -> None:
        rules = self._record.rules(command.device)
        if rules is not None:
            running = self._record.running(command.device, command.module)
            outcome = join(update, command, running=running, policy=rules.policy, now=self._clock.now())
            if outcome.verdict in CHANGES:
                self._record.act(outcome)

    def _repeated(self, row: Ordered, command: UpdateOrdered) -> None:
        """Take the newest words of an order that is known; its user may have agreed elsewhere."""
        if row.is_closed:
            return
        if row.command == command:
            # Not worth a commit; but who waits for a new link can tell that it was asked for.
            self._rows[row.key] = replace(row, command=command)
            return
        self._put(replace(row, command=command))
        update = self._record.update(command.device, command.module)
        rules = self._record.rules(command.device)
        if update is None or update.id != row.update or rules is None:
            return
        if row.command.needs_confirmation == command.needs_confirmation:
            return
        if command.needs_confirmation:
            self._join(update, command)
        elif not rules.policy.asks_first:
            self._record.act(agree(update, accept=True, now=self._clock.now()))

    def _yields(self, update: Update, lane: Lane) -> bool:
        """Whether an open update makes way for an order of this lane with another target."""
        holders = [row.lane for row in self.serving(update)]
        rank = TABLE[update.state].rank
        if not holders:
            # The device's own, until nothing more is heard of it; or ordered once, and by nobody any more.
            return update.stalled or (update.ordered and rank < _INSTALLING)
        if rank >= _INSTALLING:
            return False
        lanes = self._lanes(update.device)
        return holders == [lane] or (rank <= _NOTIFIED and lanes.index(lane) < lanes.index(holders[0]))

    def _open(self, row: Ordered) -> None:
        """Begin an update for the order; what is open is superseded."""
        command = row.command
        rules = self._record.rules(command.device)
        if rules is None:
            return
        last = self._record.update(command.device, command.module)
        running = self._record.running(command.device, command.module)
        refused = self._refusal(command) or refusal(command, running=running, policy=rules.policy)
        outcome = order(
            last, command, running=running, refused=refused, policy=rules.policy, now=self._clock.now()
        )
        begun = outcome.update
        if begun is None:
            return
        if last is not None and outcome.closed is not None:
            self._supersede(last, outcome.closed, begun, lane=row.lane)
        log.info(
            "update_ordered",
            lane=row.lane,
            update=begun.id,
            target=command.version,
            state=begun.state.value,
            reason=refused.detail if refused else "",
        )
        self._metrics.orders.labels(row.lane, begun.state).inc()
        # The orders first: they decide which clouds are told.
        self._put(replace(row, update=begun.id, note=""))
        joining = self._waiting_for(begun)
        for other in joining:
            self._put(replace(other, update=begun.id, note=""))
        self._record.act(Outcome(Verdict.OPENED, begun))
        for other in joining:
            self._join(begun, other.command)
        self._record.note(begun, row.lane, f"ordered {command.version} ({command.handle})")

    def _supersede(self, last: Update, closed: Update, begun: Update, *, lane: Lane) -> None:
        """Close an update for another cloud's or a newer order; what it served otherwise waits."""
        if _may_have_heard(last):
            self.on_withdrawn(last)
        displaced = self.serving(last)
        self._record.act(Outcome(Verdict.ADVANCED, closed))
        for other in displaced:
            if other.lane != lane:
                self._wait(other, begun)

    def _superseded(self, closed: Update, begun: Update) -> None:
        """Let the orders wait whose update the device left for one of its own."""
        for row in self.serving(closed):
            self._wait(row, begun)

    def _refusal(self, command: UpdateOrdered) -> Refusal | None:
        """Say what is wrong with an order whatever the policy may be."""
        for lane in self._lanes(command.device):
            why = self._objection(lane, command.version)
            if why:
                return Refusal(Reason.CLOUD_REJECTED, why)
        known = set(self._record.modules(command.device))
        if known and command.module not in known:
            return Refusal(
                Reason.INCOMPATIBLE_DEVICE,
                f"the device has no module {command.module!r}; it told of {', '.join(sorted(known))}",
            )
        return None

    def _wait(self, row: Ordered, update: Update) -> None:
        """Let an order wait for an update that another cloud wants, or the device itself."""
        waits = replace(row, update=None, note="conflict")
        if waits == self._rows.get(row.key):
            return
        self._put(waits)
        if row.note == waits.note:
            return
        self._metrics.order_conflicts.labels(row.lane).inc()
        log.warning(
            "order_conflicts",
            lane=row.lane,
            device=str(row.command.device),
            wants=row.command.version,
            update=update.id,
            under_way=update.target,
        )

    def _missed(self, row: Ordered, *, is_canceled: bool) -> None:
        """A cloud did not name what it wanted; twice in a row means that it wants it no more."""
        key = row.key
        if is_canceled or key in self._missing:
            self._missing.discard(key)
            self._withdrawn(row)
        else:
            self._missing.add(key)

    def _withdrawn(self, row: Ordered) -> None:
        """A cloud wants no more what it wanted."""
        update = self._record.update(row.command.device, row.command.module)
        if row.update is None:
            self._put(row, keep=False)
        elif update is None or update.id != row.update:
            return
        elif update.state.is_terminal:
            # Over here, and there: what the cloud orders from now on is new, even in the same words.
            self._close(row.lane, update)
        elif len(self.serving(update)) > 1:
            self._put(row, keep=False)
        elif TABLE[update.state].rank <= _NOTIFIED and not row.is_closed:
            log.info("order_withdrawn", lane=row.lane, update=update.id)
            self._put(row, keep=False)
            self.cancel(update, Reason.CANCELED_BY_CLOUD)


def _may_have_heard(update: Update) -> bool:
    """Whether the device was told of it, this time or when it was tried before."""
    return update.ordered and (TABLE[update.state].rank >= _NOTIFIED or update.retries > 0)


def _is_same(before: UpdateOrdered, now: UpdateOrdered) -> bool:
    return (before.handle, before.version) == (now.handle, now.version)
