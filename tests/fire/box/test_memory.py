"""The kernel kills the gateway because its box, or its container, has no memory left."""

import signal
from pathlib import Path

from tests.fire.box.box import box
from tests.fire.box.injuries import flood
from tests.fire.box.memory import little_memory

MEGABYTE = 2**20


async def test_a_kernel_that_kills_for_memory_loses_nothing(tmp_path: Path) -> None:
    """Under a flood it would take more than its group may have, and is killed; what was acknowledged is told."""
    with little_memory() as memory:
        async with box(tmp_path, wrapper=memory.wrapper) as sick:
            await sick.acknowledges(10)
            memory.limit(memory.used() + MEGABYTE)
            with flood(sick.site.mqtt_port, 800):
                await sick.dies(times=1)
            memory.limit(1024 * MEGABYTE)
        assert memory.kills() >= 1
    assert set(sick.deaths) == {-signal.SIGKILL}
