"""A day of a fleet that nobody orders anything for, in a loop without real time: how often a cloud is asked."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from gateway.core.poller import Poller, PollSettings
from gateway.model.commands import Order
from gateway.model.identity import Device, DeviceId
from tests.unit.core.fakes import FakeCloud
from tests.unit.core.house import ONE, SOLE, House
from tests.unit.core.timeless import CreepingLoop

HOUR, MINUTE = 3600.0, 60.0
LATENCY_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What a cloud heard; polls, not calls."""

    devices: int
    #: Of one device, in the hour after all connected at once.
    first_hour: float
    #: Of one device in an hour, later.
    steady: float
    #: Of all devices.
    most_in_a_minute: int
    #: The longest time, in hours, that a device waited for its next one, or for its first.
    longest_wait_h: float


class _WantsNothing(FakeCloud):
    """Notes when it is asked about whom."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.get_running_loop().time()
        self.minutes: Counter[int] = Counter()
        self.last: dict[DeviceId, float] = {}
        self.longest_s = 0.0

    async def poll(self, device: Device) -> Sequence[Order]:
        """Answer that there is nothing."""
        now = asyncio.get_running_loop().time() - self.begun
        self.minutes[int(now // MINUTE)] += 1
        self.longest_s = max(self.longest_s, now - self.last.get(device.id, 0.0))
        self.last[device.id] = now
        await asyncio.sleep(LATENCY_S)
        return ()


def day(devices: int, hours: int) -> Day:
    """Let so many devices be connected and idle for so long, with the settings that ship."""
    with asyncio.Runner(loop_factory=CreepingLoop) as runner:
        return runner.run(_day(devices, hours))


async def _day(devices: int, hours: int) -> Day:
    house, cloud = House(), _WantsNothing()
    adapter: Any = cloud
    poller = Poller(
        ONE,
        adapter,
        record=house.record,
        orders=house.orders,
        gate=house.gates[ONE],
        clock=house.clock,
        metrics=house.metrics,
        settings=PollSettings(),
        external=lambda _, device: Device(id=device),
        waits=house.store.is_end_waiting,
        jitter=Random(devices).random,
    )
    running = asyncio.create_task(poller.run())
    for number in range(devices):
        poller.wake(DeviceId(SOLE, f"d{number}"))
    await asyncio.sleep(hours * HOUR)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    first = sum(count for minute, count in cloud.minutes.items() if minute < 60)
    return Day(
        devices=devices,
        first_hour=first / devices,
        steady=(cloud.minutes.total() - first) / devices / max(hours - 1, 1),
        most_in_a_minute=max(cloud.minutes.values()),
        longest_wait_h=cloud.longest_s / HOUR,
    )
