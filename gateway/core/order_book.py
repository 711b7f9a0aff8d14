"""The book of orders: what each cloud wants of each module of each device, in memory, written through to the ledger."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from gateway.core.clock import Clock
from gateway.core.ledger import Ledger
from gateway.core.record import Record, put_back
from gateway.model.identity import DeviceId, Lane
from gateway.model.states import State
from gateway.model.update import Update
from gateway.ports.store import Buried, Changes, Kind, Ordered, OrderKey, Postponed

#: How long a cloud may go on asking for what it has acknowledged the end of.
LAG = timedelta(minutes=5)


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
        self._rows = {(row.lane, row.command.device, row.command.module): row for row in rows}
        self._closed_at = {key: self._clock.now() for key, row in self._rows.items() if row.is_closed}

    def all(self) -> Iterator[Ordered]:
        """Yield every order that is known."""
        return iter(self._rows.values())

    def serving(self, update: Update) -> list[Ordered]:
        """Return the orders that the update serves, in the order of their clouds' priority."""
        rows = [self._rows.get((lane, update.device, update.module)) for lane in self._lanes(update.device)]
        return [row for row in rows if row is not None and row.update == update.id]

    def told(self, changes: Changes) -> None:
        """Learn which clouds have heard the end of what they ordered, from a commit that holds it."""
        for settlement in changes.settlements:
            claim = settlement.claim
            if claim.kind is not Kind.TERMINAL or isinstance(settlement, Postponed | Buried):
                continue
            key = (claim.lane, claim.event.device, claim.event.module)
            row = self._rows.get(key)
            if row is not None and row.update == claim.update and claim.event.state is not State.CANCELED:
                self._rows[key] = replace(row, is_closed=True)
                self._closed_at[key] = self._clock.now()

    def _is_settled(self, key: OrderKey, row: Ordered) -> bool:
        """Whether what comes again in the same words is new: a cloud may lag behind what it acknowledged."""
        return row.is_closed and self._clock.now() - self._closed_at.get(key, 0.0) >= LAG.total_seconds()

    def _is_for_another(self, update: Update, lane: Lane) -> bool:
        """Whether the lane's cloud waits for another version: it might take this update for its own."""
        row = self._rows.get((lane, update.device, update.module))
        if row is not None and not row.is_closed:
            return row.command.version != update.target
        if self._names_modules(lane):
            return False
        # Two stories of one version that name no module would be one story without sense: the first is told.
        return any(_overlaps(other, update) for other in self._record.of(update.device))

    def _put(self, row: Ordered, *, keep: bool = True) -> None:
        key = (row.lane, row.command.device, row.command.module)
        self._ledger.remember(partial(put_back, self._rows, key, self._rows.get(key)))
        self._ledger.changes.orders[key] = row if keep else None
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
