"""Many ordered devices in one process, and what they did together."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Self

from tests.simulators.fleet.ordered.device import OrderedDevice
from tests.simulators.fleet.saying import DEFAULT_MODULE


class OrderedFleet:
    """Devices by address, ``product/name``."""

    def __init__(self, devices: Iterable[OrderedDevice]) -> None:
        self.devices = {each.device.address: each for each in devices}

    @asynccontextmanager
    async def powered(self) -> AsyncIterator[Self]:
        """Let all of them live within the context."""
        async with AsyncExitStack() as stack:
            for device in self.devices.values():
                await stack.enter_async_context(device.powered())
            yield self

    async def until(self, is_true: Callable[[OrderedDevice], bool], *, within_s: float = 60.0) -> None:
        """Wait until it is true of every device."""
        await asyncio.gather(*(each.until(is_true, within_s=within_s) for each in self.devices.values()))

    async def until_reported(self, version: str, *, within_s: float = 60.0) -> None:
        """Wait until every device said that it runs this version."""
        await asyncio.gather(
            *(each.until_reported(version, within_s=within_s) for each in self.devices.values())
        )

    @property
    def flashes(self) -> Counter[tuple[str, str]]:
        """How often (device, version) was written to its end."""
        return Counter(
            {
                (address, version): times
                for address, device in self.devices.items()
                for version, times in device.flashes.items()
            }
        )

    @property
    def running(self) -> Counter[str]:
        """How many devices run which version."""
        return Counter(each.runs[DEFAULT_MODULE] for each in self.devices.values())

    @property
    def stages(self) -> Counter[str]:
        """How many devices said what last."""
        return Counter((each.words or ["waiting"])[-1] for each in self.devices.values())
