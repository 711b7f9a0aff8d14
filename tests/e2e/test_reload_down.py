"""Another configuration on the road down: devices that are there go by the new rules, and none has to come again."""

import asyncio
from pathlib import Path

from tests.e2e.devices import dev_id
from tests.e2e.reloading import left, reloaded, rewrite
from tests.e2e.road_down import road_down, until
from tests.simulators.fleet.ordered import Manner
from tests.simulators.onenet.task import State

POLLING = '[products.PLAIN]\ndialect = "plain"\nauthentication = "password"\nclouds = ["tencent", "onenet"]'


async def test_a_product_that_is_asked_for_from_now_on(tmp_path: Path) -> None:
    """Its device has been there all the time, and gets its order without coming again."""
    async with road_down(tmp_path, names=["d1"]) as road:
        text = road.site.config.read_text()
        road.site.config.write_text(text.replace('tasks = "poll"', 'tasks = "off"'))
        await reloaded(road.site)
        road.tencent.create_task("PLAIN/d1", "2.0")
        async with road.device("PLAIN/d1").powered() as device:
            await until(lambda: "device_connected" in road.site.log())
            await asyncio.sleep(1.5)
            unasked = [call for call in road.tencent.record.calls if call.action == "AppGetDeviceOTAInfo"]
            road.site.config.write_text(text)
            said = await reloaded(road.site)
            await device.until(lambda each: len(each.orders) == 1)
            known = "device_disconnected" in road.site.log()
            await device.until_reported("2.0")
            await until(lambda: road.told_tencent("PLAIN/d1")[-1:] == ["done"])
    assert unasked == []
    assert said["disconnected"] == 0
    assert not known
    assert device.flashes == {"2.0": 1}


async def test_an_update_that_is_under_way_outlives_its_cloud_s_new_settings(tmp_path: Path) -> None:
    """While the device fetches, both clouds begin anew again and again: it is told once, and both hear the end."""
    async with road_down(tmp_path, names=["d1"]) as road:
        road.tencent.create_task("PLAIN/d1", "2.0")
        task = road.onenet.create_task(dev_id("PLAIN", "d1"), "2.0")
        manner = Manner(fetch="chunks", part=64, part_pause=0.02, flash_pause=1.0)
        async with road.device("PLAIN/d1", manner).powered() as device:
            await device.until(lambda each: len(each.orders) >= 1)
            for number in range(8):
                rewrite(road.site, f"polls_per_second = {500 - number}", f"polls_per_second = {499 - number}")
                said = await reloaded(road.site)
                assert said["event"] == "config_reloaded"
                await asyncio.sleep(0.1)
            await until(lambda: road.told_tencent("PLAIN/d1")[-1:] == ["done"], within_s=30)
            await until(lambda: task.state is State.DONE, why=lambda: road.told_onenet("PLAIN/d1"))
        assert device.flashes == {"2.0": 1}
        assert road.told_onenet("PLAIN/d1") == ["101", "201"]
        assert road.illegal() == []
        # It reset once, to start what it had flashed, and went at the end.
        assert "reconfigured" not in {why for _, why in await left(road.site, 1)}


async def test_what_a_cloud_that_left_the_product_had_ordered_is_called_off(tmp_path: Path) -> None:
    """As after a restart: nobody wants it any more, so that the device is told of nothing."""
    async with road_down(tmp_path, names=["d1"], more='confirmation = "required"') as road:
        road.tencent.create_task("PLAIN/d1", "2.0")
        async with road.device("PLAIN/d1").powered() as device:
            await until(lambda: "update_ordered" in road.site.log())
            rewrite(road.site, POLLING, POLLING.replace('["tencent", "onenet"]', '["onenet"]'))
            await reloaded(road.site)
            await road.site.settled(within_s=20)
            [update] = (await road.site.get("/api/v1/updates"))["updates"]
    assert (update["state"], update["reason"]) == ("canceled", "CANCELED_BY_OPERATOR")
    assert device.orders == []
