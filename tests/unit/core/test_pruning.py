"""History is pruned by the clock, and by how much of it was written."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from gateway.core.clock import Clock
from gateway.core.pruning import Pruning
from gateway.errors import StoreError
from gateway.ports.store import Changes, Entry
from tests.unit.core.fakes import FakeStore
from tests.unit.core.house import DEVICE

LINE = Entry(device=DEVICE, update=None, source="said", text="")


class Broom(FakeStore):
    """Counts how often history was pruned; `fails` for as many times."""

    def __init__(self) -> None:
        super().__init__()
        self.pruned = self.fails = 0

    async def prune(self, *, now: float) -> None:
        """Count."""
        del now
        self.pruned += 1
        if self.pruned <= self.fails:
            raise StoreError("it is locked")


@asynccontextmanager
async def at_work(broom: Broom, *, every: float = 3600.0, many: int = 10) -> AsyncIterator[Pruning]:
    """Prune in the background."""
    pruning = Pruning(broom, Clock(), every=every, many=many)
    task = asyncio.create_task(pruning.run())
    try:
        yield pruning
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for it, a few seconds at most."""
    async with asyncio.timeout(5):
        while not is_so():
            await asyncio.sleep(0.001)


async def test_it_is_pruned_at_the_start_and_then_by_the_clock() -> None:
    """What was written before the start counts, too; and where nothing is written, age alone makes too old."""
    broom = Broom()
    async with at_work(broom, every=0.001):
        await until(lambda: broom.pruned >= 3)


async def test_who_writes_much_does_not_have_an_hour_for_it() -> None:
    """After so many lines it is pruned at once, once for as many."""
    broom = Broom()
    async with at_work(broom) as pruning:
        await until(lambda: broom.pruned == 1)
        for turn in (2, 3):
            pruning.committed(Changes(journal=[LINE] * 9))
            await asyncio.sleep(0.01)
            assert broom.pruned == turn - 1
            pruning.committed(Changes(journal=[LINE]))
            await until(lambda turn=turn: broom.pruned == turn)  # type: ignore[misc]


async def test_a_store_that_fails_is_asked_again() -> None:
    """A failure costs one time of several, and ends nothing."""
    broom = Broom()
    broom.fails = 2
    async with at_work(broom, every=0.001):
        await until(lambda: broom.pruned >= 4)
