"""What the command line says about logins and URLs."""

import time

import aiohttp

from tests.simulators.test_command import running
from tests.simulators.test_tencent_login import Visitor


async def test_login_options() -> None:
    """App, user and lifetimes are set from the start."""
    options = ("--app-secret", "s", "--email", "a@example.com", "--password", "p", "--token-lifetime", "60")
    async with running("tencent", *options) as (_, line), aiohttp.ClientSession() as session:
        visitor = Visitor(session, line["url"], "s")
        now = int(time.time())
        reply = await visitor.login(Timestamp=now, Email="a@example.com", Password="p")
        assert now + 50 < reply["Response"]["Data"]["ExpireAt"] < now + 100
