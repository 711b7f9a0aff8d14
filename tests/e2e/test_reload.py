"""Another configuration for a running gateway: what it touches changes, and nothing else notices."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import aiomqtt
import pytest

from tests.e2e.devices import PlainDevice, dev_id, plain, product
from tests.e2e.reloading import as_json, command, hang_up, left, outcomes, reloaded, rewrite
from tests.e2e.site import Site, both_clouds, site
from tests.e2e.test_road import Road
from tests.simulators import Fault
from tests.simulators.onenet.task import Device

DEVICES = ["d1", "d2", "d3"]
STORY = ("downloading", "installing", "succeeded")


@pytest.fixture
async def road(tmp_path: Path) -> AsyncIterator[Road]:
    """A gateway with a product that is bound to both clouds, and believes its devices."""
    products = product("PLAIN", "plain", DEVICES, more='success = "on_done"')
    async with both_clouds() as (tencent, onenet, clouds), site(tmp_path, products, clouds) as made:
        onenet.devices.update({dev_id("PLAIN", name): Device({2: "1.0"}) for name in DEVICES})
        await made.start()
        yield Road(made, tencent, onenet)


async def _struck(road: Road) -> None:
    async with asyncio.timeout(5):
        while not road.tencent.faults.struck["slow"]:
            await asyncio.sleep(0.02)


async def _tells(device: PlainDevice, version: str = "2.0") -> None:
    for state in STORY:
        await device.stands(version, state)


async def test_one_lane_begins_anew_while_the_other_is_in_the_middle_of_a_request(road: Road) -> None:
    """OneNET's settings change while Tencent thinks: its request is answered once, and no device is disconnected."""
    road.tencent.faults.slow = Fault(seconds=2.0, times=1)
    road.onenet.create_task(dev_id("PLAIN", "d1"), "2.0")
    async with plain(road.site.mqtt_port, "d1") as device:
        await device.runs("1.0")
        await device.stands("2.0", "downloading", percent=10)
        await _struck(road)
        rewrite(road.site, 'api = "south"', 'api = "south"\nconcurrency = 3')
        said = await reloaded(road.site)
        assert road.heard_by_tencent("PLAIN/d1") == ["downloading 10"]
        await device.stands("2.0", "installing")
        await device.stands("2.0", "succeeded")
    await road.site.drained(within_s=10)

    assert said["applied"] == ["clouds.onenet.concurrency changed"]
    assert road.heard_by_tencent("PLAIN/d1") == ["downloading 10", "burning", "done 100"]
    assert road.heard_by_onenet("PLAIN", "d1")[-2:] == ["101", "201"]
    assert await left(road.site, 1) == [("PLAIN/d1", "disconnect")]
    assert road.illegal() == 0


async def test_the_requests_in_hand_of_a_lane_that_changes_are_waited_for(road: Road) -> None:
    """Tencent thinks while its own settings change: what it was told it is not told again."""
    road.tencent.faults.slow = Fault(seconds=1.5, times=1)
    async with plain(road.site.mqtt_port, "d1") as device:
        await device.stands("2.0", "downloading", percent=10)
        await _struck(road)
        rewrite(road.site, "access_token", "concurrency = 2\naccess_token")
        await reloaded(road.site)
        await device.stands("2.0", "installing")
        await device.stands("2.0", "succeeded")
    await road.site.drained(within_s=10)
    assert road.heard_by_tencent("PLAIN/d1") == ["downloading 10", "burning", "done 100"]


