"""Numbers of other editions, tasks that the cloud adds by itself, demands on the device, and devInfo."""

from typing import Any

import pytest

from tests.simulators.callers import OneNetCaller
from tests.simulators.faults import Fault
from tests.simulators.onenet import OneNetCloud, State

DEVICE = ("527776559", 2)


async def steer(device: OneNetCaller, path: str, body: dict[str, Any]) -> Any:
    """Change something through the control interface."""
    async with device.session.post(f"{device.url}/_sim/{path}", json=body) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def info(device: OneNetCaller, body: Any) -> dict[str, Any]:
    """Ask for a device's id with a GET that has a body."""
    url = f"{device.url}/ota/devInfo"
    async with device.session.get(url, json=body, headers=device.headers) as response:
        envelope: dict[str, Any] = await response.json()
        return envelope


@pytest.mark.parametrize(
    ("edition", "query", "errno"),
    [
        ("current", {"powers": "1", "signals": "1"}, 0),
        ("old", {"powers": "49"}, 10),
        ("old", {"signals": "9"}, 10),
        ("old", {"powers": "50", "signals": "10"}, 0),
        ("old", {"powers": "?"}, 0),
        ("old", {}, 0),
    ],
)
async def test_a_weak_device(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller, edition: str, query: dict[str, str], errno: int
) -> None:
    """The old edition judges the device by what it says; the task stays."""
    await steer(onenet_device, "settings", {"edition": edition})
    assert (await onenet_device.check(**query))["errno"] == errno
    assert onenet_cloud.tasks[DEVICE].is_active


@pytest.mark.parametrize(
    ("edition", "expected"),
    [
        ("current", {"unknown": 4, "foreign": 4, "stale": 4, "upgrading": 17}),
        ("old", {"unknown": 18, "foreign": 23, "stale": 15, "upgrading": 13}),
    ],
)
async def test_wrong_tokens(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller, edition: str, expected: dict[str, int]
) -> None:
    """An invented token, another device's, one that a newer check has replaced, and one used too late."""
    await steer(onenet_device, "settings", {"edition": edition, "renews_tokens": True})
    foreign = onenet_cloud.issue_token(onenet_cloud.create_task("6523", "2.0"))
    stale, newest = [await onenet_device.take_token() for _ in range(2)]
    tokens = {"unknown": "ota_YbDB8ANDSmPEM78DkHDT", "foreign": foreign, "stale": stale}
    errnos = {name: await onenet_device.check_token(token) for name, token in tokens.items()}
    assert await onenet_device.step(stale, 1) == expected["stale"]
    assert await onenet_device.report(stale, 101) == 1
    assert await onenet_device.check_token(newest) == 0
    assert await onenet_device.step(newest, 100) == 0
    assert {**errnos, "upgrading": await onenet_device.check_token(newest)} == expected


