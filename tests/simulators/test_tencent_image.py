"""Images behind FirmwareURL: signed anew each time, expiring, large, spoilt on request, and counted."""

import asyncio
import hashlib
import tracemalloc
from typing import Any

import pytest
from aiohttp import ClientError, ClientPayloadError

from tests.simulators import Fault
from tests.simulators.callers import TencentCaller
from tests.simulators.firmware import BLOCK, PIECE, Firmware
from tests.simulators.record import Download
from tests.simulators.tencent import TencentCloud

ADDRESS = "PR0DUCT01/dev01"
PLACE = "PR0DUCT01/2.0"
LARGE = 64 * 1024 * 1024


async def url_of(app: TencentCaller) -> str:
    """Return the FirmwareURL of the device's task."""
    url: str = (await app.act("AppGetDeviceOTAInfo"))["Response"]["FirmwareURL"]
    return url


async def fetch(app: TencentCaller, asked: str = "") -> bytes:
    """Return what comes from a fresh URL."""
    headers = {"Range": asked} if asked else {}
    async with app.session.get(await url_of(app), headers=headers) as response:
        assert response.status in (200, 206)
        return await response.read()


async def steer(app: TencentCaller, path: str, body: dict[str, Any]) -> Any:
    """Change something through the control interface."""
    async with app.session.post(f"{app.url}/_sim/{path}", json=body) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def test_every_answer_signs_anew(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """Two questions bring two URLs of one image, and both are good."""
    urls = {await url_of(tencent_app) for _ in range(3)}
    assert len(urls) == 3
    for url in urls:
        async with tencent_app.session.get(url) as response:
            assert await response.read() == tencent_cloud.firmware[PLACE].image


async def test_revoked_urls_are_403(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """URLs signed before are good no more; the next one is."""
    old = await url_of(tencent_app)
    await steer(tencent_app, "tasks", {"revoke_urls": True})
    async with tencent_app.session.get(old) as response:
        assert response.status == 403
    assert await fetch(tencent_app)
    assert tencent_cloud.record.downloads[PLACE].refused == 1


async def test_a_url_is_for_get_only(tencent_app: TencentCaller) -> None:
    """The store signs the method: asking for the head is refused."""
    async with tencent_app.session.head(await url_of(tencent_app)) as response:
        assert response.status == 403


async def test_a_strange_version_is_no_obstacle(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """A task with an impossible version still has a URL that works."""
    tencent_cloud.create_task(ADDRESS, "2/0 beta?")
    assert await fetch(tencent_app) == b"1" * 14 + b"2" * 8


async def test_a_url_can_be_anything(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """A task may carry a URL that nobody should follow, and figures that are not true."""
    order = {"devices": [ADDRESS], "version": "4.0", "url": "http://169.254.1.1/x", "md5": "0" * 32}
    await steer(tencent_app, "tasks", {"create": {**order, "image_size": 100}})
    assert await url_of(tencent_app) == "http://169.254.1.1/x"
    details = await tencent_app.act("AppDescribeFirmware", ProductID="PR0DUCT01", FirmwareVersion="4.0")
    assert details["Response"]["Md5sum"] == "0" * 32
    assert tencent_cloud.firmware["PR0DUCT01/4.0"].length == 100


@pytest.mark.parametrize("size", [0, 1, 63, BLOCK, BLOCK + 1, PIECE - 1, 3 * PIECE + 17])
def test_grown_images_are_one_image(size: int) -> None:
    """However it is read, a grown image is the same bytes, of the md5 that is published."""
    firmware = Firmware.grown(size, "P/2.0")
    whole = firmware.image
    assert (len(whole), firmware.size) == (size, size)
    assert hashlib.md5(whole).hexdigest() == firmware.md5
    assert b"".join(firmware.pieces()) == whole
    assert firmware.content.read(size // 3, size // 2) == whole[size // 3 : size // 2]


def test_versions_have_images_of_their_own() -> None:
    """Of one size, two seeds are two images, and no block is like the next."""
    one, other = (Firmware.grown(2 * BLOCK, seed).image for seed in ("P/2.0", "P/3.0"))
    assert one != other
    assert one[:BLOCK] != one[BLOCK:]


async def test_a_large_image_is_not_held(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """It arrives whole, and neither side ever holds more than a few pieces."""
    order = {"devices": [ADDRESS], "version": "2.0", "image_size": LARGE}
    await steer(tencent_app, "tasks", {"create": order})
    digest = hashlib.md5()
    tracemalloc.start()
    async with tencent_app.session.get(await url_of(tencent_app)) as response:
        assert response.content_length == LARGE
        async for piece in response.content.iter_chunked(PIECE):
            digest.update(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert digest.hexdigest() == tencent_cloud.firmware[PLACE].md5
    assert peak < LARGE // 8
    assert tencent_cloud.record.downloads[PLACE] == Download(requests=1, begun=1, ended=1, sent=LARGE)


async def test_a_part_of_a_large_image(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """A range far inside is cut from the right place, and is not a beginning."""
    tencent_cloud.firmware[PLACE] = firmware = Firmware.grown(LARGE, PLACE)
    assert await fetch(tencent_app, f"bytes={LARGE - 100}-{LARGE}") == firmware.image[-100:]
    assert tencent_cloud.record.downloads[PLACE] == Download(requests=1, begun=0, ended=1, sent=100)


async def test_downloads_are_in_record_and_summary(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """Who fetched what, and how much of it, can be read from another process."""
    await fetch(tencent_app)
    call = tencent_cloud.record.calls[-1]
    assert (call.action, call.version, call.reply) == ("download", "2.0", "ok")
    async with tencent_app.session.get(f"{tencent_app.url}/_sim/summary") as response:
        shown = await response.json()
    assert shown["downloads"] == {PLACE: {"requests": 1, "begun": 1, "ended": 1, "sent": 22, "refused": 0}}
    assert shown["calls_by_device"] == {ADDRESS: {"AppGetDeviceOTAInfo": 1}}


async def test_a_corrupted_image(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """One byte is another one; only the md5 can tell."""
    tencent_cloud.faults.corrupted = Fault(times=1, only="/firmware/")
    spoilt, good = await fetch(tencent_app), await fetch(tencent_app)
    assert len(spoilt) == len(good)
    assert sum(one != other for one, other in zip(spoilt, good, strict=True)) == 1


async def test_a_broken_off_image(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """The length is promised, half of it comes, and the connection ends."""
    tencent_cloud.faults.broken_off = Fault(times=1)
    with pytest.raises(ClientPayloadError):
        await fetch(tencent_app)
    download = tencent_cloud.record.downloads[PLACE]
    assert (download.begun, download.ended, download.sent) == (1, 0, 11)
    assert await fetch(tencent_app, "bytes=11-") == b"111" + b"2" * 8


async def test_a_short_image(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """Half of it comes as if it were the whole."""
    tencent_cloud.faults.truncated = Fault(times=1, only="/firmware/")
    assert await fetch(tencent_app) == b"1" * 11


async def test_an_endless_image(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """The image comes without a length, and then it does not end."""
    tencent_cloud.faults.enormous = Fault(times=1, only="/firmware/", size=10 * PIECE)
    body = await fetch(tencent_app)
    assert body.startswith(b"1" * 14 + b"2" * 8)
    assert len(body) > 9 * PIECE


async def test_a_trickling_image(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """So many bytes come in a second, and no more."""
    waited: list[float] = []

    async def note(seconds: float) -> None:
        waited.append(seconds)

    tencent_cloud.faults.sleep = note
    tencent_cloud.faults.trickling = Fault(rate=10)
    assert len(await fetch(tencent_app)) == 22
    assert waited == [1.0, 1.0, 1.0]


async def test_whoever_leaves_is_no_trouble(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """A fetch that is called off ends the sending; what was sent is counted."""
    tencent_cloud.firmware[PLACE] = Firmware.grown(LARGE, PLACE)
    async with tencent_app.session.get(await url_of(tencent_app)) as response:
        await response.content.readexactly(PIECE)
        response.close()
    for _ in range(5):
        await asyncio.sleep(0)
    assert tencent_cloud.record.downloads[PLACE].ended == 0
    assert tencent_cloud.record.downloads[PLACE].sent < LARGE


async def test_a_lost_reply_to_a_download(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """The connection ends before the first byte; nothing was sent."""
    url = await url_of(tencent_app)
    tencent_cloud.faults.reply_lost = True  # more than once: the client itself repeats a GET
    with pytest.raises(ClientError):
        await tencent_app.session.get(url)
    assert tencent_cloud.record.downloads[PLACE].requests == 0