async def test_mistakes_change_nothing_and_are_all_said(road: Road) -> None:
    """The last good configuration goes on; log, metric, status and command say why, until the file is mended."""
    good = "ota_gateway_config_last_reload_successful"
    since = "ota_gateway_config_last_reload_success_timestamp_seconds"
    began = await road.site.metric(since)
    text = road.site.config.read_text()
    rewrite(road.site, 'name = "e2e"', 'nam = "e2e"\nlog_level = "loud"')
    mistakes = [
        'gateway.log_level is "loud"; it must be "debug", "info", "warning" or "error"',
        'gateway.nam is not a known key; did you mean "name"?',
    ]
    async with plain(road.site.mqtt_port, "d1") as device:
        said = await reloaded(road.site)
        code, _, err = await command(road.site, "reload")
        listed = await as_json(road.site, "reload")
        status = await road.site.get("/api/v1/status")
        refused = [await road.site.metric(good), await road.site.metric(since)]
        await _tells(device)
        road.site.config.write_text(text)
        mended = await command(road.site, "reload")
    await road.site.drained(within_s=10)

    assert said["event"] == "config_reload_refused"
    assert sorted(said["problems"]) == mistakes
    assert code == 2
    assert all(mistake in err for mistake in mistakes)
    assert (listed["ok"], sorted(listed["problems"])) == (False, mistakes)
    assert sorted(status["configuration"]["problems"]) == mistakes
    assert refused == [0, began]
    assert mended == (0, "nothing changed\n", "")
    assert await road.site.metric(good) == 1
    assert await road.site.metric(since) > began
    assert road.heard_by_tencent("PLAIN/d1")[-1] == "done 100"


async def test_what_cannot_be_read_is_refused_with_the_rest(road: Road, tmp_path: Path) -> None:
    """A secret whose file is not there, an adapter that is none, settings that it does not take: before anything."""
    rewrite(road.site, "access_token", "acess_token")
    rewrite(road.site, 'adapter = "onenet"', 'adapter = "twonet"')
    rewrite(road.site, "[mqtt.limits]", '[mqtt.limits]\nmax_subscriptions = 3\n[store]\nlane_quota = "1MiB"')
    rewrite(road.site, "d1]\nsecret = ", "d1]\nsecret_hash = ")
    rewrite(road.site, "[http]\n", '[http]\ntoken = { file = "gone" }\n')
    problems = " ".join((await reloaded(road.site))["problems"])
    assert 'clouds.tencent.acess_token is not a known key; did you mean "access_token"?' in problems
    assert 'clouds.onenet.adapter is "twonet"' in problems
    assert "products.PLAIN.devices.d1.secret_hash: it must be" in problems
    assert f"http.token: the file {tmp_path / 'gone'} cannot be read" in problems
    async with plain(road.site.mqtt_port, "d1"):
        assert await road.site.metric("ota_gateway_mqtt_clients") == 1


async def test_what_needs_a_restart_is_said_by_name(road: Road) -> None:
    """In the log, by the command and in the status; what does not is applied."""
    port = road.site.mqtt_port
    rewrite(road.site, f'"127.0.0.1:{port}"', '"127.0.0.1:1"')
    rewrite(road.site, "publishes_per_second = 1000", "publishes_per_second = 999")
    said = await reloaded(road.site)
    code, out, _ = await command(road.site, "reload")
    status = await road.site.get("/api/v1/status")
    sentence = f"mqtt.listen needs a restart; it stays 127.0.0.1:{port} until then"
    assert said["needs_restart"] == status["configuration"]["needs_restart"] == [sentence]
    assert said["applied"] == ["mqtt.limits.publishes_per_second changed"]
    assert (code, out) == (0, f"nothing changed\n{sentence}\n")
    async with plain(port, "d1") as device:
        await device.runs("1.0")


