"""Watches the gateway for those who read along: a picture now, then at most twice a second what has changed in it.

Laws: with nobody there it costs nothing; with many devices it takes longer pauses rather than a larger share of the
loop; what it says of single updates is a few of them and the number of the others.
"""

import asyncio
from collections.abc import Callable, Mapping, Sized
from typing import Any

import structlog

from gateway.core.clock import signalled
from gateway.core.engine import Engine
from gateway.core.gate import Gate
from gateway.core.ledger import Ledger
from gateway.errors import StoreError
from gateway.model.identity import Lane, UpdateId
from gateway.ops.api.outlook import Outlook
from gateway.ops.api.views import instant
from gateway.ops.kernel_clock import is_synchronised
from gateway.ops.live import census, picture
from gateway.ops.live.merge import patch
from gateway.ports.store import Buried, Changes, Committed, Figures, Kind, Store

log = structlog.get_logger()

#: Seconds between two looks; without any news; and between two counts in the store.
EVERY, IDLE, COUNT_EVERY = 0.5, 1.0, 2.0
#: Seconds that a look waits for a store that hangs.
PATIENCE = 2.0
#: A look may take one part in so many of the loop's time.
SHARE = 20
#: Updates that are named in one event.
NAMED = 40


class Watch:
    """One for the site; `present` are the devices that are there."""

    def __init__(
        self,
        outlook: Outlook,
        *,
        name: str,
        version: str,
        store: Store,
        ledger: Ledger,
        engine: Engine,
        gates: Mapping[Lane, Gate],
        present: Callable[[], Sized],
    ) -> None:
        self._outlook = outlook
        self._store = store
        self._ledger = ledger
        self._engine = engine
        self._gates = gates
        self._present = present
        self._same = {"name": name, "version": version, "started_at": instant(round(outlook.clock.wall()))}
        self._hub = outlook.hub
        self._hub.whole = self._whole
        self._picture: dict[str, Any] | None = None
        self._news = asyncio.Event()
        self._figures: Mapping[Lane, Figures] = {}
        self._messages: Mapping[Lane, int] = {}
        self._trouble: str | None = None
        self._known = 0
        #: Set when what was counted is no longer so.
        self._is_stale = asyncio.Event()
        self._quarantined = 0
        self._named: set[UpdateId] = set()
        self._more = 0

    def committed(self, changes: Changes, committed: Committed) -> None:
        """Note what a commit changed."""
        self._quarantined += len(changes.quarantine)
        if not self._hub.readers:
            return
        self._messages = committed.messages
        ends = [each.claim.update for each in changes.settlements if each.claim.kind is Kind.TERMINAL]
        for updates in (changes.updates, changes.progressed, ends):
            for name in updates:
                if name not in self._named and len(self._named) >= NAMED:
                    self._more += 1
                else:
                    self._named.add(name)
        if changes.dropped or any(isinstance(each, Buried) for each in changes.settlements):
            self._is_stale.set()
        self._news.set()

    async def run(self) -> None:
        """Look for as long as somebody reads, for ever."""
        try:
            while True:
                await self._hub.wanted.wait()
                self._begin()
                await self._count()
                async with asyncio.TaskGroup() as group:
                    counting = group.create_task(self._count_for_ever(), name="watch-count")
                    await self._look_while_read()
                    counting.cancel()
        finally:
            self._hub.close()

    async def _look_while_read(self) -> None:
        while self._hub.readers:
            self._news.clear()
            counted = await census.take(self._outlook)
            was_news = self._tell(counted)
            pause = SHARE * counted.seconds
            await asyncio.sleep(max(pause, EVERY) if was_news else pause)
            await signalled(self._news, IDLE)
        self._picture = None

    async def _count_for_ever(self) -> None:
        """Beside the looks: a store that is slow holds up none of them."""
        while True:
            await asyncio.sleep(EVERY)
            await signalled(self._is_stale, COUNT_EVERY - EVERY)
            self._is_stale.clear()
            await self._count()

    def _begin(self) -> None:
        """Nothing that was noted before is worth anything."""
        self._messages = {}
        self._named.clear()
        self._more = 0

    def _tell(self, counted: census.Census) -> bool:
        """Tell what has changed; False when nothing has."""
        named, more, self._named, self._more = self._named, self._more, set(), 0
        before, self._picture = self._picture, self._drawn(counted)
        if before is None:
            self._hub.wake()
            return True
        changes = patch(before, self._picture)
        if not changes and not named:
            return False
        self._hub.tell(
            "change",
            {
                "at": instant(self._outlook.clock.wall()),
                "patch": changes,
                "updates": [brief for name in sorted(named) if (brief := self._brief(name)) is not None],
                "more": more,
            },
        )
        return True

    async def _count(self) -> None:
        """Ask the store what waits."""
        try:
            async with asyncio.timeout(PATIENCE):
                self._figures = await self._store.figures()
            self._messages = {lane: figures.messages for lane, figures in self._figures.items()}
            self._known, self._trouble = len(self._outlook.devices()), None
        except StoreError as err:
            self._trouble = str(err)
        except TimeoutError:
            self._trouble = "the store does not answer"

    def _drawn(self, counted: census.Census) -> dict[str, Any]:
        when = self._outlook.when
        trouble = self._ledger.trouble or self._trouble
        facts = {
            **self._same,
            "devices": {"known": self._known, "present": len(self._present())},
            "lanes": {
                lane: picture.lane_view(
                    gate, self._figures.get(lane, Figures()), self._messages.get(lane, 0), when
                )
                for lane, gate in self._gates.items()
            },
            **picture.updates_view(counted, self._outlook, when),
            "images": picture.images_view(self._outlook),
            "quarantined": self._quarantined,
            "full_lanes": sorted(self._engine.full_lanes),
            "clock_synchronized": is_synchronised(),
        }
        return facts if trouble is None else {**facts, "store_error": trouble}

    def _whole(self) -> dict[str, Any] | None:
        if self._picture is None:
            return None
        return {"at": instant(self._outlook.clock.wall()), "picture": self._picture}

    def _brief(self, name: UpdateId) -> dict[str, Any] | None:
        update = self._outlook.record.find(name)
        if update is None:
            return None
        return {
            "id": update.id,
            "state": update.state.value,
            "percent": update.percent,
            "target": update.target,
            "stalled": update.stalled,
            "next": self._outlook.baton(update).who.value,
        }
