"""What the command line says about interfaces, names, policies and pushes."""

import aiohttp

from tests.simulators.callers import header
from tests.simulators.test_command import running
from tests.simulators.test_onenet_fuse import FuseCaller


async def test_fuse_options() -> None:
    """Only one interface is served, devices have names, and a check adds their tasks."""
    options = ("--api", "fuse", "--devices", "2", "--name-prefix", "dev", "--auto-add", "2.0")
    async with running("onenet", *options) as (_, line), aiohttp.ClientSession() as session:
        device = FuseCaller(session=session, url=line["url"], authorization=header(), name="dev000002")
        assert (await device.check())["data"]["target"] == "2.0"
        async with session.get(f"{line['url']}/ota/south/check") as response:
            assert response.status == 404


async def test_push_options() -> None:
    """Where and how to push is known from the start."""
    options = ("--push-url", "http://127.0.0.1:1/", "--push-variant", "B", "--edition", "old")
    async with running("onenet", *options) as (_, line), aiohttp.ClientSession() as session:
        async with session.post(f"{line['url']}/_sim/push", json={}) as response:
            assert await response.json() == {"url": "http://127.0.0.1:1/"}
        async with session.get(f"{line['url']}/_sim/settings") as response:
            assert (await response.json())["edition"] == "old"
