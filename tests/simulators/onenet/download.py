"""Call 3: the image, with the vendor's ranges and its one-byte errors."""

from enum import Enum
from typing import TYPE_CHECKING

from aiohttp import web

from tests.simulators.firmware import Firmware
from tests.simulators.onenet.ranges import slice_of
from tests.simulators.onenet.task import State

if TYPE_CHECKING:
    from tests.simulators.onenet.cloud import OneNetCloud


class Mistake(Enum):
    """The single byte that stands for an error; the page prints digits."""

    NOT_FOUND = b"1"
    SIZE_MISMATCH = b"2"
    BAD_TOKEN = b"3"
    FETCH_FAILED = b"4"
    BAD_PARAMETER = b"5"
    CELL_LIMIT = b"6"


async def download(cloud: "OneNetCloud", request: web.Request) -> web.StreamResponse:
    """Send the image or a part of it; the token is checked on every call, the Authorization is not."""
    token = request.match_info["token"]
    task = cloud.tokens[token].task if token in cloud.tokens else None
    if cloud.download_mistake is not None:
        return await _fail(request, cloud.download_mistake)
    # A task paused or cancelled lets its device finish the download (console manual).
    if task is None or cloud.token_is_over(token) or task.state in (State.DONE, State.FAILED):
        return await _fail(request, Mistake.BAD_TOKEN)
    return _send(task.firmware, request.headers.get("Range", ""))


def _send(firmware: Firmware, wanted: str) -> web.Response:
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": "attachment;filename=firmware.bin",
    }
    part = slice_of(wanted, firmware.length)
    if part is None:
        return web.Response(body=firmware.image, headers=headers)
    first, last = part
    headers["Content-Range"] = f"bytes {first}-{last}/{firmware.length}"
    return web.Response(status=206, body=firmware.image[first : last + 1], headers=headers)


async def _fail(request: web.Request, mistake: Mistake) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
    await response.prepare(request)  # without a length it goes out chunked
    await response.write(mistake.value)
    await response.write_eof()
    return response