async def test_a_delta_that_is_missing(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """32 is an answer for the operator; the task stays."""
    order = {"devices": ["527776559"], "version": "2.0", "delta": True, "lacks_delta": True}
    await steer(onenet_device, "tasks", {"create": order})
    assert (await onenet_device.check())["errno"] == 32
    assert onenet_cloud.tasks[DEVICE].is_active


async def test_a_delta_that_fits(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """Type 2 in the offer; another source version is 9 and ends the task."""
    order = {"devices": ["527776559"], "version": "2.0", "delta": True}
    await steer(onenet_device, "tasks", {"create": order})
    assert (await onenet_device.check("1.0"))["data"]["type"] == 2
    assert (await onenet_device.check("0.9"))["errno"] == 9
    assert onenet_cloud.tasks[DEVICE].state is State.FAILED


async def test_demands_are_part_of_the_order(onenet_device: OneNetCaller) -> None:
    """Signal, power, retry and interval are set with each task, and so are figures that are not true."""
    wants = {"signal": 20, "power": 80, "retry": 3, "interval": 60}
    order = {"devices": ["527776559"], "version": "3.0", "image_size": 500, "md5": "0" * 32, **wants}
    await steer(onenet_device, "tasks", {"create": order})
    data = (await onenet_device.check())["data"]
    assert {name: data[name] for name in wants} == wants
    assert (data["size"], data["md5"]) == (500, "0" * 32)


async def test_a_check_may_add_a_task(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """By policy, whoever asks gets the newest version, once."""
    onenet_cloud.tasks.clear()
    await steer(onenet_device, "settings", {"auto_add": "5.0"})
    assert (await onenet_device.check("5.0"))["errno"] == 11
    assert (await onenet_device.check())["data"]["target"] == "5.0"
    onenet_cloud.tasks[DEVICE].fail()
    assert (await onenet_device.check())["errno"] == 11


async def test_licences_run_out(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """Each device that gets a task by policy costs one; without any left the answer is 5116."""
    onenet_cloud.tasks.clear()
    onenet_cloud.auto_add, onenet_cloud.licences = "5.0", 0
    assert (await onenet_device.check())["errno"] == 5116
    onenet_cloud.licences = 1
    assert (await onenet_device.check())["errno"] == 0
    onenet_cloud.auto_add = "6.0"
    onenet_cloud.tasks[DEVICE].fail()
    assert (await onenet_device.check())["data"]["target"] == "6.0"


@pytest.mark.parametrize("errno", [10, 13, 15, 18, 23, 32, 5116])
async def test_every_number_can_be_had_at_once(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller, errno: int
) -> None:
    """A fault answers with any number, and nothing happens."""
    onenet_cloud.faults.error = Fault(error=str(errno), times=1)
    assert (await onenet_device.check("2.0"))["errno"] == errno
    assert onenet_cloud.tasks[DEVICE].is_active


async def test_a_device_is_found_by_its_name(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """The id is a string; whoever drops the body of the GET learns nothing."""
    await steer(onenet_device, "devices", {"devices": ["527776559"], "names": ["dev01"]})
    assert (await info(onenet_device, {"pid": 100001, "authInfo": "dev01"}))["data"] == {
        "dev_id": "527776559"
    }
    assert (await info(onenet_device, {"pid": 100001, "authInfo": "dev02"}))["errno"] == 1
    assert (await info(onenet_device, {"pid": 7, "authInfo": "dev01"}))["errno"] == 1
    bodies: list[Any] = [{"pid": "100001", "authInfo": "dev01"}, {"pid": 100001}, [], None]
    assert [(await info(onenet_device, body))["errno"] for body in bodies] == [2] * 4


async def test_names_in_bulk(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """Names are counted along with the ids."""
    await steer(onenet_device, "devices", {"prefix": "52", "count": 3, "name_prefix": "dev"})
    assert onenet_cloud.names == {f"dev00000{n}": f"5200000{n}" for n in (1, 2, 3)}


async def test_the_version_comes_first(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """A cloud that is told to mind marks a check by a device that has reported no version."""
    await steer(onenet_device, "settings", {"wants_version_first": True})
    assert (await onenet_device.check())["errno"] == 0
    assert onenet_cloud.record.reasons == {"check_before_version": 1}
    await onenet_device.post("/ota/device/version", {"s_version": "1.0"})
    await onenet_device.check()
    assert onenet_cloud.record.illegal == 1


async def test_time_can_be_moved(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """The cloud's clock runs ahead, and tokens are over."""
    token = await onenet_device.begin()
    await steer(onenet_device, "settings", {"skew": 48 * 3600})
    assert await onenet_device.check_token(token) == 12


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("tasks", {"destroy": {"devices": "*"}}),
        ("devices", {"devices": ["1", "2"], "names": ["dev01"]}),
        ("settings", {"download_mistake": "NO_SUCH"}),
        ("settings", {"edition": "next"}),
        ("settings", {"devices": []}),
        ("push", {"send": {"dids": [1]}}),
    ],
)
async def test_mistakes_are_named(onenet_device: OneNetCaller, path: str, body: dict[str, Any]) -> None:
    """A wrong order is answered with 400 and the reason."""
    async with onenet_device.session.post(f"{onenet_device.url}/_sim/{path}", json=body) as response:
        assert response.status == 400
        assert (await response.json())["error"]


async def test_what_is_no_json(onenet_device: OneNetCaller) -> None:
    """A body that cannot be read is a body without parameters."""
    url = f"{onenet_device.url}/ota/device/version?dev_id={onenet_device.dev_id}"
    async with onenet_device.session.post(url, data=b"{", headers=onenet_device.headers) as response:
        assert (await response.json())["errno"] == 2
    unknown = await onenet_device.get("/ota/south/tasking", dev_id="1", type="2")
    assert unknown["errno"] == 1
