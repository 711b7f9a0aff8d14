"""The image, with the vendor's ranges and one-byte errors."""

import pytest

from tests.simulators.callers import OneNetCaller
from tests.simulators.onenet import OneNetCloud
from tests.simulators.onenet.download import Mistake
from tests.simulators.onenet.ranges import slice_of

IMAGE = b"1" * 14 + b"2" * 8


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-15", (0, 15)),
        ("0-15", (0, 15)),
        ("bytes=5-", (5, 21)),
        ("bytes=-4", (18, 21)),
        ("bytes=01-02", (1, 2)),
        ("bytes=5-99", (5, 21)),
        ("bytes=22-", (0, 21)),
        ("bytes=22-30", (0, 21)),
        ("bytes=9-5", (0, 5)),
        ("bytes=-23", None),
        ("bytes=-22", (0, 21)),
        ("bytes=-0", None),
        ("bytes=-", None),
        ("-", None),
        ("bytes=a-b", None),
        ("bytes=0-1,3-4", None),
        ("", None),
    ],
)
def test_ranges_are_clamped(asked: str, part: tuple[int, int] | None) -> None:
    """Every form of the page, and its reading of what does not fit."""
    assert slice_of(asked, len(IMAGE)) == part


async def test_a_part(onenet_device: OneNetCaller) -> None:
    """The vendor's capture: the first sixteen bytes come with 206 and say which they are."""
    token = await onenet_device.begin()
    url = f"{onenet_device.url}/ota/south/download/{token}"
    async with onenet_device.session.get(url, headers={"Range": "bytes=0-15"}) as response:
        assert response.status == 206
        assert response.headers["Content-Range"] == "bytes 0-15/22"
        assert await response.read() == IMAGE[:16]


async def test_the_whole(onenet_device: OneNetCaller) -> None:
    """Without a range the whole file comes with 200 and a length; no Authorization is needed."""
    token = await onenet_device.begin()
    async with onenet_device.session.get(f"{onenet_device.url}/ota/south/download/{token}") as response:
        assert (response.status, response.content_length) == (200, 22)
        assert await response.read() == IMAGE


async def test_resuming_at_the_end_sends_everything_again(onenet_device: OneNetCaller) -> None:
    """The trap: a start past the end is read as zero."""
    token = await onenet_device.begin()
    url = f"{onenet_device.url}/ota/south/download/{token}"
    async with onenet_device.session.get(url, headers={"Range": "bytes=22-"}) as response:
        assert response.headers["Content-Range"] == "bytes 0-21/22"
        assert await response.read() == IMAGE


async def test_a_wrong_token_is_one_byte(onenet_device: OneNetCaller) -> None:
    """An error is HTTP 200, one digit, and no Content-Length."""
    async with onenet_device.session.get(f"{onenet_device.url}/ota/south/download/ota_none") as response:
        assert (response.status, await response.read()) == (200, b"3")
        assert "Content-Length" not in response.headers


async def test_an_old_token_is_one_byte(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """The token is checked on every call."""
    token = await onenet_device.begin()
    onenet_cloud.tokens[token].expires = 0
    async with onenet_device.session.get(f"{onenet_device.url}/ota/south/download/{token}") as response:
        assert await response.read() == b"3"


@pytest.mark.parametrize("mistake", Mistake)
async def test_every_mistake(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller, mistake: Mistake
) -> None:
    """Each digit of the page can be had."""
    token = await onenet_device.begin()
    onenet_cloud.download_mistake = mistake
    async with onenet_device.session.get(f"{onenet_device.url}/ota/south/download/{token}") as response:
        assert await response.read() == mistake.value


async def test_a_cancelled_device_may_finish_its_download(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller
) -> None:
    """Cancelling takes the task, not the bytes."""
    token = await onenet_device.begin()
    onenet_cloud.tasks["527776559", 2].cancel()
    async with onenet_device.session.get(f"{onenet_device.url}/ota/south/download/{token}") as response:
        assert await response.read() == IMAGE
