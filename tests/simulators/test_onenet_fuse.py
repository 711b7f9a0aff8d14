"""The fuse interface: names in the path, task numbers, ``code`` and ``msg``, over the same tasks as the south."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import pytest
from aiohttp import ServerDisconnectedError

from tests.simulators import Fault, serve
from tests.simulators.callers import FAR_FUTURE, OneNetCaller, header
from tests.simulators.onenet import KEY, OneNetCloud, State, sign

DEVICE = ("527776559", 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class FuseCaller:
    """A device that knows its names."""

    session: aiohttp.ClientSession
    url: str
    authorization: str
    name: str = "dev01"
    product: str = "100001"

    @property
    def prefix(self) -> str:
        """Where all calls of the device begin."""
        return f"{self.url}/fuse-ota/{self.product}/{self.name}"

    @property
    def headers(self) -> Mapping[str, str]:
        """The one header that counts."""
        return {"Authorization": self.authorization}

    async def call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """Call and return the envelope, which always comes with HTTP 200."""
        url = f"{self.prefix}/{path}"
        async with self.session.request(method, url, headers=self.headers, **more) as response:
            assert response.status == 200
            envelope: dict[str, Any] = await response.json()
            return envelope

    async def check(self, version: str = "1.0", kind: str = "2") -> dict[str, Any]:
        """Ask for a task."""
        return await self.call("GET", "check", params={"type": kind, "version": version})

    async def take(self) -> int:
        """Ask for a task and return its number."""
        tid: int = (await self.check())["data"]["tid"]
        return tid

    async def status(self, tid: int) -> int:
        """Ask where the task stands."""
        status: int = (await self.call("GET", f"{tid}/check"))["data"]["status"]
        return status

    async def say(self, tid: int, step: Any) -> int:
        """Report a step or a result code and return the code of the reply."""
        return int((await self.call("POST", f"{tid}/status", json={"step": step}))["code"])

    async def say_version(self, **versions: Any) -> int:
        """Report versions and return the code of the reply."""
        return int((await self.call("POST", "version", json=versions))["code"])


@pytest.fixture
def fuse(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> FuseCaller:
    """The device of the task, by name."""
    onenet_cloud.names["dev01"] = "527776559"
    return FuseCaller(session=onenet_device.session, url=onenet_device.url, authorization=header())


async def test_a_task_is_described(onenet_cloud: OneNetCloud, fuse: FuseCaller) -> None:
    """The offer has a number and a status, and neither token nor demands."""
    reply = await fuse.check()
    assert len(reply.pop("request_id")) == 32
    assert reply == {
        "code": 0,
        "msg": "succ",
        "data": {
            "target": "2.0",
            "tid": onenet_cloud.tasks[DEVICE].number,
            "size": 22,
            "md5": "ad2f4e4ea2a27eace7e4913139f8f01a",
            "status": 1,
            "type": 1,
        },
    }


async def test_the_whole_way(onenet_cloud: OneNetCloud, fuse: FuseCaller) -> None:
    """Version, check, steps, 101, 201, version; each moves the task as the list of states has it."""
    onenet_cloud.wants_version_first = True
    assert await fuse.say_version(s_version="1.0", f_version="F.1") == 0
    tid = await fuse.take()
    seen = [await fuse.status(tid)]
    for step in (10, 99, 101, 201):
        assert await fuse.say(tid, step) == 0
        seen.append(await fuse.status(tid))
    assert seen == [1, 2, 2, 3, 4]
    assert await fuse.say_version(s_version="2.0", f_version="F.1") == 0
    assert (await fuse.check("2.0"))["code"] == 12013
    assert onenet_cloud.record.illegal == 0
    assert onenet_cloud.record.heard == 4


async def test_asking_moves_nothing(onenet_cloud: OneNetCloud, fuse: FuseCaller) -> None:
    """Unlike the south's token check, the check of a task is safe."""
    tid = await fuse.take()
    assert [await fuse.status(tid) for _ in range(2)] == [1, 1]
    assert onenet_cloud.tasks[DEVICE].state is State.TO_BE_UPGRADED


async def test_a_task_seen_by_both_interfaces(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller, fuse: FuseCaller
) -> None:
    """What one of them is told, the other knows."""
    await onenet_device.report(await onenet_device.begin(), 101)
    assert await fuse.status(await fuse.take()) == 3


@pytest.mark.parametrize(
    ("before", "step", "code"),
    [
        ([], 201, 21),
        ([], 101, 0),
        ([101], 101, 21),
        ([100], 101, 21),
        ([100], 201, 0),
        ([101], 50, 17),
        ([101], 104, 21),
        ([101, 201], 201, 20),
        ([104], 201, 20),
        ([1], 207, 0),
        ([1], 208, 2),
        ([1], 108, 2),
        ([], -1, 24),
        ([], "5", 24),
        ([], None, 24),
    ],
)
async def test_the_order_of_reports(fuse: FuseCaller, before: list[int], step: Any, code: int) -> None:
    """1xx, then 2xx, then nothing; 208 is not in the list of this interface."""
    tid = await fuse.take()
    for each in before:
        assert await fuse.say(tid, each) == 0
    assert await fuse.say(tid, step) == code


async def test_a_resend_after_a_lost_reply_is_excused(onenet_cloud: OneNetCloud, fuse: FuseCaller) -> None:
    """The same law as in the south."""
    tid = await fuse.take()
    await fuse.say(tid, 101)
    onenet_cloud.faults.reply_lost = Fault(times=1)
    with pytest.raises(ServerDisconnectedError):
        await fuse.say(tid, 201)
    assert await fuse.say(tid, 201) == 20
    assert onenet_cloud.record.illegal == 0
    await fuse.say(tid, 201)
    assert onenet_cloud.record.reasons == {"after_terminal": 1}


