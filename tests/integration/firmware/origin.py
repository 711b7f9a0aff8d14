"""An origin on loopback that serves one image, well or as badly as it is told, and remembers what it was asked."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from gateway.model.firmware import Firmware, Md5
from gateway.model.identity import Version

Answer = Callable[["Origin", web.Request], Awaitable[web.StreamResponse]]
PIECE = 64 * 1024


def content_of(size: int, seed: int = 1) -> bytes:
    """Return an image in which no part is like another."""
    return random.Random(seed).randbytes(size)


@dataclass(slots=True, kw_only=True)
class Origin:
    """`answer` may be exchanged at any time; `served` counts the bytes of the image that went out."""

    content: bytes
    answer: Answer
    url: str = ""
    etag: str = '"1"'
    #: (path with query, Range) of each request.
    asked: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    served: int = 0

    @property
    def md5(self) -> Md5:
        """Of the image."""
        return Md5(hashlib.md5(self.content).hexdigest())

    def firmware(self, query: str = "", **said: Any) -> Firmware:
        """Return what an honest cloud says of the image."""
        known = {"size": len(self.content), "md5": self.md5, **said}
        return Firmware(version=Version("2.0"), url=self.url + query, **known)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path_qs, request.headers.get("Range", "")))
        self.headers.append(dict(request.headers))
        return await self.answer(self, request)


async def well(origin: Origin, request: web.Request) -> web.StreamResponse:
    """Serve as an object store does."""
    start = request.http_range.start or 0
    size = len(origin.content)
    if start >= size:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    headers = {"ETag": origin.etag}
    if start:
        headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
    return await send(origin, request, start, size, status=206 if start else 200, headers=headers)


async def send(
    origin: Origin,
    request: web.Request,
    start: int,
    end: int,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    length: int | None = -1,
    stop: int | None = None,
) -> web.StreamResponse:
    """Send a part; `length` may lie or be None, the connection breaks before the byte `stop`."""
    response = web.StreamResponse(status=status, headers=headers)
    if length is not None:
        response.content_length = end - start if length < 0 else length
    await response.prepare(request)
    for at in range(start, end if stop is None else stop, PIECE):
        piece = origin.content[at : min(at + PIECE, end if stop is None else stop)]
        await response.write(piece)
        origin.served += len(piece)
    if stop is not None and request.transport is not None:
        request.transport.close()
    return response


def breaking_off(*stops: int) -> Answer:
    """Break each connection at the next of these bytes, then serve well."""
    left = list(stops)

    async def answer(origin: Origin, request: web.Request) -> web.StreamResponse:
        if not left:
            return await well(origin, request)
        start, size = request.http_range.start or 0, len(origin.content)
        headers = {"Content-Range": f"bytes {start}-{size - 1}/{size}"} if start else {}
        return await send(
            origin,
            request,
            start,
            size,
            status=206 if start else 200,
            headers={**headers, "ETag": origin.etag},
            stop=left.pop(0),
        )

    return answer


def gated(gate: asyncio.Event, at: int) -> Answer:
    """Serve well, but wait for the gate at this byte."""

    async def answer(origin: Origin, request: web.Request) -> web.StreamResponse:
        start, size = request.http_range.start or 0, len(origin.content)
        if start:
            await gate.wait()
            return await well(origin, request)
        response = web.StreamResponse()
        response.content_length = size
        await response.prepare(request)
        await response.write(origin.content[:at])
        origin.served += at
        await gate.wait()
        await response.write(origin.content[at:])
        origin.served += size - at
        return response

    return answer


def refusing(status: int, headers: dict[str, str] | None = None, body: bytes = b"<html>no</html>") -> Answer:
    """Answer with a status."""

    async def answer(origin: Origin, request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers=headers, body=body)

    return answer


def in_turn(*answers: Answer) -> Answer:
    """Answer each request in another way, all later ones well."""
    left = list(answers)

    async def answer(origin: Origin, request: web.Request) -> web.StreamResponse:
        return await (left.pop(0) if left else well)(origin, request)

    return answer


@asynccontextmanager
async def serving(content: bytes, answer: Answer = well) -> AsyncIterator[Origin]:
    """Run an origin."""
    origin = Origin(content=content, answer=answer)
    application = web.Application()
    application.router.add_get("/{path:.*}", origin._handle)
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    origin.url = f"http://{host}:{port}/fw/2.0.bin"
    try:
        yield origin
    finally:
        await runner.cleanup()
