"""Forgets devices that the configuration does not name, the ones first that were heard of least lately.

Its law: nobody is forgotten who is there, of whom an update is under way, a report waits or anything is yet to be
written; and whoever is forgotten and comes again is met as for the first time.
"""

import asyncio
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet

import structlog

from gateway.core.clock import Clock
from gateway.core.engine import Engine
from gateway.core.ledger import Ledger
from gateway.core.orders import Orders
from gateway.core.record import Record
from gateway.model.identity import DeviceId

log = structlog.get_logger()

EVERY = 60.0
#: Seconds without a word.
QUIET = 60.0
#: Devices that are forgotten in one commit.
AT_ONCE = 2000


class Forgetting:
    """One for the site; `present` are the devices that are there."""

    def __init__(
        self,
        record: Record,
        orders: Orders,
        *,
        engine: Engine,
        ledger: Ledger,
        clock: Clock,
        present: Callable[[], AbstractSet[DeviceId]],
    ) -> None:
        self._record = record
        self._orders = orders
        self._engine = engine
        self._ledger = ledger
        self._clock = clock
        self._present = present

    async def run(self) -> None:
        """Make room for ever."""
        while True:
            await asyncio.sleep(EVERY)
            self.look()

    def look(self) -> None:
        """Make room for others, where so many are known that there is little left."""
        unnamed, known = self._record.known.unnamed(), self._record.known
        excess = known.excess
        if excess <= 0 or self._ledger.trouble is not None:
            return
        chosen: set[DeviceId] = set()
        for device in sorted(self._quiet(unnamed), key=self._record.heard_at)[:AT_ONCE]:
            if excess <= 0:
                break
            excess -= len(known.of(device))
            chosen.add(device)
        if chosen:
            log.info("devices_forgotten", count=len(chosen))
            self._orders.forget(chosen)
            for device in chosen:
                self._record.forget(device)
            self._ledger.request()

    def _quiet(self, devices: list[DeviceId]) -> Iterator[DeviceId]:
        """Yield those of which nothing is under way."""
        busy = self._engine.waiting() | self._present() | self._ledger.unwritten()
        before = self._clock.now() - QUIET
        for device in devices:
            is_over = all(update.state.is_terminal for update in self._record.of(device))
            if device not in busy and is_over and self._record.heard_at(device) < before:
                yield device