async def test_devices_come_and_go_one_by_one(road: Road) -> None:
    """Only a device that was removed, or has another secret, loses its connection; a new one may come."""
    port = road.site.mqtt_port
    with pytest.raises(aiomqtt.MqttError):
        async with plain(port, "d4"):
            pass
    async with plain(port, "d1") as stays:
        async with plain(port, "d2"), plain(port, "d3"):
            before, _, last = road.site.config.read_text().partition("[products.PLAIN.devices.d2]")
            d2, _, d3 = last.partition("[products.PLAIN.devices.d3]")
            d4 = d3.replace(dev_id("PLAIN", "d3"), dev_id("PLAIN", "d4"))
            other = d2.replace('secret = "', 'secret = "other-')
            road.site.config.write_text(
                f"{before}[products.PLAIN.devices.d2]{other}[products.PLAIN.devices.d4]{d4}"
            )
            said = await reloaded(road.site)
            await left(road.site, 2)
        await stays.runs("1.0")
        async with plain(port, "d4") as comes:
            await comes.runs("1.0")
        with pytest.raises(aiomqtt.MqttError):
            async with plain(port, "d2"):
                pass
    assert said["applied"] == ["products.PLAIN.devices changed (1 added, 1 removed, 1 changed)"]
    assert said["disconnected"] == 2
    assert dict(await left(road.site, 4)) == {
        "PLAIN/d2": "reconfigured",
        "PLAIN/d3": "reconfigured",
        "PLAIN/d1": "disconnect",
        "PLAIN/d4": "disconnect",
    }


async def test_rules_of_a_product_count_from_now_on(road: Road) -> None:
    """Evidence is asked for from one update to the next, and the device stays connected."""
    async with plain(road.site.mqtt_port, "d1") as device:
        await _tells(device, "2.0")
        await road.site.drained(within_s=10)
        rewrite(road.site, 'success = "on_done"', 'success = "on_version_match"')
        await reloaded(road.site)
        await _tells(device, "3.0")
        await road.site.drained(within_s=10)
        held = road.heard_by_tencent("PLAIN/d1")
        await device.runs("3.0")
        await road.site.settled(within_s=10)
    assert held.count("done 100") == 1
    assert road.heard_by_tencent("PLAIN/d1").count("done 100") == 2
    assert await left(road.site, 1) == [("PLAIN/d1", "disconnect")]


async def test_a_cloud_that_is_removed_keeps_what_waits_for_it(road: Road) -> None:
    """Its lane ends, what waits is shown; it is told when the cloud is there again."""
    road.tencent.faults.down = True
    text = road.site.config.read_text()
    async with plain(road.site.mqtt_port, "d1") as device:
        await _tells(device)
        rewrite(road.site, 'clouds = ["tencent", "onenet"]', 'clouds = ["onenet"]')
        table = text[text.index("[clouds.tencent]") : text.index("[clouds.onenet]")]
        rewrite(road.site, table, "")
        said = await reloaded(road.site)
        waiting = (await road.site.get("/api/v1/status"))["lanes_left_over"]
        series = str(await road.site.get("/metrics"))
        road.tencent.faults.clear()
        await road.site.drained(within_s=10)
        unheard = road.heard_by_tencent("PLAIN/d1")
        road.site.config.write_text(text)
        await reloaded(road.site)
        await road.site.drained(within_s=20)
    assert said["applied"] == ["clouds.tencent removed", "products.PLAIN.clouds changed"]
    assert waiting["cloud/tencent"]["messages"] == len(STORY)
    assert 'lane="cloud/tencent"' not in series
    assert unheard == []
    assert road.heard_by_tencent("PLAIN/d1") == ["downloading", "burning", "done 100"]
    assert await left(road.site, 1) == [("PLAIN/d1", "disconnect")]


async def test_another_token_counts_at_once(road: Road) -> None:
    """The old one is refused as soon as the file with the new one is taken up."""
    rewrite(road.site, "[http]\n", '[http]\ntoken = "first-token"\n')
    await reloaded(road.site)
    assert await _status_with(road.site, "first-token") == 200
    rewrite(road.site, "first-token", "second-token")
    await reloaded(road.site)
    assert await _status_with(road.site, "first-token") == 401
    assert await _status_with(road.site, "second-token") == 200
    assert "second-token" not in road.site.log()


async def _status_with(made: Site, token: str) -> int:
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.get(f"http://127.0.0.1:{made.http_port}/api/v1/status") as answer,
    ):
        return answer.status


