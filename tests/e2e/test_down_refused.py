"""Orders that cannot be carried out: refused with their reason, told to the cloud, never half applied."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.devices import dev_id
from tests.e2e.road_down import RoadDown, road_down, until
from tests.simulators.firmware import Firmware
from tests.simulators.fleet.ordered import OrderedDevice
from tests.simulators.onenet.download import Mistake

PLACE = "PLAIN/2.0"


@pytest.fixture
async def road(tmp_path: Path) -> AsyncIterator[RoadDown]:
    """A running site that refuses downgrades and begins nothing anew."""
    async with road_down(tmp_path, more='downgrades = "refuse"\nretries = 0') as made:
        yield made


async def refused(road: RoadDown, device: OrderedDevice) -> list[str]:
    """Wait until Tencent heard of a failure, and return what the gateway's log gives as the update's reason."""
    address = device.device.address
    async with device.powered():
        await until(lambda: road.told_tencent(address) == ["fail"], why=lambda: road.told_tencent(address))
    assert (device.orders, device.flashes, road.illegal()) == ([], {}, [])
    return [line["reason"] for line in road.site.lines() if line["event"] == "update_finished"]


async def test_a_version_that_a_bound_cloud_cannot_carry(road: RoadDown) -> None:
    """OneNET could never be told of it."""
    road.tencent.create_task("PLAIN/d1", "2.0-of-a-rather-long-name")
    assert await refused(road, road.device("PLAIN/d1")) == ["CLOUD_REJECTED"]


async def test_an_address_on_the_box_s_own_network(road: RoadDown) -> None:
    """A task must not make the gateway ask around in the site's network."""
    road.tencent.create_task("PLAIN/d1", "2.0").url = "http://10.0.0.1/image"
    assert await refused(road, road.device("PLAIN/d1")) == ["PACKAGE_NOT_FOUND"]


async def test_an_image_that_is_not_what_the_cloud_says(road: RoadDown) -> None:
    """The md5 of the cloud's own record is another one."""
    road.tencent.create_task("PLAIN/d1", "2.0")
    road.tencent.firmware[PLACE] = replace(Firmware.grown(5000, "other"), md5="0" * 32)
    assert await refused(road, road.device("PLAIN/d1")) == ["INTEGRITY_CHECK_FAILED"]


async def test_a_module_that_nobody_has(road: RoadDown) -> None:
    """The device has told of others only."""
    road.tencent.create_task("PLAIN/d1", "2.0")
    road.tencent.firmware[PLACE] = Firmware.grown(5000, "modem", kind="modem")
    assert await refused(road, road.device("PLAIN/d1")) == ["INCOMPATIBLE_DEVICE"]


async def test_an_older_version_where_downgrades_are_refused(road: RoadDown) -> None:
    """Both versions are made of numbers, and the target is less."""
    road.tencent.create_task("PLAIN/d1", "0.9.1")
    assert await refused(road, road.device("PLAIN/d1")) == ["VERSION_MISMATCH"]


async def test_an_image_that_is_gone(road: RoadDown) -> None:
    """The cloud's store has none of this name."""
    road.tencent.create_task("PLAIN/d1", "2.0")
    del road.tencent.firmware[PLACE]
    assert await refused(road, road.device("PLAIN/d1")) == ["PACKAGE_NOT_FOUND"]


@pytest.mark.parametrize("mistake", [Mistake.NOT_FOUND, Mistake.SIZE_MISMATCH])
async def test_onenet_s_error_byte_is_no_image(road: RoadDown, mistake: Mistake) -> None:
    """A body of one byte with HTTP 200 means an error; no device ever gets it, and the task ends in its own code."""
    task = road.onenet.create_task(dev_id("PLAIN", "d1"), "2.0")
    road.onenet.download_mistake = mistake
    async with road.device("PLAIN/d1").powered() as device:
        await until(lambda: task.result in (107, 205), why=lambda: (task, road.site.log()[-2000:]))
    assert (device.orders, device.flashes) == ([], {})
