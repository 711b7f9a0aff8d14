"""The image, with the vendor's ranges and its two ways to fail: one byte (south), a header (fuse)."""

from enum import Enum, IntEnum
from typing import TYPE_CHECKING

from aiohttp import web

from tests.simulators.firmware import Part, image_response
from tests.simulators.onenet.ranges import slice_of
from tests.simulators.onenet.task import State, Task
from tests.simulators.spoiling import CALL

if TYPE_CHECKING:
    from tests.simulators.onenet.cloud import OneNetCloud

BINARY = "application/octet-stream"


class Mistake(Enum):
    """The single byte that stands for an error in the south; the page prints digits."""

    NOT_FOUND = b"1"
    SIZE_MISMATCH = b"2"
    BAD_TOKEN = b"3"
    FETCH_FAILED = b"4"
    BAD_PARAMETER = b"5"
    CELL_LIMIT = b"6"


class OtaErrno(IntEnum):
    """The header Ota-Errno of a fuse download."""

    SUCC = 0
    NO_DEVICE = 1
    NO_FILE = 2
    NO_OBJECT = 3
    SIZE_MISMATCH = 4
    EXPIRED = 5
    AUTH_FAILED = 6


async def download(cloud: "OneNetCloud", request: web.Request) -> web.StreamResponse:
    """Call 3 of the south: the token is checked on every call, the Authorization is not."""
    token = request.match_info["token"]
    task = cloud.tokens[token].task if token in cloud.tokens else None
    mistake = cloud.download_mistake
    # A task paused or cancelled lets its device finish the download (console manual).
    if task is None or cloud.token_is_over(token) or task.state in (State.DONE, State.FAILED):
        mistake = mistake or Mistake.BAD_TOKEN
    why = "unchecked_download" if task is not None and task.state is State.TO_BE_UPGRADED else ""
    reply = "ok" if mistake is None else f"byte {mistake.value.decode()}"
    take_down(cloud, request, "download", task.dev_id if task else "", task, reply=reply, why=why)
    if task is None or mistake is not None:
        return await _fail(request, mistake or Mistake.BAD_TOKEN)
    return send(cloud, request, task)


def take_down(
    cloud: "OneNetCloud",
    request: web.Request,
    action: str,
    dev_id: str,
    task: Task | None,
    *,
    reply: str,
    why: str = "",
) -> None:
    """Record a download, and count it by target if it is refused; what is sent counts itself."""
    target = task.target if task else ""
    if reply != "ok":
        cloud.record.downloads[target].refused += 1
    asked = {"url": request.path_qs, "range": request.headers.get("Range", "")}
    request[CALL] = cloud.record.hear(action, device=dev_id, version=target, reply=reply, why=why, body=asked)


def send(cloud: "OneNetCloud", request: web.Request, task: Task, **more: str) -> web.Response:
    """Send what the Range asks for, as the vendor reads it."""
    content = task.firmware.content
    headers = {
        "Content-Type": BINARY,
        "Content-Disposition": "attachment;filename=firmware.bin",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    part = slice_of(request.headers.get("Range", ""), content.length)
    first, last = part or (0, content.length - 1)
    cut = Part(content=content, first=first, last=last, tally=cloud.record.downloads[task.target])
    if part is None:
        return image_response(request, cut, headers=headers)
    headers["Content-Range"] = f"bytes {first}-{last}/{content.length}"
    return image_response(request, cut, headers=headers, status=206)


async def _fail(request: web.Request, mistake: Mistake) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": BINARY})
    await response.prepare(request)  # without a length it goes out chunked
    await response.write(mistake.value)
    await response.write_eof()
    return response
