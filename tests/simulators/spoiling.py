"""The middleware that plays the faults on real connections."""

import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import replace

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tests.simulators.faults import Fault, Faults
from tests.simulators.firmware import PART, Part, image_response
from tests.simulators.record import Call, Record

CALL = web.RequestKey("call", Call)
SPOILT = web.RequestKey("spoilt", bool)  # the cloud has spoilt its own reply
CHUNK = b" " * 65536
PAGE = "<html><body><h1>Welcome</h1><p>Please sign in to use this network.</p></body></html>"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def spoiler(faults: Faults, record: Record) -> Middleware:
    """Return the layer for one cloud; the control interface under ``/_sim/`` stays out of it."""

    @web.middleware
    async def spoil(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/_sim/"):
            return await handler(request)
        about = await _describe(request) if faults.any_set() else ""
        instead = _answer_instead(faults, record, request, about)
        if instead is not None:
            return instead
        response = await handler(request)
        return await _spoil_reply(faults, record, request, response, about)

    return spoil


async def _describe(request: web.Request) -> str:
    return request.path_qs + (await request.read()).decode("utf-8", "replace")


def _answer_instead(faults: Faults, record: Record, request: web.Request, about: str) -> web.Response | None:
    if faults.take("down", about):
        record.hear_nothing(request.path, fault="down")
        return _cut(request, reset=True)
    if faults.take("flapping", about):
        record.hear_nothing(request.path, fault="flapping")
        return _cut(request, reset=True)
    if fault := faults.take("status", about):
        record.hear_nothing(request.path, fault=str(fault.code))
        return _refuse(fault)
    if faults.take("html", about):
        record.hear_nothing(request.path, fault="html")
        return web.Response(text=PAGE, content_type="text/html")
    return None


async def _spoil_reply(
    faults: Faults, record: Record, request: web.Request, response: web.StreamResponse, about: str
) -> web.StreamResponse:
    call = request.get(CALL)
    if (fault := faults.take("slow", about)) and not await _delay(faults, record, request, fault):
        return response
    if faults.take("reply_lost", about):
        _lose(record, call)
        return _cut(request, reset=False)
    if faults.take("truncated", about):
        _lose(record, call)
        return _truncate(request, response)
    if fault := faults.take("enormous", about):
        _lose(record, call)
        return await _inflate(request, response, fault.size)
    if (part := request.get(PART)) is not None:
        _spoil_image(faults, request, part, about)
    if request.get(SPOILT):
        _lose(record, call)
    elif call is not None:
        record.deliver_reply(call)
    return response


def _lose(record: Record, call: Call | None) -> None:
    if call is not None:
        record.lose_reply(call)


async def _delay(faults: Faults, record: Record, request: web.Request, fault: Fault) -> bool:
    """Wait and say whether the caller is still there; until then the reply counts as lost."""
    call = request.get(CALL)
    _lose(record, call)
    await faults.sleep(fault.seconds)
    is_there = request.transport is not None and not request.transport.is_closing()
    record.lost -= is_there and call is not None
    return is_there


def _cut(request: web.Request, *, reset: bool) -> web.Response:
    transport = request.transport
    if transport is not None:
        if reset:
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE
            )
        transport.abort()
    return web.Response()


def _refuse(fault: Fault) -> web.Response:
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    return web.Response(
        status=fault.code, headers=headers, text=f"<h1>{fault.code}</h1>", content_type="text/html"
    )


def _spoil_image(faults: Faults, request: web.Request, part: Part, about: str) -> None:
    if faults.take("corrupted", about):
        part.flaw_at = part.middle
    if faults.take("broken_off", about):
        part.stop_at, part.hang_up = part.middle, lambda: _hang_up(request)
    if fault := faults.take("trickling", about):
        part.piece = min(fault.rate, part.piece)
        part.wait = lambda: faults.sleep(part.piece / fault.rate)


def _hang_up(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()


def _truncate(request: web.Request, response: web.StreamResponse) -> web.Response:
    part = request.get(PART)
    if part is not None:
        half = replace(part, last=part.middle - 1)
        headers = {"Content-Type": response.content_type}
        return image_response(request, half, headers=headers, status=response.status)
    body = _body_of(response)
    return web.Response(
        status=response.status, body=body[: len(body) // 2], content_type=response.content_type
    )


async def _inflate(request: web.Request, response: web.StreamResponse, size: int) -> web.StreamResponse:
    """Send the true reply first and blanks after it: whoever reads to the end reads ``size`` bytes."""
    big = web.StreamResponse(status=response.status, headers={"Content-Type": response.content_type})
    await big.prepare(request)
    try:
        async for piece in _pieces_of(request, response):
            await big.write(piece)
        for _ in range(size // len(CHUNK)):
            await big.write(CHUNK)
        await big.write_eof()
    except ConnectionError:
        big.force_close()  # the caller has read enough, as it should
    return big


async def _pieces_of(request: web.Request, response: web.StreamResponse) -> AsyncIterator[bytes]:
    part = request.get(PART)
    if part is None:
        yield _body_of(response)
        return
    async for piece in part:
        yield piece


def _body_of(response: web.StreamResponse) -> bytes:
    body = response.body if isinstance(response, web.Response) else b""
    return body if isinstance(body, bytes) else b""
