"""Images of the south: large ones, spoilt ones, and who fetched them in which order."""

import hashlib
from typing import Any

import aiohttp
import pytest

from tests.simulators.callers import OneNetCaller
from tests.simulators.faults import Fault
from tests.simulators.firmware import PIECE, Firmware
from tests.simulators.onenet import OneNetCloud
from tests.simulators.record import Download

DEVICE = ("527776559", 2)
LARGE = 16 * 1024 * 1024


def at(device: OneNetCaller, token: str) -> str:
    """Return where an image is."""
    return f"{device.url}/ota/south/download/{token}"


async def fetch(device: OneNetCaller, token: str, asked: str = "") -> bytes:
    """Fetch an image or a part of it."""
    headers = {"Range": asked} if asked else {}
    async with device.session.get(at(device, token), headers=headers) as response:
        return await response.read()


async def test_a_large_image(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """It is made while it is sent, whole or in parts, and counted."""
    onenet_cloud.tasks[DEVICE].firmware = firmware = Firmware.grown(LARGE, "2.0")
    token = await onenet_device.begin()
    assert hashlib.md5(await fetch(onenet_device, token)).hexdigest() == firmware.md5
    half = await fetch(onenet_device, token, f"bytes={LARGE // 2}-")
    assert half == firmware.content.read(LARGE // 2, LARGE)
    expected = Download(requests=2, begun=1, ended=2, sent=LARGE + LARGE // 2)
    assert onenet_cloud.record.downloads["2.0"] == expected


async def test_devices_of_one_order_share_an_image(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller
) -> None:
    """Two tokens, one image: what is fetched counts for the version."""
    order = {"devices": ["527776559", "6523"], "version": "3.0", "image_size": 1000}
    async with onenet_device.session.post(f"{onenet_device.url}/_sim/tasks", json={"create": order}):
        pass
    tasks = [onenet_cloud.tasks[dev_id, 2] for dev_id in ("527776559", "6523")]
    for task in tasks:
        task.begin()
        await fetch(onenet_device, onenet_cloud.issue_token(task))
    assert tasks[0].firmware == tasks[1].firmware
    assert onenet_cloud.record.downloads["3.0"].sent == 2000


async def test_fetching_before_the_token_check_is_marked(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller
) -> None:
    """The bytes come all the same: nobody wrote that they do not."""
    token = await onenet_device.take_token()
    assert len(await fetch(onenet_device, token)) == 22
    assert onenet_cloud.record.reasons == {"unchecked_download": 1}


async def test_errors_are_counted(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """A byte that stands for an error is no byte of an image."""
    token = await onenet_device.begin()
    settings: dict[str, Any] = {"download_mistake": "FETCH_FAILED"}
    async with onenet_device.session.post(f"{onenet_device.url}/_sim/settings", json=settings) as response:
        assert (await response.json())["download_mistake"] == "FETCH_FAILED"
    assert await fetch(onenet_device, token) == b"4"
    assert onenet_cloud.record.downloads["2.0"] == Download(refused=1)
    assert onenet_cloud.record.calls[-1].reply == "byte 4"


@pytest.mark.parametrize("fault", ["corrupted", "broken_off", "truncated"])
async def test_spoilt_images(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller, fault: str) -> None:
    """OneNET's images are spoilt by the same faults as the others."""
    onenet_cloud.tasks[DEVICE].firmware = firmware = Firmware.grown(3 * PIECE, "2.0")
    token = await onenet_device.begin()
    setattr(onenet_cloud.faults, fault, Fault(times=1))
    try:
        body = await fetch(onenet_device, token)
    except aiohttp.ClientPayloadError:
        body = b""
    assert hashlib.md5(body).hexdigest() != firmware.md5
    assert await fetch(onenet_device, token) == firmware.image


async def test_a_connection_carries_downloads_too(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller
) -> None:
    """A download is one of the thousand calls of a connection."""
    onenet_cloud.calls_per_connection = 3
    token = await onenet_device.begin()
    async with onenet_device.session.get(at(onenet_device, token)) as response:
        assert response.headers["Connection"] == "close"
        await response.read()
