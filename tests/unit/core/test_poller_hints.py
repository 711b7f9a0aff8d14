"""How soon a cloud is asked after a hint, and how often at most."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from gateway.core.poller import BREATH, Poller, PollSettings
from gateway.model.commands import Order
from gateway.model.identity import Device, DeviceId
from tests.unit.core.fakes import FakeCloud
from tests.unit.core.house import DEVICE, ONE, House, still

SLOW = PollSettings(interval=timedelta(hours=1), minimum=timedelta(hours=1), per_second=100.0)


class AskedCloud(FakeCloud):
    """A cloud that wants nothing, and notes when it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []
        self.answers_after = 0.0

    async def poll(self, device: Device) -> Sequence[Order]:
        """Take note."""
        self.asked.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.answers_after)
        return ()


@asynccontextmanager
async def polling(settings: PollSettings = SLOW) -> AsyncIterator[tuple[Poller, AskedCloud]]:
    """Run a poller that has asked about one device, long ago."""
    house, cloud = House(), AskedCloud()
    adapter: Any = cloud
    poller = Poller(
        ONE,
        adapter,
        record=house.record,
        orders=house.orders,
        gate=house.gates[ONE],
        clock=house.clock,
        metrics=house.metrics,
        settings=settings,
        external=lambda _, device: Device(id=device),
        waits=house.store.is_end_waiting,
        jitter=still,
    )
    running = asyncio.create_task(poller.run())
    poller.wake(DEVICE)
    await asyncio.sleep(600)
    assert len(cloud.asked) == 1
    try:
        yield poller, cloud
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def now() -> float:
    """Tell the time."""
    return asyncio.get_running_loop().time()


async def test_a_hint_makes_it_ask_at_once() -> None:
    """Long before the device's turn, and without the moment that a device gets which has just come."""
    async with polling() as (poller, cloud):
        hinted = now()
        assert poller.hint(DEVICE)
        await asyncio.sleep(1)
        assert [at - hinted for at in cloud.asked[1:]] == [0.0]


async def test_a_hint_about_a_device_that_is_away_is_dropped() -> None:
    """Nobody begins to watch it for that."""
    async with polling() as (poller, cloud):
        poller.gone(DEVICE)
        assert not poller.hint(DEVICE)
        assert not poller.hint(DeviceId("BOTH", "never seen"))
        await asyncio.sleep(7200)
        assert len(cloud.asked) == 1


async def test_a_flood_of_hints_is_one_question_a_breath() -> None:
    """However many come, and none of them is kept for later."""
    async with polling() as (poller, cloud):
        begun = now()
        for _ in range(3000):
            poller.hint(DEVICE)
            await asyncio.sleep(0.02)
        assert [round((at - begun) / BREATH, 1) for at in cloud.asked[1:]] == [0, 1, 2, 3, 4, 5]
        assert len(poller._urgent) + len(poller._routine) < 10


async def test_a_flood_does_not_put_off_the_question() -> None:
    """A device that is woken again and again keeps the turn it has."""
    async with polling() as (poller, cloud):
        for _ in range(100):
            poller.wake(DEVICE)
            await asyncio.sleep(0.02)
        assert len(cloud.asked) == 2


async def test_a_hint_during_a_question_leads_to_another() -> None:
    """The answer may be older than the news."""
    async with polling() as (poller, cloud):
        cloud.answers_after = 5.0
        poller.hint(DEVICE)
        await asyncio.sleep(1)
        poller.hint(DEVICE)
        await asyncio.sleep(3600)
        assert [round(later - at) for at, later in zip(cloud.asked[1:3], cloud.asked[2:4], strict=False)] == [
            15
        ]
