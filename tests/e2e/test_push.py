"""A push of OneNET, end to end: what would have waited for an hour comes at once."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import aiohttp

from tests.e2e.devices import dev_id, product
from tests.e2e.road_down import RoadDown, until
from tests.e2e.site import both_clouds, firmware_table, site
from tests.simulators.onenet.task import Device
from tests.simulators.ports import free_port

PUSH = '[clouds.onenet.push]\ntoken = "push-token-001"\nuid = 42\n'
GUARD = 'token = "http-token"\n'
NUMBER = dev_id("PLAIN", "d1")
#: Two questions about a device are at least ten seconds apart, whatever happens.
BREATH = 10.0


async def register(cloud: str, address: str) -> bool:
    """Enter an address at the simulated console, which verifies it."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{cloud}/_sim/push", json={"url": address}) as answer,
    ):
        return bool((await answer.json())["verified"])


async def told(road: RoadDown, path: str) -> str:
    """Ask the gateway as its operator does, with the token."""
    url, headers = f"http://127.0.0.1:{road.site.http_port}{path}", {"Authorization": "Bearer http-token"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
        return await answer.text()


def asked(road: RoadDown) -> Counter[str]:
    """Count what OneNET heard about the device, by action."""
    return Counter(call.action for call in road.onenet.record.calls if call.device == NUMBER)


async def test_an_idle_device_gets_its_order_at_once_after_a_push(tmp_path: Path) -> None:
    """The next question would come in an hour; the push needs no token of ours, and only OneNET is asked."""
    products = product("PLAIN", "plain", ["d1"], more='tasks = "poll"')
    async with both_clouds() as (tencent, onenet, clouds):
        patient = clouds.replace('poll_minimum = "500ms"', 'poll_minimum = "1h"')
        url = patient.partition("[clouds.onenet]")[2].partition('url = "')[2].partition('"')[0]
        extra = GUARD + firmware_table(free_port()) + PUSH
        async with site(tmp_path, products, patient, extra=extra) as made:
            onenet.devices[NUMBER] = Device({2: "1.0"})
            await made.start()
            road = RoadDown(made, tencent, onenet)
            address = f"http://127.0.0.1:{made.http_port}/push/onenet"
            assert await register(url, address)
            async with road.device("PLAIN/d1").powered() as device:
                await until(lambda: asked(road)["check"] == 1, why=lambda: asked(road))
                await asyncio.sleep(2 * BREATH + 1)
                before, elsewhere = asked(road), len(tencent.record.calls)
                onenet.create_task(NUMBER, "2.0")
                await device.until(lambda each: len(each.orders) == 1, within_s=1.0)
                assert (asked(road) - before)["check"] == 1
                assert len(tencent.record.calls) == elsewhere
                await until(lambda: road.told_onenet("PLAIN/d1") == ["101", "201"])
            assert device.flashes == {"2.0": 1}
            assert road.illegal() == []
            metrics = (await told(road, "/metrics")).splitlines()
            assert 'ota_gateway_pushes_total{lane="cloud/onenet",outcome="followed"} 1.0' in metrics
            assert "ota_gateway_firmware_fetched_total 1.0" in metrics
            images = json.loads(await told(road, "/api/v1/status"))["firmware"]
            assert (images["images"], images["fetching"], images["trouble"]) == (1, 0, [])
