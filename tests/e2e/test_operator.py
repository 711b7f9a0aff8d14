"""An operator at the box, end to end: what waits for a person, seen and moved with the real command line."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.road_down import RoadDown, road_down, until
from tests.simulators.fleet.ordered import Behaviour, Manner

FIRST, SECOND = "PLAIN/d1/default/1", "PLAIN/d1/default/2"


@pytest.fixture
async def road(tmp_path: Path) -> AsyncIterator[RoadDown]:
    """A running site."""
    async with road_down(tmp_path) as made:
        yield made


async def run(road: RoadDown, *arguments: str) -> tuple[int, str, str]:
    """Run the command line as a process of its own."""
    command = [sys.executable, "-m", "gateway", *arguments, "--config", str(road.site.config)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    said, complained = await process.communicate()
    return process.returncode or 0, said.decode(), complained.decode()


async def ask(road: RoadDown, *arguments: str) -> dict[str, Any]:
    """Run a command that succeeds, and return what it says as JSON."""
    code, said, complained = await run(road, *arguments, "--json")
    assert (code, complained) == (0, "")
    found: dict[str, Any] = json.loads(said)
    return found


async def shown(road: RoadDown, update: str, is_wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until an update is as it should be, and return it."""
    view: dict[str, Any] = {}
    async with asyncio.timeout(20):
        while not is_wanted(view):
            await asyncio.sleep(0.05)
            found = await road.site.get(f"/api/v1/updates/{update}")
            view = found if isinstance(found, dict) else {}
    return view


def stands(state: str) -> Callable[[dict[str, Any]], bool]:
    """Whether an update stands in a state."""
    return lambda view: view.get("state") == state


async def test_what_a_cloud_wants_confirmed_waits_for_the_operator(road: RoadDown) -> None:
    """Nothing is sent before; the command confirms it, and the device ends with the new version."""
    road.tencent.create_task("PLAIN/d1", "2.0", confirm=True)
    async with road.device("PLAIN/d1").powered() as device:
        view = await shown(road, FIRST, stands("waiting_confirmation"))
        assert view["next"]["who"] == "operator"
        assert device.orders == []
        confirmed = await ask(road, "confirm", FIRST)
        assert confirmed["confirmed"] is True
        await device.until_reported("2.0")
        await until(lambda: road.told_tencent("PLAIN/d1")[-1:] == ["done"])
    view = await shown(road, FIRST, stands("succeeded"))
    assert "operator: confirmed" in [f"{line['source']}: {line['text']}" for line in view["timeline"]]
    assert (device.flashes, road.illegal()) == ({"2.0": 1}, [])


async def test_what_a_product_wants_confirmed_can_be_refused(tmp_path: Path) -> None:
    """The policy asks a person though the cloud does not; the refusal is an end that the cloud hears."""
    async with road_down(tmp_path, more='confirmation = "required"') as road:
        road.tencent.create_task("PLAIN/d1", "2.0")
        async with road.device("PLAIN/d1").powered() as device:
            await shown(road, FIRST, stands("waiting_confirmation"))
            await ask(road, "confirm", FIRST, "--refuse")
            await until(lambda: road.told_tencent("PLAIN/d1") == ["fail"])
        code, _, complained = await run(road, "confirm", FIRST)
    assert (code, device.orders, road.illegal()) == (1, [], [])
    assert complained == (
        f"ota-gateway: {FIRST} is rejected; only one that is waiting_confirmation waits for a person's word\n"
    )


async def test_a_paused_update_waits_until_it_is_resumed(tmp_path: Path) -> None:
    """Held back before its device was told, over a restart of the gateway."""
    async with road_down(tmp_path, more='confirmation = "required"') as road:
        road.tencent.create_task("PLAIN/d1", "2.0")
        async with road.device("PLAIN/d1").powered() as device:
            await shown(road, FIRST, stands("waiting_confirmation"))
            await ask(road, "pause", FIRST)
            await ask(road, "confirm", FIRST)
            await road.site.kill()
            await road.site.start()
            view = await shown(road, FIRST, lambda view: bool(view.get("image") or view.get("paused")))
            assert view["paused"]
            assert (view["next"]["who"], view["next"]["why"]) == ("operator", "it is paused")
            assert device.orders == []
            await ask(road, "resume", FIRST)
            await device.until_reported("2.0", within_s=40)
    assert device.flashes == {"2.0": 1}


async def test_a_canceled_update_is_called_off_at_the_device_and_can_be_tried_again(road: RoadDown) -> None:
    """The device that was told hears the cancel; the retry is an update of its own and carries it through."""
    road.tencent.create_task("PLAIN/d1", "2.0")
    async with road.device("PLAIN/d1", Manner(behaviour=Behaviour.DEAF)).powered() as device:
        await device.until(lambda each: len(each.orders) == 1)
        canceled = await ask(road, "cancel", FIRST)
        assert (canceled["state"], canceled["reason"]) == ("canceled", "CANCELED_BY_OPERATOR")
        await device.until(lambda each: len(each.cancels) == 1)
        begun = await ask(road, "retry", FIRST)
        assert begun["id"] == SECOND
        await device.until_reported("2.0")
        await until(lambda: road.told_tencent("PLAIN/d1")[-1:] == ["done"])
    assert (device.flashes, road.illegal()) == ({"2.0": 1}, [])


async def test_a_failed_update_is_tried_again(road: RoadDown) -> None:
    """The device gave up once; the operator begins it anew, and it obeys."""
    road.tencent.create_task("PLAIN/d1", "2.0")
    async with road.device("PLAIN/d1", Manner(behaviour=Behaviour.FAILING)).powered() as device:
        await shown(road, FIRST, stands("failed"))
        assert (await ask(road, "retry", FIRST))["id"] == SECOND
        await device.until_reported("2.0")
        await shown(road, SECOND, stands("succeeded"))
    assert device.runs == {"default": "2.0"}
