"""The whole fleet against the gateway as a process: its ledger, and what a power cut does to it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.site import Site, site
from tests.simulators.fleet import Device, Fleet, cast

COUNT = 10
PRODUCT = """
[products.{product}]
dialect = "{dialect}"
authentication = "{authentication}"
rollback_after = "200ms"
clouds = []
[products.{product}.devices]
{devices}
"""


def product(devices: list[Device], authentication: str) -> str:
    """Return the product's tables."""
    rows = "\n".join(f'{each.name} = {{ secret = "{each.secret}" }}' for each in devices)
    first = devices[0]
    return PRODUCT.format(
        product=first.product, dialect=first.dialect, authentication=authentication, devices=rows
    )


@pytest.fixture
def devices() -> list[Device]:
    """Half of them plain, half as Tencent's SDKs."""
    return cast("PLAIN", COUNT) + cast("TENCENT", COUNT, dialect="tencent")


@pytest.fixture
async def gateway(devices: list[Device], tmp_path: Path) -> AsyncIterator[Site]:
    """A running gateway that tells no cloud."""
    products = product(devices[:COUNT], "password") + product(devices[COUNT:], "tencent")
    async with site(tmp_path, products, clouds="") as made:
        await made.start()
        yield made


def ends(fleet: Fleet) -> Counter[str]:
    """Count how the updates ended."""
    results = [result for versions in fleet.truth.values() for result in versions.values()]
    return Counter(result.ending.state if result.ending else "open" for result in results)


async def finished(gateway: Site) -> int:
    """Return how many updates the gateway has seen end."""
    lines = str(await gateway.get("/metrics")).splitlines()
    return sum(
        int(float(line.split()[-1]))
        for line in lines
        if line.startswith("ota_gateway_updates_finished_total{")
    )


async def test_the_ledger_agrees_with_the_gateway(gateway: Site, devices: list[Device]) -> None:
    """Everything is acknowledged, answered and understood but the garbage; every update ends once."""
    fleet = Fleet(("127.0.0.1", gateway.mqtt_port), devices, seed=1)
    await fleet.run()
    assert fleet.sent == fleet.acknowledged
    assert ends(fleet) == {"done": 14, "fail": 6}
    assert not sum(
        player.facts.unanswered for player in fleet.players.values() if player.device.temper != "flapping"
    )
    async with asyncio.timeout(10):
        # Two went back to their old version, which has to stand for a while.
        while await finished(gateway) < 2 * COUNT:
            await asyncio.sleep(0.05)
    assert await finished(gateway) == 2 * COUNT
    assert fleet.stages == {"done": 14, "failed": 4, "rolled back": 2}
    assert fleet.devices.keys() == fleet.truth.keys()


async def test_a_fleet_outlives_power_cuts(gateway: Site, devices: list[Device]) -> None:
    """Killed in the middle, twice, the gateway comes back; the devices send again and nothing else is new."""
    fleet = Fleet(("127.0.0.1", gateway.mqtt_port), devices, seed=2, pace=1.0, window=4)
    running = asyncio.create_task(fleet.run())
    for part in (0.3, 0.6):
        async with asyncio.timeout(30):
            while sum(player.facts.is_over for player in fleet.players.values()) < part * len(devices):
                await asyncio.sleep(0.001)
        await gateway.kill()
        await gateway.start()
    await running
    assert fleet.resent
    assert fleet.sent == fleet.acknowledged
    assert ends(fleet) == {"done": 14, "fail": 6}


async def test_many_connections(gateway: Site, devices: list[Device]) -> None:
    """A fleet begins within its spread, and a cancelled one leaves no connection behind."""
    fleet = Fleet(("127.0.0.1", gateway.mqtt_port), devices, seed=3, pace=60.0, spread=0.1)
    running = asyncio.create_task(fleet.run())
    async with asyncio.timeout(10):
        while (await gateway.get("/api/v1/status"))["devices_connected"] < len(devices):
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    async with asyncio.timeout(10):
        while (await gateway.get("/api/v1/status"))["devices_connected"]:
            await asyncio.sleep(0.01)
