"""The task road, end to end: a cloud orders, the gateway fetches and delivers, the device proves it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.devices import dev_id
from tests.e2e.road_down import RoadDown, road_down, until
from tests.simulators.fleet.ordered import Behaviour, Manner
from tests.simulators.fleet.saying import Word
from tests.simulators.onenet.task import State
from tests.simulators.tencent.task import Status

STORY = {
    "PLAIN": ["downloading", "burning", "updating", "done"],
    "TENCENT": ["downloading", "burning", "done"],
}


@pytest.fixture
async def road(tmp_path: Path) -> AsyncIterator[RoadDown]:
    """A running site."""
    async with road_down(tmp_path) as made:
        yield made


async def told(road: RoadDown, address: str, end: str) -> None:
    """Wait until Tencent acknowledged the end of an update."""
    await until(lambda: road.told_tencent(address)[-1:] == [end], why=lambda: road.told_tencent(address))


@pytest.mark.parametrize("address", ["PLAIN/d1", "TENCENT/d1"])
async def test_a_task_of_tencent_is_carried_out_and_believed(road: RoadDown, address: str) -> None:
    """Polled, fetched once, told, flashed once, proved by the version, and told to the cloud in its order."""
    task = road.tencent.create_task(address, "2.0")
    async with road.device(address).powered() as device:
        await device.until_reported("2.0")
        await told(road, address, "done")
    assert device.flashes == {"2.0": 1}
    assert road.told_tencent(address) == STORY[address.partition("/")[0]]
    assert (task.status, road.fetched(), road.illegal()) == (Status.FINISHED, 1, [])


async def test_a_task_of_onenet_is_carried_out_over_chunks(road: RoadDown) -> None:
    """A device without an HTTP stack asks for the image in parts, over MQTT."""
    task = road.onenet.create_task(dev_id("PLAIN", "d1"), "2.0")
    async with road.device("PLAIN/d1", Manner(fetch="chunks", part=512)).powered() as device:
        await device.until_reported("2.0")
        await until(lambda: task.state is State.DONE, why=lambda: road.told_onenet("PLAIN/d1"))
    assert device.flashes == {"2.0": 1}
    assert road.told_onenet("PLAIN/d1") == ["101", "201"]
    assert road.illegal() == []


async def test_a_task_of_onenet_s_younger_interface_is_carried_out(tmp_path: Path) -> None:
    """Fuse has names and numbers of its own, and the same story."""
    async with road_down(tmp_path, onenet_api="fuse") as road:
        task = road.onenet.create_task(dev_id("PLAIN", "d1"), "2.0")
        async with road.device("PLAIN/d1").powered() as device:
            await device.until_reported("2.0")
            await until(lambda: task.state is State.DONE, why=lambda: task)
        assert (device.flashes, road.illegal()) == ({"2.0": 1}, [])


async def test_both_clouds_order_the_same_version_and_share_one_update(road: RoadDown) -> None:
    """One flash, and each cloud hears its own task to the end."""
    road.tencent.create_task("PLAIN/d1", "2.0")
    road.onenet.create_task(dev_id("PLAIN", "d1"), "2.0")
    async with road.device("PLAIN/d1").powered() as device:
        await device.until_reported("2.0")
        await told(road, "PLAIN/d1", "done")
        await until(lambda: road.told_onenet("PLAIN/d1") == ["101", "201"])
    assert (device.flashes, road.illegal()) == ({"2.0": 1}, [])


async def test_two_clouds_with_different_wishes_take_turns(road: RoadDown) -> None:
    """The cloud that the product names first goes first; the other waits as a conflict, which is counted."""
    road.tencent.create_task("PLAIN/d1", "2.0")
    road.onenet.create_task(dev_id("PLAIN", "d1"), "3.0")
    async with road.device("PLAIN/d1", Manner(part_pause=0.05, flash_pause=2.0)).powered() as device:
        await until(lambda: device.flashes == {"2.0": 1, "3.0": 1}, within_s=30)
        await told(road, "PLAIN/d1", "done")
        await until(lambda: road.told_onenet("PLAIN/d1") == ["101", "201"])
    assert road.illegal() == []
    assert road.site.log().count("order_conflicts") >= 1


async def test_a_cloud_that_was_away_hears_one_end(road: RoadDown) -> None:
    """Both ordered the same version: the one that comes back is told first, and asked afterwards."""
    road.tencent.faults.down = True
    road.tencent.create_task("PLAIN/d1", "2.0")
    road.onenet.create_task(dev_id("PLAIN", "d1"), "2.0")
    async with road.device("PLAIN/d1").powered() as device:
        await until(lambda: road.told_onenet("PLAIN/d1") == ["101", "201"], within_s=40)
        road.tencent.faults.clear()
        await told(road, "PLAIN/d1", "done")
        asked = len(road.tencent.record.calls)
        await until(
            lambda: len(road.tencent.record.calls) >= asked + 3, why=lambda: road.tencent.record.calls
        )
        await road.site.drained(within_s=10)
    assert (device.flashes, road.illegal()) == ({"2.0": 1}, [])


async def test_an_image_is_fetched_once_for_the_site(road: RoadDown) -> None:
    """Two devices with one task each, and a link that was signed anew: the second finds the image in the cache."""
    for name in ("d1", "d2"):
        road.tencent.create_task(f"PLAIN/{name}", "2.0")
    fleet = road.fleet(["PLAIN/d1", "PLAIN/d2"])
    async with fleet.powered():
        await fleet.until_reported("2.0")
        await told(road, "PLAIN/d1", "done")
        await told(road, "PLAIN/d2", "done")
    assert (road.fetched(), road.illegal()) == (1, [])


async def test_a_device_that_slept_gets_its_order_when_it_comes_back(road: RoadDown) -> None:
    """Nothing is retained for it; what it is owed follows from its open update, over a restart of the gateway."""
    async with road.device("PLAIN/d1", Manner(behaviour=Behaviour.DEAF)).powered() as device:
        road.tencent.create_task("PLAIN/d1", "2.0")
        await device.until(lambda each: len(each.orders) == 1)
    await road.site.kill()
    await road.site.start()
    async with road.device("PLAIN/d1").powered() as again:
        await again.until_reported("2.0")
        await told(road, "PLAIN/d1", "done")
    assert (again.flashes, road.fetched(), road.illegal()) == ({"2.0": 1}, 1, [])


async def test_the_old_version_after_an_install_is_a_rollback(road: RoadDown) -> None:
    """The device flashed and came up with what it had: both clouds hear a failure in their own code."""
    road.tencent.create_task("PLAIN/d1", "2.0")
    road.onenet.create_task(dev_id("PLAIN", "d1"), "2.0")
    manner = Manner(behaviour=Behaviour.ROLLING_BACK, times=100)
    async with road.device("PLAIN/d1", manner).powered() as device:
        await told(road, "PLAIN/d1", "fail")
        await until(lambda: road.told_onenet("PLAIN/d1") == ["101", "206"])
    assert device.runs == {"default": "1.0"}
    assert road.illegal() == []


async def test_a_version_that_runs_already_is_not_flashed_again(road: RoadDown) -> None:
    """The cloud does not know; it hears the success at once, and the device is told nothing."""
    road.tencent.devices["PLAIN/d1"].version = "1.0"
    road.tencent.create_task("PLAIN/d1", "2.0")
    async with road.device("PLAIN/d1", version="2.0").powered() as device:
        await told(road, "PLAIN/d1", "done")
    assert (device.orders, device.flashes, road.illegal()) == ([], {}, [])


async def test_a_user_at_the_device_agrees(road: RoadDown) -> None:
    """Tencent waits for consent: nothing is sent before, the cloud hears the consent, then all goes on."""
    road.tencent.create_task("PLAIN/d1", "2.0", confirm=True)
    manner = Manner(behaviour=Behaviour.AGREEING, away=1.0, times=5)
    async with road.device("PLAIN/d1", manner).powered() as device:
        await device.until_reported("2.0")
        await told(road, "PLAIN/d1", "done")
    assert (device.flashes, road.illegal()) == ({"2.0": 1}, [])


async def test_a_user_at_the_device_refuses(road: RoadDown) -> None:
    """The refusal is an end: the device is sent nothing, and the cloud hears a failure."""
    road.tencent.create_task("PLAIN/d1", "2.0", confirm=True)
    manner = Manner(behaviour=Behaviour.REFUSING, away=1.0, times=5)
    async with road.device("PLAIN/d1", manner).powered() as device:
        await told(road, "PLAIN/d1", "fail")
    assert (device.orders, device.flashes, road.illegal()) == ([], {}, [])


@pytest.mark.parametrize("word", [Word.DOWNLOADING, Word.INSTALLING, Word.DONE, Word.VERSION])
@pytest.mark.parametrize("address", ["PLAIN/d1", "TENCENT/d1"])
async def test_a_power_cut_of_the_device_ends_well(road: RoadDown, address: str, word: Word) -> None:
    """In whatever state the device loses its power, it is told again and ends where the task wants it."""
    road.tencent.create_task(address, "2.0")
    manner = Manner(behaviour=Behaviour.POWER_CUT, at=word, away=0.3)
    async with road.device(address, manner).powered() as device:
        await device.until_reported("2.0", within_s=40)
        await told(road, address, "done")
    assert (device.flashes["2.0"], road.illegal()) == (1, [])


@pytest.mark.parametrize("word", [Word.VERSION, Word.DOWNLOADING, Word.INSTALLING, Word.DONE])
async def test_a_power_cut_of_the_gateway_ends_well(road: RoadDown, word: Word) -> None:
    """Kill -9 in each state of the update: afterwards it goes on, one flash, both clouds hear the right end."""
    road.tencent.create_task("PLAIN/d1", "2.0")
    road.onenet.create_task(dev_id("PLAIN", "d1"), "2.0")
    async with road.device("PLAIN/d1", Manner(part_pause=0.02, flash_pause=0.3)).powered() as device:
        await device.until(lambda each: any(saying.word is word for saying in each.said))
        await road.site.kill()
        for record in (road.tencent.record, road.onenet.record):
            record.excuse_resends()
        await road.site.start()
        await device.until_reported("2.0", within_s=40)
        await told(road, "PLAIN/d1", "done")
        await until(lambda: road.told_onenet("PLAIN/d1") == ["101", "201"])
    assert (device.flashes, road.illegal()) == ({"2.0": 1}, [])


async def test_a_link_that_expired_is_asked_for_again(road: RoadDown) -> None:
    """The cloud's URL dies before the image was fetched: the task is asked for again, and its new URL used."""
    road.tencent.url_lifetime = 0.0
    road.tencent.create_task("PLAIN/d1", "2.0")
    async with road.device("PLAIN/d1").powered() as device:
        await until(lambda: "url_expired" in road.site.log(), why=road.site.log)
        road.tencent.url_lifetime = 3600.0
        await device.until_reported("2.0", within_s=40)
    assert device.flashes == {"2.0": 1}


