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
from gateway.model.orders import Refusal, agree, order, refusal
from gateway.model.states import TABLE, Reason, State
from gateway.model.update import Update, cancel
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
        #: Called with each update that was called off after its device may have heard of it.
        self.on_withdrawn: Callable[[Update], None] = lambda _: None

    def is_busy(self, lane: Lane, device: DeviceId) -> bool:
        """Whether the device works on what this cloud ordered, so that there is no use in asking for more.

        What has not begun may still be called off, and so may what is stuck: about these the cloud is asked.
        """
        return any(self._is_under_way(lane, update) for update in self._record.of(device))

    def _is_under_way(self, lane: Lane, update: Update) -> bool:
        row = self._rows.get((lane, update.device, update.module))
        if row is None or row.update != update.id or row.is_closed:
            return False
        if update.state.is_terminal:
            # Its end is on the way to the cloud, which does not know it yet.
            return update.state is not State.CANCELED
        return TABLE[update.state].rank > _NOTIFIED and not update.stalled

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
        if found:
            self._ledger.request()
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
        if tuple(followers) == (lane,) and self.cancel(update, Reason.CANCELED_BY_CLOUD):
            self._ledger.teach_again(partial(self.learn, lane, told, command))

    def tend(self) -> None:
        """Take up orders that waited for another one to end."""
        for row in [row for row in self._rows.values() if row.update is None]:
            update = self._record.update(row.command.device, row.command.module)
            if update is None or update.state.is_terminal:
                self._open(row)
                self._ledger.request()

    def again(self, update: Update) -> bool:
        """Begin anew what has ended, because an operator asks for it; False when there is nothing to begin."""
        rows = self.serving(update)
        if not rows or not update.state.is_terminal:
            return False
        self._open(replace(rows[0], is_closed=False))
        self._ledger.request()
        return True

    def cancel(self, update: Update, reason: Reason) -> bool:
        """Call an open update off; False when it is over."""
        heard = TABLE[update.state].rank >= _NOTIFIED
        if not self._record.act(cancel(update, reason, now=self._clock.now())):
            return False
        if heard:
            self.on_withdrawn(update)
        self._ledger.request()
        return True

    def _ordered(self, lane: Lane, command: UpdateOrdered) -> None:
        key = (lane, command.device, command.module)
        row = self._rows.get(key)
        self._missing.discard(key)
        if row is not None and _is_same(row.command, command) and not self._is_settled(key, row):
            self._repeated(row, command)
            return
        fresh = Ordered(lane=lane, command=command)
        update = self._record.update(command.device, command.module)
        if update is None or update.state.is_terminal:
            self._open(fresh)
        elif update.target == command.version:
            self._put(replace(fresh, update=update.id))
        elif self._yields(update, lane):
            self._open(fresh)
        else:
            self._conflict(fresh, update)

    def _repeated(self, row: Ordered, command: UpdateOrdered) -> None:
        """Take the newest words of an order that is known; its user may have agreed elsewhere."""
        if row.is_closed or row.command == command:
            return
        self._put(replace(row, command=command))
        update = self._record.update(command.device, command.module)
        rules = self._record.rules(command.device)
        agreed = row.command.needs_confirmation and not command.needs_confirmation
        if (
            agreed
            and update is not None
            and update.id == row.update
            and rules
            and not rules.policy.asks_first
        ):
            self._record.act(agree(update, accept=True, now=self._clock.now()))

    def _yields(self, update: Update, lane: Lane) -> bool:
        """Whether an open update makes way for an order of this lane with another target."""
        holders = [row.lane for row in self.serving(update)]
        rank = TABLE[update.state].rank
        if not holders or rank >= _INSTALLING:
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
        displaced = self.serving(last) if outcome.closed is not None and last is not None else []
        if displaced and last is not None and TABLE[last.state].rank >= _NOTIFIED:
            self.on_withdrawn(last)
        self._record.act(outcome)
        if outcome.update is not None:
            for other in displaced:
                if other.lane != row.lane:
                    self._conflict(other, outcome.update)
            log.info(
                "update_ordered",
                lane=row.lane,
                update=outcome.update.id,
                target=command.version,
                state=outcome.update.state.value,
                reason=refused.detail if refused else "",
            )
            self._metrics.orders.labels(row.lane, outcome.update.state).inc()
            self._record.note(outcome.update, row.lane, f"ordered {command.version} ({command.handle})")
            self._put(replace(row, update=outcome.update.id, note=""))

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

    def _conflict(self, row: Ordered, update: Update) -> None:
        """Let an order wait for an update that another cloud wants."""
        self._metrics.order_conflicts.labels(row.lane).inc()
        log.warning(
            "order_conflicts",
            lane=row.lane,
            device=str(row.command.device),
            wants=row.command.version,
            update=update.id,
            under_way=update.target,
        )
        self._put(replace(row, update=None, note="conflict"))

    def _missed(self, row: Ordered, *, is_canceled: bool) -> None:
        """A cloud did not name what it wanted; twice in a row means that it wants it no more."""
        key = (row.lane, row.command.device, row.command.module)
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
        elif update is None or update.id != row.update or update.state.is_terminal:
            return
        elif len(self.serving(update)) > 1:
            self._put(row, keep=False)
        elif TABLE[update.state].rank <= _NOTIFIED:
            log.info("order_withdrawn", lane=row.lane, update=update.id)
            self._put(row, keep=False)
            self.cancel(update, Reason.CANCELED_BY_CLOUD)


def _is_same(before: UpdateOrdered, now: UpdateOrdered) -> bool:
    return (before.handle, before.version) == (now.handle, now.version)
