"""The image of the fuse interface: ranges as in the south, errors in a header."""

from dataclasses import replace

import pytest

from tests.simulators.callers import OneNetCaller, header
from tests.simulators.onenet import OneNetCloud, OtaErrno
from tests.simulators.record import Download
from tests.simulators.test_onenet_fuse import DEVICE, FuseCaller

IMAGE = b"1" * 14 + b"2" * 8


@pytest.fixture
def fuse(onenet_device: OneNetCaller) -> FuseCaller:
    """The device of the task; without a name it goes by its id."""
    url, dev_id = onenet_device.url, onenet_device.dev_id
    return FuseCaller(session=onenet_device.session, url=url, authorization=header(), name=dev_id)


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [("", 200, IMAGE), ("bytes=0-15", 206, IMAGE[:16]), ("bytes=22-", 206, IMAGE)],
)
async def test_the_image(
    onenet_cloud: OneNetCloud, fuse: FuseCaller, asked: str, status: int, body: bytes
) -> None:
    """It comes with Ota-Errno 0, and with the ranges of the south."""
    tid = await fuse.take()
    headers = {**fuse.headers, **({"Range": asked} if asked else {})}
    async with fuse.session.get(f"{fuse.prefix}/{tid}/download", headers=headers) as response:
        assert (response.status, response.headers["Ota-Errno"]) == (status, "0")
        assert await response.read() == body
    assert onenet_cloud.record.downloads["2.0"].sent == len(body)


async def test_a_range_in_the_query_is_ignored(fuse: FuseCaller) -> None:
    """The whole file comes with 200 and without a Content-Range."""
    url = f"{fuse.prefix}/{await fuse.take()}/download?range=0-15"
    async with fuse.session.get(url, headers=fuse.headers) as response:
        assert (response.status, await response.read()) == (200, IMAGE)
        assert "Content-Range" not in response.headers


@pytest.mark.parametrize("mistake", [each for each in OtaErrno if each])
async def test_every_download_error(onenet_cloud: OneNetCloud, fuse: FuseCaller, mistake: OtaErrno) -> None:
    """HTTP 200, and a header says that the body is no image."""
    tid = await fuse.take()
    onenet_cloud.fuse_mistake = mistake
    async with fuse.session.get(f"{fuse.prefix}/{tid}/download", headers=fuse.headers) as response:
        assert (response.status, response.headers["Ota-Errno"]) == (200, str(int(mistake)))
    assert onenet_cloud.record.downloads["2.0"] == Download(refused=1)


async def test_download_errors_that_come_by_themselves(onenet_cloud: OneNetCloud, fuse: FuseCaller) -> None:
    """A stranger, an unknown task, an ended one, and a bad header have a number each."""
    tid = await fuse.take()

    async def errno(caller: FuseCaller, number: int) -> int:
        url = f"{caller.prefix}/{number}/download"
        async with caller.session.get(url, headers=caller.headers) as response:
            return int(response.headers["Ota-Errno"])

    assert await errno(replace(fuse, name="nobody"), tid) == 1
    assert await errno(fuse, 99) == 2
    assert await errno(replace(fuse, authorization=""), tid) == 6
    onenet_cloud.tasks[DEVICE].cancel()
    assert await errno(fuse, tid) == 5