async def test_a_wrong_md5_ends_the_task_and_is_never_served(road: RoadDown) -> None:
    """The image is not what the cloud says: refused, told in the cloud's own code, and the device hears nothing."""
    task = road.onenet.create_task(dev_id("PLAIN", "d1"), "2.0")
    task.firmware = replace(task.firmware, md5="0" * 32)
    async with road.device("PLAIN/d1").powered() as device:
        await until(lambda: road.told_onenet("PLAIN/d1") == ["205"], why=lambda: road.told_onenet("PLAIN/d1"))
    assert (device.orders, road.illegal()) == ([], [])


async def test_a_task_that_was_called_off_is_withdrawn(road: RoadDown) -> None:
    """Before the device began, its cloud cancels: the update ends, and the device is told to leave it."""
    task = road.tencent.create_task("PLAIN/d1", "2.0")
    async with road.device("PLAIN/d1", Manner(behaviour=Behaviour.DEAF, times=100)).powered() as device:
        await device.until(lambda each: len(each.orders) == 1)
        task.cancel()
        await device.until(lambda each: len(each.cancels) == 1)
    assert device.flashes == {}
    assert (
        await road.site.metric(
            'ota_gateway_updates_finished_total{reason="CANCELED_BY_CLOUD",result="canceled"}'
        )
        == 1
    )


async def test_two_hundred_devices_in_one_campaign(tmp_path: Path) -> None:
    """All flashed once, the image fetched once, every cloud hears every end."""
    names = [f"d{number:03}" for number in range(200)]
    async with AsyncExitStack() as stack:
        road = await stack.enter_async_context(road_down(tmp_path, names=names, more="max_updates = 200"))
        addresses = [f"PLAIN/{name}" for name in names]
        for address in addresses:
            road.tencent.create_task(address, "2.0")
        fleet = road.fleet(addresses, Manner(part=16384))
        await stack.enter_async_context(fleet.powered())
        await fleet.until_reported("2.0", within_s=60)
        await until(
            lambda: all(road.told_tencent(address)[-1:] == ["done"] for address in addresses), within_s=60
        )
        assert set(fleet.flashes.values()) == {1}
        assert len(fleet.flashes) == len(names)
        assert (road.fetched(), road.illegal()) == (1, [])
