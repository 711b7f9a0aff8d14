"""Both clouds as processes of their own."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.simulators.callers import OneNetCaller, TencentCaller, header


@asynccontextmanager
async def running(name: str, *options: str) -> AsyncIterator[tuple[Process, dict[str, Any]]]:
    """Start a cloud and yield it with the line that it printed."""
    command = (sys.executable, "-m", f"tests.simulators.{name}", *options)
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    assert process.stdout is not None
    try:
        yield process, json.loads(await process.stdout.readline())
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


@pytest.mark.parametrize("name", ["tencent", "onenet"])
async def test_one_line_and_a_clean_end(name: str) -> None:
    """The only line says where; SIGTERM ends it with 0."""
    async with running(name, "--port", "0") as (process, line):
        assert line["url"] == f"http://127.0.0.1:{line['port']}"
        process.send_signal(signal.SIGTERM)
        rest, _ = await process.communicate()
        assert (rest, process.returncode) == (b"", 0)


async def test_tencent_options() -> None:
    """Token, devices, envelope and record are set from the start."""
    options = ("--token", "t", "--product", "P", "--devices", "2", "--prefix", "x", "--record", "summary")
    async with running("tencent", *options) as (_, line), aiohttp.ClientSession() as session:
        app = TencentCaller(session=session, url=line["url"], token="t", device="P/x000002")
        assert await app.report("done") == ""
        async with session.get(f"{line['url']}/_sim/record") as response:
            assert await response.json() == {"calls": [], "mode": "summary", "orders": 1}


async def test_onenet_options() -> None:
    """Resource, key and devices are set from the start."""
    options = ("--resource", "products/7", "--key", "AAAA", "--devices", "1", "--prefix", "9")
    async with running("onenet", *options) as (_, line), aiohttp.ClientSession() as session:
        authorization = header(resource="products/7", key="AAAA")
        device = OneNetCaller(session=session, url=line["url"], authorization=authorization, dev_id="9000001")
        assert (await device.check())["errno"] == 11
