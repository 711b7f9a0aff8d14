"""What orders keep in a small cache when the gateway starts anew: what is here makes no room for what is not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.core.images import Images
from gateway.firmware.cache import FirmwareCache
from gateway.model.commands import UpdateOrdered
from gateway.model.firmware import Firmware
from gateway.model.identity import DEFAULT_MODULE, DeviceId, Lane, Version
from gateway.ports.store import Ordered
from tests.integration.firmware.conftest import SIZE
from tests.integration.firmware.origin import content_of
from tests.integration.firmware.test_obtain import until

LANE = Lane("cloud/one")
NEW, OLD = Version("9"), [Version(str(number)) for number in range(1, 4)]


class Origin:
    """Has an image of each version."""

    def __init__(self) -> None:
        self.asked: list[Version] = []

    async def fetch(self, firmware: Firmware, start: int) -> AsyncIterator[bytes]:
        """Give it."""
        self.asked.append(firmware.version)
        yield content_of(SIZE, seed=int(firmware.version))[start:]


def order(version: Version) -> Ordered:
    """Make a device's order as the book has it."""
    device = DeviceId("P", f"dev{version}")
    firmware = Firmware(version=version, url=f"http://h/{version}", size=SIZE)
    command = UpdateOrdered(
        device=device, module=DEFAULT_MODULE, version=version, firmware=firmware, handle=version
    )
    return Ordered(lane=LANE, command=command)


def _nothing(*_: object) -> None:
    pass


@asynccontextmanager
async def started(directory: Path, origin: Origin) -> AsyncIterator[tuple[FirmwareCache, Images]]:
    """Run a cache with room for three images, and who sees to them."""
    async with FirmwareCache(directory, quota=3 * SIZE + 1000) as cache:
        images = Images(cache, {LANE: origin}, on_change=_nothing, on_expired=_nothing, jitter=lambda: 0.01)
        yield cache, images
        await images.close()


async def test_an_image_in_use_is_not_evicted_after_a_restart(directory: Path) -> None:
    """Pins do not outlive the process: three devices fetch three images, and a fourth's order stands first."""
    old = [order(version) for version in OLD]
    origin = Origin()
    async with started(directory, origin) as (cache, images):
        images.see_to(old)
        await until(lambda: all(images.is_here(row) for row in old))
    assert sorted(origin.asked) == OLD
    origin.asked.clear()

    async with started(directory, origin) as (cache, images):
        images.see_to([order(NEW), *old])
        await until(lambda: all(images.is_here(row) for row in old))
        await until(lambda: [wanted.trouble for wanted in images.missing] != [None])
        assert (origin.asked, cache.tally.evicted, len(cache.held())) == ([], 0, 3)
        # As soon as one is let go, there is room.
        images.see_to([order(NEW), *old[1:]])
        await until(lambda: images.is_here(order(NEW)))
        assert [held.version for held in cache.held() if held.version not in OLD[1:]] == [NEW]
