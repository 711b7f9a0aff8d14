"""The plug is pulled at random instants while devices publish; nothing acknowledged may be lost or told wrongly."""

import asyncio
import os
from pathlib import Path
from random import Random

import pytest

from tests.e2e.site import Site, both_clouds, site
from tests.e2e.truth import agree, order, products
from tests.simulators.fleet import Fleet, cast
from tests.simulators.onenet import OneNetCloud
from tests.simulators.tencent import TencentCloud

#: More of both for a soak: `KILLS=300 SEED=7 make kills`.
KILLS = int(os.environ.get("KILLS", "20"))
SEED = int(os.environ.get("SEED", "20261121"))
#: Seconds between two kills, about; the gateway needs most of one to start.
BETWEEN = 1.2


@pytest.mark.timeout(max(300, 6 * KILLS))
async def test_nothing_acknowledged_is_lost_however_often_the_plug_is_pulled(tmp_path: Path) -> None:
    """After 20 kills each cloud has every acknowledged ending, once, legally, and as the device meant it."""
    dice = Random(SEED)
    devices = cast("PLAIN", 25) + cast("TENCENT", 25, dialect="tencent")
    async with both_clouds() as (tencent, onenet, clouds), site(tmp_path, products(devices), clouds) as made:
        order(onenet, devices)
        await made.start()
        fleet = Fleet(
            ("127.0.0.1", made.mqtt_port),
            devices,
            seed=SEED,
            pace=KILLS * BETWEEN / 2,
            spread=KILLS * BETWEEN / 2,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(fleet.run())
            await _pull_the_plug(made, tencent, onenet, dice)
        # After a start, silence is not held against a device for two minutes: so long may a rollback be in doubt.
        await made.settled(within_s=180)
        assert await made.stop() == 0

    agree(fleet, tencent, onenet)


async def _pull_the_plug(made: Site, tencent: TencentCloud, onenet: OneNetCloud, dice: Random) -> None:
    for _ in range(KILLS):
        await asyncio.sleep(dice.uniform(0.05, 2 * (BETWEEN - 0.7)))
        await made.kill()
        # What was on the wire when the plug went is told again, once: at least once is the promise.
        tencent.record.excuse_resends()
        onenet.record.excuse_resends()
        await made.start()