async def test_no_task(onenet_cloud: OneNetCloud, fuse: FuseCaller) -> None:
    """Without a task, or with a number that is not the device's, the code is 12012 "not exist"."""
    onenet_cloud.create_task("6523", "2.0")
    other = onenet_cloud.tasks["6523", 2].number
    codes = [(await fuse.call("GET", f"{tid}/check"))["code"] for tid in (other, 99)]
    assert [*codes, await fuse.say(99, 5)] == [12012] * 3
    onenet_cloud.tasks.clear()
    reply = await fuse.check()
    assert (reply["code"], reply["msg"]) == (12012, "not exist")
    assert (await replace(fuse, name="nobody").check())["code"] == 12012


async def test_a_failed_task_is_no_task(onenet_cloud: OneNetCloud, fuse: FuseCaller) -> None:
    """Check offers it no more; its number still tells how it ended."""
    tid = await fuse.take()
    await fuse.say(tid, 107)
    assert (await fuse.check())["code"] == 12012
    assert await fuse.status(tid) == 5


async def test_the_console_pauses_and_cancels(onenet_cloud: OneNetCloud, fuse: FuseCaller) -> None:
    """19 while paused, 22 after the end, and status 6."""
    tid = await fuse.take()
    onenet_cloud.tasks[DEVICE].pause()
    assert (await fuse.check())["code"] == 19
    assert (await fuse.call("GET", f"{tid}/check"))["code"] == 19
    onenet_cloud.tasks[DEVICE].cancel()
    assert await fuse.status(tid) == 6
    assert await fuse.say(tid, 5) == 22
    assert onenet_cloud.record.illegal == 0


async def test_the_target_version_closes_the_task(onenet_cloud: OneNetCloud, fuse: FuseCaller) -> None:
    """A version report alone is enough."""
    assert await fuse.say_version(s_version="2.0", f_version="") == 27
    assert await fuse.say_version(s_version="2.0") == 0
    assert onenet_cloud.tasks[DEVICE].state is State.DONE
    assert (await fuse.call("GET", "version"))["data"] == {"s_version": "2.0"}


async def test_both_versions_can_be_demanded(onenet_cloud: OneNetCloud, fuse: FuseCaller) -> None:
    """One field report says that both are required."""
    onenet_cloud.demands_both_versions = True
    assert await fuse.say_version(s_version="1.0") == 2
    assert await fuse.say_version(s_version="1.0", f_version="F.1") == 0


@pytest.mark.parametrize(("kind", "version", "code"), [("3", "1.0", 2), ("2", "", 2), ("2", "v" * 21, 27)])
async def test_bad_questions(fuse: FuseCaller, kind: str, version: str, code: int) -> None:
    """Numbers nobody has seen are those of the south."""
    assert (await fuse.check(version, kind))["code"] == code


@pytest.mark.parametrize("what", ["query", "report"])
async def test_an_unknown_device_has_no_versions(fuse: FuseCaller, what: str) -> None:
    """Nobody of that name exists."""
    stranger = replace(fuse, name="nobody")
    reply = await stranger.call("GET", "version") if what == "query" else None
    assert (reply["code"] if reply else await stranger.say_version(s_version="1.0")) == 12012


@pytest.mark.parametrize(
    ("resource", "version", "code"),
    [
        ("products/100001", "2018-10-31", 0),
        ("products/100001/devices/dev01", "2018-10-31", 0),
        ("userid/42", "2022-05-01", 0),
        ("products/100001/devices/dev02", "2018-10-31", 10403),
        ("products/100002", "2018-10-31", 10403),
        ("products/7", "2018-10-31", 10403),
    ],
)
async def test_authorization(
    onenet_cloud: OneNetCloud, fuse: FuseCaller, resource: str, version: str, code: int
) -> None:
    """A user, the product, or the device itself may ask; a good key for something else is not enough."""
    for known in ("userid/42", "products/100002", *(f"products/100001/devices/dev0{n}" for n in (1, 2))):
        onenet_cloud.keys[known] = KEY
    signed = sign(resource=resource, key=KEY, expires=FAR_FUTURE, version=version)
    assert (await replace(fuse, authorization=signed).check())["code"] == code


async def test_a_bad_header(onenet_cloud: OneNetCloud, fuse: FuseCaller) -> None:
    """An authorization that is over is 10403, and nothing happens."""
    reply = await replace(fuse, authorization=header(expires=9)).check("2.0")
    assert (reply["code"], "data" in reply) == (10403, False)
    assert onenet_cloud.tasks[DEVICE].is_active


async def test_an_injected_code(onenet_cloud: OneNetCloud, fuse: FuseCaller) -> None:
    """Any code can be had on request, and is nobody's fault."""
    onenet_cloud.faults.error = Fault(error="20", times=1)
    reply = await fuse.check()
    assert (reply["code"], reply["msg"]) == (20, "task finish")
    assert onenet_cloud.record.illegal == 0


async def test_only_one_interface(onenet_cloud: OneNetCloud) -> None:
    """A cloud may serve one of them alone."""
    onenet_cloud.apis = ["fuse"]
    async with serve(onenet_cloud) as url, aiohttp.ClientSession() as session:
        async with session.get(f"{url}/ota/south/check") as response:
            assert response.status == 404
        async with session.get(f"{url}/fuse-ota/100001/527776559/version") as response:
            assert response.status == 200


async def test_calls_are_counted_apart(onenet_cloud: OneNetCloud, fuse: FuseCaller) -> None:
    """The record knows through which interface a device was spoken for."""
    await fuse.status(await fuse.take())
    assert onenet_cloud.record.by_device["527776559"] == {"fuse_check": 1, "fuse_check_task": 1}
