"""The book of orders: what each cloud wants of each module of each device, in memory, written through to the ledger."""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import timedelta
from functools import partial

from gateway.core.clock import Clock
from gateway.core.ledger import Ledger
from gateway.core.record import Record, put_back
from gateway.model.identity import DeviceId, Lane
from gateway.model.states import TABLE, State
from gateway.model.update import Update
from gateway.ports.store import Changes, Ordered, OrderKey, is_end_told

#: How long a cloud may go on asking for what it has acknowledged the end of.
LAG = timedelta(minutes=5)
_NOTIFIED = TABLE[State.NOTIFIED].rank


class OrderBook:
    """The orders of all clouds, without the rules of what comes of them."""

    def __init__(
        self, record: Record, *, ledger: Ledger, clock: Clock, names_modules: Callable[[Lane], bool]
    ) -> None:
        self._record = record
        self._ledger = ledger
        self._clock = clock
        self._names_modules = names_modules
        self._rows: dict[OrderKey, Ordered] = {}
        #: When a cloud acknowledged the end of what it had ordered; the start, where it did so before.
        self._closed_at: dict[OrderKey, float] = {}
        record.is_none_of = self._is_for_another

    def load(self, rows: Sequence[Ordered]) -> None:
        """Fill memory from the store."""
        self._rows = {row.key: row for row in rows}
        self._closed_at = {key: self._clock.now() for key, row in self._rows.items() if row.is_closed}

    def all(self) -> Iterator[Ordered]:
        """Yield every order that is known."""
        return iter(self._rows.values())

    def serving(self, update: Update) -> list[Ordered]:
        """Return the orders that the update serves, in the order of their clouds' priority."""
        rows = [self._rows.get((lane, update.device, update.module)) for lane in self._lanes(update.device)]
        return [row for row in rows if row is not None and row.update == update.id]

    def is_busy(self, lane: Lane, device: DeviceId) -> bool:
        """Whether the device works on what this cloud ordered, so that there is no use in asking for more.

        What has not begun may still be called off, and so may what is stuck: about these the cloud is asked.
        """
        return any(self._is_under_way(lane, update) for update in self._record.of(device))

    def _is_under_way(self, lane: Lane, update: Update) -> bool:
        row = self._rows.get((lane, update.device, update.module))
        if row is None or row.update != update.id or row.is_closed:
            return False
        # An end that waits to be told is the outbox's to know.
        return not update.state.is_terminal and TABLE[update.state].rank > _NOTIFIED and not update.stalled

    def forget(self, devices: AbstractSet[DeviceId]) -> None:
        """Know nothing more of what was ordered for these, of which nothing is under way."""
        for key in [key for key in self._rows if key[1] in devices]:
            self._ledger.remember(partial(put_back, self._rows, key, self._rows.pop(key)))
            self._ledger.remember(partial(put_back, self._closed_at, key, self._closed_at.pop(key, None)))

    def told(self, changes: Changes) -> None:
        """Learn which clouds have heard the end of what they ordered, from a commit that holds it."""
        for settlement in changes.settlements:
            if not is_end_told(settlement):
                continue
            claim = settlement.claim
            key = (claim.lane, claim.event.device, claim.event.module)
            row = self._rows.get(key)
            if row is not None and (row.is_closed or row.update == claim.update):
                self._closed_at[key] = self._clock.now()
            if row is not None and row.update == claim.update:
                self._rows[key] = closed = replace(row, is_closed=True)
                if key in self._ledger.changes.orders:
                    # It was renewed while this was written.
                    self._ledger.changes.orders[key] = closed

    def _is_settled(self, key: OrderKey, row: Ordered) -> bool:
        """Whether what comes again in the same words is new: a cloud may lag behind what it acknowledged."""
        return row.is_closed and self._clock.now() - self._closed_at.get(key, 0.0) >= LAG.total_seconds()

    def _is_echo(self, row: Ordered, update: Update) -> bool:
        """Whether a cloud asks for what has just ended for another one: it is told of that end, too.

        One that waited for another version does not hear of it; and one that had ordered this orders it anew.
        """
        before = self._rows.get(row.key)
        if before is not None and (not before.is_closed or before.update == update.id):
            return False
        ended = update.state.is_terminal and update.target == row.command.version
        is_fresh = self._clock.now() - update.entered_at < LAG.total_seconds()
        if ended and is_fresh:
            self._closed_at[row.key] = self._clock.now()
        return ended and is_fresh

    def _runs_already(self, update: Update) -> bool:
        """Whether a device installs by itself once more what it runs: an order for that is a success at once."""
        return not update.ordered and self._record.running(update.device, update.module) == update.target

    def _is_for_another(self, update: Update, lane: Lane) -> bool:
        """Whether the lane's cloud waits for another version: it might take this update for its own."""
        row = self._rows.get((lane, update.device, update.module))
        if row is not None and not row.is_closed:
            return row.command.version != update.target
        if self._names_modules(lane):
            return False
        # Two stories of one version that name no module would be one story without sense: the first is told.
        return any(_overlaps(other, update) for other in self._record.of(update.device))

    def _is_orphan(self, update: Update) -> bool:
        """Whether nobody wants an ordered update any more that has not begun: the configuration left its cloud out."""
        rules = self._record.rules(update.device)
        if rules is None or not update.ordered or TABLE[update.state].rank > _NOTIFIED:
            return False
        return not (rules.asks and self.serving(update))

    def _waiting(self) -> list[Ordered]:
        """Return the orders that wait for an update to end, the first cloud's first."""
        waiting = [row for row in self._rows.values() if row.update is None and self._is_bound(row)]
        return sorted(waiting, key=lambda row: self._lanes(row.command.device).index(row.lane))

    def _waiting_for(self, update: Update) -> list[Ordered]:
        """Return the orders that wait, and that an update which has just begun for another one serves, too."""
        if update.state is State.REJECTED:
            return []
        rows = [self._rows.get((lane, update.device, update.module)) for lane in self._lanes(update.device)]
        return [row for row in rows if row and row.update is None and row.command.version == update.target]

    def _is_bound(self, row: Ordered) -> bool:
        """Whether the configuration still has its product, and the product its cloud."""
        return row.lane in self._lanes(row.command.device)

    def _close(self, lane: Lane, update: Update) -> None:
        """Be done with the order that the update serves: its cloud is."""
        key = (lane, update.device, update.module)
        row = self._rows.get(key)
        if row is not None and row.update == update.id and not row.is_closed:
            self._put(replace(row, is_closed=True))
            self._closed_at[key] = self._clock.now()

    def _put(self, row: Ordered, *, keep: bool = True) -> None:
        key = row.key
        self._ledger.remember(partial(put_back, self._rows, key, self._rows.get(key)))
        self._ledger.changes.orders[key] = row if keep else None
        self._ledger.request()
        if keep:
            self._rows[key] = row
        else:
            self._rows.pop(key, None)

    def _lanes(self, device: DeviceId) -> tuple[Lane, ...]:
        rules = self._record.rules(device)
        return rules.lanes if rules else ()


def _overlaps(other: Update, update: Update) -> bool:
    """Whether another module's update to the same version was under way when this one began."""
    is_later = (other.opened_at, other.module) > (update.opened_at, update.module)
    if other.module == update.module or other.target != update.target or is_later:
        return False
    return not other.state.is_terminal or other.entered_at >= update.opened_at
