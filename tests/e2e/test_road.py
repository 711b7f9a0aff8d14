"""The status road, end to end: what devices say, both clouds hear, each in its own words and order."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.devices import dev_id, plain, product, tencent
from tests.e2e.site import Site, both_clouds, site
from tests.simulators import Fault
from tests.simulators.onenet import OneNetCloud
from tests.simulators.onenet.task import Device, State
from tests.simulators.tencent import TencentCloud

DEVICES = ["d1", "d2"]


@dataclass
class Road:
    """A running site and its two clouds."""

    site: Site
    tencent: TencentCloud
    onenet: OneNetCloud

    def heard_by_tencent(self, address: str) -> list[str]:
        """Return what Tencent heard of a device, in order."""
        calls = self.tencent.record.calls
        return [call.said for call in calls if call.device == address and call.verdict == "legal"]

    def heard_by_onenet(self, product: str, device: str) -> list[str]:
        """Return the steps and results that OneNET heard of a device, in order."""
        wanted = dev_id(product, device)
        return [
            call.said.removeprefix("step ").removeprefix("result ")
            for call in self.onenet.record.calls
            if call.device == wanted and call.action in {"progress", "report"} and call.verdict == "legal"
        ]

    def illegal(self) -> int:
        """Count what either cloud called illegal."""
        return self.tencent.record.illegal + self.onenet.record.illegal


@pytest.fixture
async def road(tmp_path: Path) -> AsyncIterator[Road]:
    """A gateway with a plain and a Tencent product, each bound to both clouds."""
    products = product("PLAIN", "plain", DEVICES) + product("TENCENT", "tencent", DEVICES)
    async with (
        both_clouds() as (tencent_cloud, onenet_cloud, clouds),
        site(tmp_path, products, clouds) as made,
    ):
        for name in ("PLAIN", "TENCENT"):
            onenet_cloud.devices.update({dev_id(name, device): Device({2: "1.0"}) for device in DEVICES})
        await made.start()
        yield Road(made, tencent_cloud, onenet_cloud)


async def test_each_cloud_hears_an_update_in_its_own_words(road: Road) -> None:
    """A full story reaches Tencent as states and OneNET as a step, 101 and 201."""
    road.onenet.create_task(dev_id("PLAIN", "d1"), "2.0")
    async with plain(road.site.mqtt_port, "d1") as device:
        await device.runs("1.0")
        await device.stands("2.0", "downloading", percent=20)
        await device.stands("2.0", "downloaded")
        await device.stands("2.0", "installing")
        await device.stands("2.0", "succeeded")
        await device.runs("2.0")
    await road.site.drained(within_s=10)

    assert road.heard_by_tencent("PLAIN/d1") == ["downloading 20", "downloading 100", "burning", "done 100"]
    assert road.heard_by_onenet("PLAIN", "d1") == ["20", "101", "201"]
    assert road.onenet.tasks[dev_id("PLAIN", "d1"), 2].state is State.DONE
    assert road.illegal() == 0


async def test_done_is_held_until_the_version_proves_it(road: Road) -> None:
    """An unmodified Tencent device that comes back with its old version is reported as a failure to both."""
    road.onenet.create_task(dev_id("TENCENT", "d1"), "2.0")
    async with tencent(road.site.mqtt_port, "d1") as device:
        answer = await device.runs("1.0")
        await device.stands("2.0", "downloading", percent="50")
        await device.stands("2.0", "done")
        await road.site.drained(within_s=10)
        assert "done 100" not in road.heard_by_tencent("TENCENT/d1")
        await device.runs("1.0")
        async with asyncio.timeout(10):
            while road.heard_by_onenet("TENCENT", "d1")[-1] != "206":
                await asyncio.sleep(0.02)
    await road.site.drained(within_s=10)

    assert answer == {
        "type": "report_version_rsp",
        "version": "1.0",
        "result_code": 0,
        "result_msg": "success",
    }
    assert road.heard_by_tencent("TENCENT/d1")[-1].startswith("fail -5")
    assert road.heard_by_onenet("TENCENT", "d1")[-1] == "206"
    assert road.illegal() == 0


async def test_one_clouds_death_does_not_delay_the_other(road: Road) -> None:
    """While Tencent is away OneNET hears everything; afterwards Tencent hears the whole story in order."""
    road.onenet.create_task(dev_id("PLAIN", "d1"), "2.0")
    road.tencent.faults.down = True
    async with plain(road.site.mqtt_port, "d1") as device:
        await device.runs("1.0")
        for state in ("downloading", "installing", "succeeded"):
            await device.stands("2.0", state)
        await device.runs("2.0")
        async with asyncio.timeout(5):
            while road.heard_by_onenet("PLAIN", "d1") != ["101", "201"]:
                await asyncio.sleep(0.02)
    assert road.heard_by_tencent("PLAIN/d1") == []

    road.tencent.faults.clear()
    await road.site.drained(within_s=30)
    assert road.heard_by_tencent("PLAIN/d1") == ["downloading", "burning", "done 100"]
    assert road.illegal() == 0


async def test_a_device_without_a_onenet_task_is_no_error(road: Road) -> None:
    """Reports for which OneNET has no open task end as not applicable, counted, not as dead letters."""
    async with plain(road.site.mqtt_port, "d2") as device:
        await device.stands("2.0", "downloading")
        await device.stands("2.0", "failed", phase="download", reason="WEAK_SIGNAL")
    await road.site.drained(within_s=10)

    sample = 'ota_gateway_deliveries_total{lane="cloud/onenet",outcome="not_applicable"}'
    assert await road.site.metric(sample) == 2
    status = await road.site.get("/api/v1/status")
    assert status["lanes"]["cloud/onenet"]["dead_letters"] == 0
    assert road.heard_by_tencent("PLAIN/d2") == ["downloading", "fail -1"]


async def test_poison_is_acknowledged_and_blocks_nobody(road: Road) -> None:
    """Malformed input gets its PUBACK, is counted, and the next good message passes."""
    async with plain(road.site.mqtt_port, "d1") as device:
        await device.says(type="nonsense")
        await device.stands("2.0", "downloading")
    await road.site.drained(within_s=10)

    sample = 'ota_gateway_messages_rejected_total{dialect="plain",reason="unknown_type"}'
    assert await road.site.metric(sample) == 1
    assert road.heard_by_tencent("PLAIN/d1") == ["downloading"]


async def test_a_lost_reply_is_no_second_report_that_matters(road: Road) -> None:
    """A reply lost after the cloud took 101 is resent and understood; the sequence stays legal."""
    road.onenet.create_task(dev_id("PLAIN", "d1"), "2.0")
    road.onenet.faults.reply_lost = Fault(times=1, only="/report")
    async with plain(road.site.mqtt_port, "d1") as device:
        await device.runs("1.0")
        await device.stands("2.0", "downloaded")
        await device.stands("2.0", "succeeded")
        await device.runs("2.0")
    await road.site.drained(within_s=30)

    assert road.onenet.tasks[dev_id("PLAIN", "d1"), 2].state is State.DONE
    assert road.illegal() == 0


async def test_a_wrong_token_parks_the_lane_and_a_new_one_heals_it(tmp_path: Path) -> None:
    """A refused token stops only its lane; once the file holds a good one the backlog goes out by itself."""
    token = tmp_path / "tencent-token"
    token.write_text("stale")
    async with both_clouds() as (tencent_cloud, onenet_cloud, literal):
        onenet_cloud.devices[dev_id("PLAIN", "d1")] = Device({2: "1.0"})
        clouds = literal.replace('access_token = "site-token"', 'access_token = { file = "tencent-token" }')
        products = product("PLAIN", "plain", DEVICES)
        async with site(tmp_path, products, clouds) as made:
            await made.start()
            async with plain(made.mqtt_port, "d1") as device:
                await device.stands("2.0", "downloading")
            async with asyncio.timeout(10):
                while (await _circuit(made)) != "denied":
                    await asyncio.sleep(0.02)
            token.write_text("site-token")
            await made.stop()
            await made.start()
            await made.drained(within_s=80)
    assert [call.said for call in tencent_cloud.record.calls if call.verdict == "legal"] == ["downloading"]


async def _circuit(made: Site) -> str:
    return str((await made.get("/api/v1/status"))["lanes"]["cloud/tencent"]["circuit"])
