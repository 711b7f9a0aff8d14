"""All that the API looks at, and the desk at which it acts."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from heapq import nlargest

from gateway.core.clock import Clock
from gateway.core.dead_letters import DeadLetters
from gateway.core.desk import Desk
from gateway.core.images import Images, Wanted
from gateway.core.orders import Orders
from gateway.core.reconciler import Drift
from gateway.core.record import Record
from gateway.model.identity import DeviceId, Lane, UpdateId
from gateway.model.states import TERMINAL, State
from gateway.model.update import Update
from gateway.ops.api.baton import Baton, baton, waits_here
from gateway.ops.api.shapes import UpdateView
from gateway.ops.api.shelf import Shelf
from gateway.ops.api.views import SiteTimes, update_view
from gateway.ops.live.hub import Hub
from gateway.ops.live.minutes import Minutes
from gateway.ops.outcome import Outcome
from gateway.ports.firmware import Progress
from gateway.ports.history import History, Place, UpdateQuery
from gateway.ports.store import Ordered


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """The parts of one gateway, as an operator sees them."""

    clock: Clock
    record: Record
    orders: Orders
    history: History
    desk: Desk
    letters: DeadLetters
    is_present: Callable[[DeviceId], bool]
    #: The devices that the configuration names, and those that are present.
    known: Callable[[], Iterable[DeviceId]]
    drift: Callable[[], Iterable[Drift]]
    #: Reads the configuration again; None where nobody does.
    reload: Callable[[], Awaitable[Outcome]] | None = None
    #: None where the gateway fetches no images.
    images: Images | None = None
    shelf: Shelf | None = None
    minutes: Minutes
    #: For who reads along; what it tells is another's to say.
    hub: Hub = field(default_factory=Hub)

    async def find(self, name: UpdateId) -> Update | None:
        """Return an update, as it is now or as it ended."""
        return self.record.find(name) or await self.history.update(name)

    @cached_property
    def when(self) -> SiteTimes:
        """Return what says when something was."""
        return SiteTimes(self.clock)

    def devices(self) -> set[DeviceId]:
        """Return every device that is named, there, or of which anything is known."""
        return {*self.known(), *self.record.known}

    def knows(self, device: DeviceId) -> bool:
        """Whether it is one of these."""
        return device in self.record.known or device in self.known()

    async def updates(self, query: UpdateQuery) -> list[Update]:
        """Return updates, those that were opened last first, as they are now."""
        if query.states is None or TERMINAL.intersection(query.states):
            return list(map(self.newest, await self.history.updates(query)))
        # What is not over is in memory, and may be a needle in the store.
        found = (update for update in self.record.open_updates() if _wants(query, update))
        return nlargest(query.limit, found, key=_place)

    def newest(self, update: Update) -> Update:
        """Return what is known of it now, which may be newer than what was read."""
        return self.record.find(update.id) or update

    async def shown(self, updates: Sequence[Update]) -> list[UpdateView]:
        """Show updates, each with who must move it next."""
        # Of what was called off here no cloud is told.
        told = [each for each in updates if each.state.is_terminal and each.state is not State.CANCELED]
        unheard = await self.history.unheard(told)
        return [
            update_view(update, self.baton(update, unheard.get(update.id, ())), self.when)
            for update in updates
        ]

    def baton(self, update: Update, unheard: Sequence[Lane] = ()) -> Baton:
        """Say who must move it next, and what for."""
        rules = self.record.rules(update.device)
        row = self._row(update) if waits_here(update) else None
        return baton(
            update,
            unheard=unheard,
            policy=rules.policy if rules else None,
            is_present=self.is_present(update.device),
            wanted=None if row is None else self.wanted(row),
            progress=None if row is None else self.progress(row),
            clock=self.clock,
        )

    def _row(self, update: Update) -> Ordered | None:
        """Return the order whose image the update waits for, or was given."""
        rows = self.orders.serving(update)
        if not rows:
            return None
        return rows[0] if self.images is None else self.images.best(rows)

    def wanted(self, row: Ordered) -> Wanted | None:
        """Return how far the image of an order is."""
        return self.images.find(row) if self.images is not None else None

    def progress(self, row: Ordered) -> Progress | None:
        """Return how much of its image has come, while it comes."""
        return self.shelf.progress(row.command.firmware.identity) if self.shelf is not None else None


def _wants(query: UpdateQuery, update: Update) -> bool:
    """Whether the query asks for an update."""
    return (
        (query.states is None or update.state in query.states)
        and query.product in (None, update.device.product_id)
        and query.device in (None, update.device.name)
        and query.reason in (None, update.reason)
        and (query.since is None or update.opened_at >= query.since)
        and (query.after is None or _place(update) < query.after)
    )


def _place(update: Update) -> Place:
    return update.opened_at, update.id
