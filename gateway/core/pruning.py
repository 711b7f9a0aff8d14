"""Forgets what is too old or too much of history: every hour, and sooner where much is written.

Its law: what a device can make the gateway write is bounded by how much, not by how long until the next hour.
"""

import asyncio

import structlog

from gateway.core.clock import Clock, signalled
from gateway.errors import StoreError
from gateway.ports.store import Changes, Store

log = structlog.get_logger()

EVERY = 3600.0
#: Lines of the journal, after which is not waited any longer: whatever grows writes at least one of them.
MANY = 100_000


class Pruning:
    """One for the site."""

    def __init__(self, store: Store, clock: Clock, *, every: float = EVERY, many: int = MANY) -> None:
        self._store = store
        self._clock = clock
        self._every = every
        self._many = many
        self._written = 0
        self._wake = asyncio.Event()

    def committed(self, changes: Changes) -> None:
        """Learn how much was written."""
        self._written += len(changes.journal)
        if self._written >= self._many:
            self._wake.set()

    async def run(self) -> None:
        """Forget for ever."""
        while True:
            self._written = 0
            self._wake.clear()
            try:
                await self._store.prune(now=self._clock.now())
            except StoreError as err:
                log.warning("prune_failed", error=str(err))
            await signalled(self._wake, self._every)
