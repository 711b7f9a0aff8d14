"""The plug is pulled at random instants while devices publish; nothing acknowledged may be lost or told wrongly."""

import asyncio
import os
from pathlib import Path
from random import Random

import pytest

from tests.e2e.devices import dev_id
from tests.e2e.site import Site, both_clouds, site
from tests.simulators.fleet import Device, Ending, Fleet, cast
from tests.simulators.onenet import OneNetCloud
from tests.simulators.onenet.task import Device as OneNetDevice
from tests.simulators.tencent import TencentCloud

#: More of both for a soak: `KILLS=300 SEED=7 make soak`.
KILLS = int(os.environ.get("KILLS", "20"))
SEED = int(os.environ.get("SEED", "20261121"))
#: Seconds between two kills, about; the gateway needs most of one to start.
BETWEEN = 1.2


@pytest.mark.timeout(max(300, 6 * KILLS))
async def test_nothing_acknowledged_is_lost_however_often_the_plug_is_pulled(tmp_path: Path) -> None:
    """After 20 kills each cloud has every acknowledged ending, once, legally, and as the device meant it."""
    dice = Random(SEED)
    devices = cast("PLAIN", 25) + cast("TENCENT", 25, dialect="tencent")
    async with both_clouds() as (tencent, onenet, clouds), site(tmp_path, _products(devices), clouds) as made:
        for device in devices:
            known_as = dev_id(device.product, device.name)
            onenet.devices[known_as] = OneNetDevice({2: "1.0"})
            onenet.create_task(known_as, "2.0")
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

    assert fleet.sent == fleet.acknowledged
    assert _tencent_endings(tencent) == {a: (e.state, e.tencent) for a, e in _endings(fleet).items()}
    assert _onenet_results(onenet, devices) == {a: e.onenet for a, e in _endings(fleet).items()}
    assert (tencent.record.illegal, onenet.record.illegal) == (0, 0)


async def _pull_the_plug(made: Site, tencent: TencentCloud, onenet: OneNetCloud, dice: Random) -> None:
    for _ in range(KILLS):
        await asyncio.sleep(dice.uniform(0.05, 2 * (BETWEEN - 0.7)))
        await made.kill()
        # What was on the wire when the plug went is told again, once: at least once is the promise.
        tencent.record.excuse_resends()
        onenet.record.excuse_resends()
        await made.start()


def _products(devices: list[Device]) -> str:
    lines = []
    for product, dialect, authentication in (
        ("PLAIN", "plain", "password"),
        ("TENCENT", "tencent", "tencent"),
    ):
        lines += [f"[products.{product}]", f'dialect = "{dialect}"', f'authentication = "{authentication}"']
        lines.append('clouds = ["tencent", "onenet"]\nrollback_after = "1s"')
        for device in devices:
            if device.product == product:
                lines += [f"[products.{product}.devices.{device.name}]", f'secret = "{device.secret}"']
                known_as = dev_id(product, device.name)
                lines.append(f'onenet = {{ dev_id = "{known_as}", manuf = "100", model = "10001" }}')
    return "\n".join(lines) + "\n"


def _endings(fleet: Fleet) -> dict[str, Ending]:
    found = {address: results["2.0"].ending for address, results in fleet.truth.items()}
    return {address: ending for address, ending in found.items() if ending is not None}


def _tencent_endings(cloud: TencentCloud) -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for call in cloud.record.calls:
        word, *_ = call.said.split(" ")
        if call.verdict == "legal" and word in ("done", "fail"):
            assert call.device not in found, f"{call.device} ended twice"
            found[call.device] = (word, int(call.body["ResultCode"]))
    return found


def _onenet_results(cloud: OneNetCloud, devices: list[Device]) -> dict[str, int | None]:
    return {d.address: cloud.tasks[dev_id(d.product, d.name), 2].result for d in devices}
