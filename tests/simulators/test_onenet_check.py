"""Asking for tasks, with the side effects that the original has."""

from dataclasses import replace

import pytest

from tests.simulators.callers import OneNetCaller
from tests.simulators.faults import Fault
from tests.simulators.onenet import OneNetCloud, State

DEVICE = ("527776559", 2)
TWO_DAYS = 48 * 3600


async def test_a_task_is_described(onenet_device: OneNetCaller) -> None:
    """The reply has the fields of the page, and the known image its known md5."""
    reply = await onenet_device.check()
    token = reply["data"].pop("token")
    assert (len(token), token[:4]) == (24, "ota_")
    assert reply == {
        "errno": 0,
        "error": "succ",
        "data": {
            "target": "2.0",
            "size": 22,
            "md5": "ad2f4e4ea2a27eace7e4913139f8f01a",
            "signal": 10,
            "power": 50,
            "retry": 0,
            "interval": 0,
            "type": 1,
        },
    }


async def test_cdn_adds_an_address(onenet_device: OneNetCaller) -> None:
    """Only ``cdn=true`` brings ipPort."""
    reply = await onenet_device.check(cdn="true")
    assert reply["data"]["ipPort"] in onenet_device.url


async def test_check_overwrites_the_version(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """The version asked with is stored, even when there is no task."""
    onenet_cloud.tasks.clear()
    assert (await onenet_device.check("1.7"))["errno"] == 11
    assert (await onenet_device.get("/ota/device/version"))["data"] == {"s_version": "1.7"}


@pytest.mark.parametrize("wrong", [{"manuf": "101"}, {"model": "99"}])
async def test_a_wrong_model_fails_the_task(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller, wrong: dict[str, str]
) -> None:
    """A check with placeholders destroys the customer's task."""
    assert (await onenet_device.check(**wrong))["errno"] == 8
    assert onenet_cloud.tasks[DEVICE].state is State.FAILED
    assert (await onenet_device.check())["errno"] == 11


async def test_a_delta_for_another_version_fails_the_task(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller
) -> None:
    """A delta fits one source version only."""
    onenet_cloud.tasks[DEVICE].is_delta = True
    assert (await onenet_device.check("1.1"))["errno"] == 9
    assert onenet_cloud.tasks[DEVICE].state is State.FAILED


async def test_the_target_version_completes_the_task(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller
) -> None:
    """Who runs the target needs no update."""
    assert (await onenet_device.check("2.0"))["errno"] == 11
    assert onenet_cloud.tasks[DEVICE].state is State.DONE


@pytest.mark.parametrize(
    ("query", "errno"),
    [
        ({"type": "3"}, 2),
        ({"manuf": ""}, 2),
        ({"version": "v" * 21}, 27),
        ({"version": "1 0"}, 27),
        ({"dev_id": "1"}, 1),
        ({"type": "1"}, 11),
    ],
)
async def test_bad_questions(onenet_device: OneNetCaller, query: dict[str, str], errno: int) -> None:
    """Each mistake has its number."""
    assert (await onenet_device.check(**query))["errno"] == errno


async def test_a_paused_task(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """A paused task answers 19 everywhere and goes on where it was."""
    token = await onenet_device.begin()
    onenet_cloud.tasks[DEVICE].pause()
    assert (await onenet_device.check())["errno"] == 19
    assert await onenet_device.check_token(token) == 19
    assert await onenet_device.step(token, 5) == 19
    assert await onenet_device.report(token, 101) == 19
    onenet_cloud.tasks[DEVICE].resume()
    assert await onenet_device.step(token, 5) == 0
    assert onenet_cloud.record.illegal == 0


async def test_the_token_check_begins_the_download(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller
) -> None:
    """A GET that moves the task on; it may be repeated while downloading."""
    token = await onenet_device.take_token()
    assert onenet_cloud.tasks[DEVICE].state is State.TO_BE_UPGRADED
    assert [await onenet_device.check_token(token) for _ in range(2)] == [0, 0]
    assert onenet_cloud.tasks[DEVICE].state is State.DOWNLOADING


async def test_the_token_check_while_upgrading(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller
) -> None:
    """There is nothing to download any more, and asking is marked."""
    token = await onenet_device.begin()
    await onenet_device.report(token, 101)
    assert await onenet_device.check_token(token) == 17
    assert onenet_cloud.record.reasons == {"wrong_state": 1}


async def test_a_token_belongs_to_its_device(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """Another device's token, or an invented one, is wrong."""
    token = await onenet_device.take_token()
    onenet_cloud.create_task("6523", "2.0")
    other = replace(onenet_device, dev_id="6523")
    assert await other.check_token(token) == 4
    assert await other.step(token, 1) == 4
    assert await other.report(token, 104) == 1
    assert await onenet_device.check_token("ota_YbDB8ANDSmPEM78DkHDT") == 4


async def test_a_token_lives_two_days(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """A token that is over answers 12, or 1 to a report; a fresh check brings a new one for the same task."""
    onenet_cloud.clock = lambda: 0.0
    token = await onenet_device.begin()
    onenet_cloud.clock = lambda: TWO_DAYS - 1.0
    assert await onenet_device.check_token(token) == 0
    onenet_cloud.clock = lambda: float(TWO_DAYS)
    assert await onenet_device.check_token(token) == 12
    assert await onenet_device.step(token, 5) == 12
    assert await onenet_device.report(token, 101) == 1
    fresh = await onenet_device.take_token()
    assert fresh != token
    assert await onenet_device.report(fresh, 101) == 0


async def test_a_token_stays_the_same_while_it_is_good(onenet_device: OneNetCaller) -> None:
    """Checking again does not invalidate what others hold."""
    assert await onenet_device.take_token() == await onenet_device.take_token()


async def test_a_token_can_be_expired_on_request(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller
) -> None:
    """The fault ends the token that is used next."""
    token = await onenet_device.begin()
    onenet_cloud.faults.expired_token = Fault(times=1)
    assert await onenet_device.step(token, 5) == 12
    assert await onenet_device.step(await onenet_device.take_token(), 5) == 0


async def test_tasking_needs_a_token(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """Tasking answers 4 until a check has issued a token, and again when it is over."""
    onenet_cloud.clock = lambda: 0.0
    assert (await onenet_device.get("/ota/south/tasking", type="2"))["errno"] == 4
    token = await onenet_device.take_token()
    assert (await onenet_device.get("/ota/south/tasking", type="2"))["data"]["token"] == token
    onenet_cloud.clock = lambda: float(TWO_DAYS)
    assert (await onenet_device.get("/ota/south/tasking", type="2"))["errno"] == 4
    assert (await onenet_device.get("/ota/south/tasking", type="7"))["errno"] == 2


async def test_versions_are_stored(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """Both versions are optional, and one that equals the target completes the task."""
    assert (await onenet_device.post("/ota/device/version", {"f_version": "F.1"}))["errno"] == 0
    assert onenet_cloud.tasks[DEVICE].is_active
    assert (await onenet_device.post("/ota/device/version", {"s_version": "2.0"}))["errno"] == 0
    assert onenet_cloud.tasks[DEVICE].state is State.DONE
    known = await onenet_device.get("/ota/device/version")
    assert known["data"] == {"f_version": "F.1", "s_version": "2.0"}


@pytest.mark.parametrize(("body", "errno"), [({"s_version": "?"}, 27), ({"f_version": 1}, 27), ([], 2)])
async def test_bad_versions(onenet_device: OneNetCaller, body: object, errno: int) -> None:
    """A version keeps to its alphabet."""
    assert (await onenet_device.post("/ota/device/version", body))["errno"] == errno
