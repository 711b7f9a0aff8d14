"""The push service: who is told of new tasks, how it is signed, and that nobody needs to listen."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from tests.simulators.callers import OneNetCaller
from tests.simulators.onenet import OneNetCloud, Pusher, signature_a, signature_b
from tests.simulators.serving import serve

TOKEN = "push-token-001"
A42 = "40e936955495c1419434800e0a3db9ee"  # computed with md5sum


class Listener:
    """An application of the user, which knows the token."""

    def __init__(self) -> None:
        self.verdict = "PASSED"
        self.asked: list[str] = []
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.status = 200
        self.url = ""

    def application(self) -> web.Application:
        """Answer at the path of the vendor's demo."""
        app = web.Application()
        app.add_routes([web.get("/ota/receive", self._verify), web.post("/ota/receive", self._receive)])
        return app

    async def next(self) -> dict[str, Any]:
        """Wait for the next push."""
        async with asyncio.timeout(5):
            pushed: dict[str, Any] = json.loads(await self.heard.get())
            return pushed

    async def _verify(self, request: web.Request) -> web.Response:
        self.asked.append(request.query["signature"])
        return web.Response(text=self.verdict)

    async def _receive(self, request: web.Request) -> web.Response:
        self.heard.put_nowait(await request.text())
        return web.Response(status=self.status)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """Someone who listens."""
    application = Listener()
    async with serve(application) as url:
        application.url = f"{url}/ota/receive"
        yield application


async def steer(device: OneNetCaller, body: dict[str, Any]) -> Any:
    """Change what is pushed, or push."""
    async with device.session.post(f"{device.url}/_sim/push", json=body) as response:
        assert response.status == 200, await response.text()
        return await response.json()


def test_the_vectors() -> None:
    """Both signatures are the published ones."""
    assert signature_a(TOKEN, 42) == A42
    assert signature_b(TOKEN, "n0nce", '{"uid":42}') == "4173506cc9c6ab2ab1ef906aabdbeddf"


async def test_a_url_is_taken_when_it_answers(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller, listener: Listener
) -> None:
    """The console asks first, with the signature, and takes nobody who fails or says nothing."""
    assert (await steer(onenet_device, {"url": listener.url}))["verified"]
    assert listener.asked == [A42]
    listener.verdict = "FAILED"
    for wrong in (f"{listener.url}?x=1", "http://127.0.0.1:1/"):
        assert await steer(onenet_device, {"url": wrong}) == {"url": listener.url, "verified": False}
    assert (await steer(onenet_device, {"url": "http://127.0.0.1:1/", "unverified": True}))["verified"]


async def test_a_new_task_is_pushed(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller, listener: Listener
) -> None:
    """Variant A: who is concerned, since when, and to which version; signed with the configured uid."""
    onenet_cloud.clock = lambda: 1700000000.0
    onenet_cloud.pushes.url = listener.url
    onenet_cloud.create_task("527776559", "3.0")
    assert await listener.next() == {
        "info": {"uid": 42, "date": 1700000000000},
        "signature": A42,
        "msg": {"dids": [527776559], "startTime": 1700000000000, "version": "3.0"},
    }


async def test_a_campaign_is_one_push(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller, listener: Listener
) -> None:
    """Devices of one order come together, and those of another version apart."""
    onenet_cloud.pushes.url = listener.url
    for dev_id, version in [("1", "3.0"), ("2", "3.0"), ("3", "4.0"), ("no-number", "4.0")]:
        onenet_cloud.create_task(dev_id, version)
    messages = [(await listener.next())["msg"] for _ in range(2)]
    assert [(each["version"], each["dids"]) for each in messages] == [("3.0", [1, 2]), ("4.0", [3])]


@pytest.mark.parametrize(
    ("kind", "members"),
    [(1, {"startTime", "version"}), (2, set()), (3, set()), (4, {"version"})],
)
async def test_variant_b(onenet_cloud: OneNetCloud, listener: Listener, kind: int, members: set[str]) -> None:
    """The signature covers nonce and message; what the message has depends on its type."""
    onenet_cloud.pushes.variant = "B"
    pushed = await onenet_cloud.pushes.push(listener.url, dids=[7], version="2.0", kind=kind)
    body = await listener.next()
    raw = pushed.body.partition('"msg":')[2].rpartition(',"nonce"')[0]
    assert body["msg"].keys() == {"uid", "pid", "at", "dids", "type"} | members
    assert body["signature"] == hashlib.md5(f"{TOKEN}{body['nonce']}{raw}".encode()).hexdigest()


async def test_variant_b_may_be_rewritten(onenet_cloud: OneNetCloud, listener: Listener) -> None:
    """The trap: the signature is of another spelling of the same message."""
    pushes = onenet_cloud.pushes
    pushes.variant, pushes.rewrites = "B", True
    pushed = await pushes.push(listener.url, dids=[7], version="2.0")
    body = await listener.next()
    raw = pushed.body.partition('"msg":')[2].rpartition(',"nonce"')[0]
    message = {
        name: body["msg"][name] for name in ("uid", "pid", "at", "dids", "type", "startTime", "version")
    }
    respelt = json.dumps(message, separators=(",", ":"))
    assert signature_b(TOKEN, body["nonce"], raw) != body["signature"]
    assert signature_b(TOKEN, body["nonce"], respelt) == body["signature"]


@pytest.mark.parametrize("variant", ["A", "B"])
async def test_a_forged_push(onenet_device: OneNetCaller, listener: Listener, variant: str) -> None:
    """A push whose sender does not know the token can be had to be refused."""
    await steer(onenet_device, {"variant": variant, "url": listener.url})
    listener.status = 403
    order = {"dids": [7], "version": "2.0", "forged": True}
    assert (await steer(onenet_device, {"send": order}))["status"] == 403
    body = await listener.next()
    assert body["signature"] not in (A42, signature_b(TOKEN, body.get("nonce", ""), json.dumps(body["msg"])))


async def test_nobody_listens(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """A push that nobody takes is counted and forgotten; the task is there all the same."""
    reply = await steer(
        onenet_device, {"send": {"url": "http://127.0.0.1:1/", "dids": [7], "version": "2.0"}}
    )
    assert (reply["status"], reply["error"]) == (None, "ClientConnectorError")
    assert onenet_cloud.summary()["pushes"] == {"sent": 1, "welcome": 0}
    assert (await onenet_device.check())["errno"] == 0


def test_without_a_url_nothing_is_announced() -> None:
    """Nobody asked for news."""
    pusher = Pusher(lambda: 0.0)
    pusher.announce("7", "2.0")
    assert not pusher._waiting


async def test_a_variant_has_a_letter(onenet_device: OneNetCaller) -> None:
    """A and B are all there is."""
    async with onenet_device.session.post(
        f"{onenet_device.url}/_sim/push", json={"variant": "C"}
    ) as response:
        assert response.status == 400
