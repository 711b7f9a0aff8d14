"""All updates counted in one walk: by state, by campaign, by who must move next, and those in which nothing moves.

The walk lets go of the loop now and then: with a hundred thousand devices it takes longer than a report may wait.
"""

import asyncio
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import NamedTuple

from gateway.model.identity import Module, Version
from gateway.model.states import TABLE, Owner, State
from gateway.model.update import Update
from gateway.ops.api.outlook import Outlook

#: Updates that are looked at before others have their turn.
STRIDE = 1000
#: How many are shown.
STUCK, CAMPAIGNS = 40, 8

_NOTIFIED = TABLE[State.NOTIFIED].rank


class Campaign(NamedTuple):
    """One version on its way to the devices of one product."""

    product: str
    module: Module
    target: Version


@dataclass(slots=True)
class Progress:
    """How far a campaign is; times of the site clock."""

    states: Counter[State] = field(default_factory=Counter)
    opened_at: float = float("inf")
    moved_at: float = 0.0
    open: int = 0

    def add(self, update: Update, *, is_open: bool) -> None:
        """Count an update."""
        self.states[update.state] += 1
        self.open += is_open
        self.opened_at = min(self.opened_at, update.opened_at)
        self.moved_at = max(self.moved_at, update.entered_at)


@dataclass(slots=True)
class Census:
    """What a walk found."""

    #: Processor time that it took.
    seconds: float = 0.0
    #: Of open updates.
    states: Counter[State] = field(default_factory=Counter)
    owners: Counter[Owner] = field(default_factory=Counter)
    #: Open, and the device is not there.
    away: int = 0
    #: That a person should look at, those first that stand longest; and how many there are.
    stuck: list[Update] = field(default_factory=list)
    stuck_count: int = 0
    campaigns: dict[Campaign, Progress] = field(default_factory=lambda: defaultdict(Progress))

    def newest_campaigns(self) -> list[tuple[Campaign, Progress]]:
        """Return those that are under way, and then those that moved last."""
        found = self.campaigns.items()
        return nsmallest(CAMPAIGNS, found, key=lambda item: (not item[1].open, -item[1].moved_at, item[0]))


async def take(outlook: Outlook) -> Census:
    """Walk over the newest update of each module of each device."""
    census, stuck = Census(), []
    started = time.thread_time()
    for number, update in enumerate(list(outlook.record.all()), start=1):
        is_open = not update.state.is_terminal
        census.campaigns[Campaign(update.device.product_id, update.module, update.target)].add(
            update, is_open=is_open
        )
        if is_open:
            census.states[update.state] += 1
            is_gone = outlook.record.rules(update.device) is None
            is_away = not outlook.is_present(update.device)
            census.away += is_away
            census.owners[_owner(update, is_gone=is_gone, is_away=is_away)] += 1
            if is_gone or update.is_held or update.stalled:
                stuck.append(update)
        if number % STRIDE == 0:
            census.seconds += time.thread_time() - started
            await asyncio.sleep(0)
            started = time.thread_time()
    census.stuck_count = len(stuck)
    census.stuck = nsmallest(STUCK, stuck, key=lambda update: (update.entered_at, update.id))
    census.seconds += time.thread_time() - started
    return census


def _owner(update: Update, *, is_gone: bool, is_away: bool) -> Owner:
    """Who must move it next: as the baton says, without a look at its image."""
    if is_gone or update.is_held:
        return Owner.OPERATOR
    if update.ordered and TABLE[update.state].rank < _NOTIFIED:
        return Owner.DEVICE if is_away else Owner.GATEWAY
    return TABLE[update.state].owner
