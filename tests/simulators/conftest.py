"""A cloud of either vendor on a free port, and someone to call it."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.simulators import serve
from tests.simulators.callers import OneNetCaller, TencentCaller, header
from tests.simulators.onenet import OneNetCloud
from tests.simulators.tencent import TencentCloud


@pytest.fixture
def tencent_cloud() -> TencentCloud:
    """An account with two devices and a task for the first."""
    cloud = TencentCloud(devices=["PR0DUCT01/dev01", "PR0DUCT01/dev02"])
    cloud.create_task("PR0DUCT01/dev01", "2.0")
    return cloud


@pytest.fixture
async def tencent_app(tencent_cloud: TencentCloud) -> AsyncIterator[TencentCaller]:
    """An app that is logged in."""
    async with serve(tencent_cloud) as url, aiohttp.ClientSession() as session:
        yield TencentCaller(session=session, url=url)


@pytest.fixture
def onenet_cloud() -> OneNetCloud:
    """A product with one device and a task for it."""
    cloud = OneNetCloud(devices=["527776559"])
    cloud.create_task("527776559", "2.0")
    return cloud


@pytest.fixture
async def onenet_device(onenet_cloud: OneNetCloud) -> AsyncIterator[OneNetCaller]:
    """The device of the task, with a good Authorization."""
    async with serve(onenet_cloud) as url, aiohttp.ClientSession() as session:
        yield OneNetCaller(session=session, url=url, authorization=header())