async def test_a_reload_while_one_runs_is_done_once_more_after_it(road: Road) -> None:
    """Signals that come while it waits for a slow request are one more reload: the last that was written counts."""
    road.tencent.faults.slow = Fault(seconds=2.0, times=1)
    async with plain(road.site.mqtt_port, "d1") as device:
        await device.stands("2.0", "downloading", percent=10)
        await _struck(road)
        rewrite(road.site, "access_token", "concurrency = 2\naccess_token")
        hang_up(road.site)
        for number in range(1, 10):
            await asyncio.sleep(0.1)
            rewrite(road.site, f"_second = {10000 - number + 1}", f"_second = {10000 - number}")
            hang_up(road.site)
        code, out, _ = await command(road.site, "reload")
    applied = [line["applied"] for line in outcomes(road.site)]
    assert applied[0] == ["clouds.tencent.concurrency changed"]
    assert applied[1] == ["mqtt.limits.connects_per_second changed"]
    assert len(applied) <= 3
    assert code == 0
    assert (out == "nothing changed\n") is (len(applied) == 3)


async def test_fifty_reloads_under_load_lose_nothing(road: Road) -> None:
    """Both lanes begin anew again and again while devices report: every acknowledged end is heard, in order."""
    for name in DEVICES:
        road.onenet.create_task(dev_id("PLAIN", name), "2.0")
    stories = 0

    async def report(name: str) -> None:
        nonlocal stories
        async with plain(road.site.mqtt_port, name) as device:
            version = 1
            while not done.is_set():
                version += 1
                await _tells(device, f"{version}.0")
                stories += 1

    done = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for name in DEVICES:
            group.create_task(report(name))
        for number in range(50):
            rewrite(road.site, f"polls_per_second = {500 + number}", f"polls_per_second = {501 + number}")
            said = await reloaded(road.site)
            assert said["event"] == "config_reloaded"
        done.set()
    await road.site.drained(within_s=30)

    ends = [said for name in DEVICES for said in road.heard_by_tencent(f"PLAIN/{name}") if said == "done 100"]
    assert stories > len(DEVICES)
    assert len(ends) == stories
    assert road.tencent.record.illegal == 0
    assert dict(await left(road.site, len(DEVICES))) == {f"PLAIN/{name}": "disconnect" for name in DEVICES}


async def test_a_product_that_comes_and_goes_under_fire_breaks_nothing(road: Road) -> None:
    """Devices publish and log in while their product is taken out and put back: what was acknowledged is heard."""
    text = road.site.config.read_text()
    without = text[: text.index("[products.PLAIN]")]
    acknowledged: dict[str, list[str]] = {name: [] for name in DEVICES}
    done = asyncio.Event()

    async def report(name: str) -> None:
        version = 1
        while not done.is_set():
            with contextlib.suppress(aiomqtt.MqttError):
                async with plain(road.site.mqtt_port, name, patience_s=0.5) as device:
                    while not done.is_set():
                        version += 1
                        await device.stands(f"{version}.0", "succeeded")
                        acknowledged[name].append(f"{version}.0")

    async with asyncio.TaskGroup() as group:
        for name in DEVICES:
            group.create_task(report(name))
        for number in range(10):
            road.site.config.write_text(text if number % 2 else without)
            before = len(acknowledged["d1"])
            assert (await reloaded(road.site))["event"] == "config_reloaded"
            if number % 2:
                await _more_than(before, acknowledged["d1"])
        done.set()
    await road.site.drained(within_s=30)

    for name, versions in acknowledged.items():
        # What was not acknowledged may have been heard all the same.
        ends = road.heard_by_tencent(f"PLAIN/{name}").count("done 100")
        assert 0 < len(versions) <= ends
    serious = [line["event"] for line in road.site.lines() if line["level"] in ("error", "critical")]
    assert serious == []
    assert "Traceback" not in road.site.log()


async def _more_than(count: int, found: list[str]) -> None:
    async with asyncio.timeout(10):
        while len(found) <= count:
            await asyncio.sleep(0.02)
