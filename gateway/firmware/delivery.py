"""One answer with bytes of an image in it, and the word about it to whoever follows the device."""

import asyncio
from typing import Final

from aiohttp import web

from gateway.firmware.disk import Disk
from gateway.firmware.ranges import Span, requested
from gateway.firmware.sending import StalledError, send_file
from gateway.firmware.waits import Waits
from gateway.model.firmware import Image
from gateway.ports.firmware import OpenImage, Report, Served

#: Up to here a part goes out in one write with its headers.
SMALL: Final = 64 * 1024  # bytes
REPORT_SECONDS: Final = 1.0
SERVER: Final = {"Server": "ota-gateway"}


def part_wanted(request: web.BaseRequest, image: Image) -> Span | None:
    """Return the range that the device asks for, None for the whole; raises UnsatisfiableError."""
    asked = request.headers.getall("Range", [])
    condition = request.headers.get("If-Range", etag_of(image))
    # RFC 9110 §14.2: Range is for GET alone; §13.1.5: it counts only if what the device has a part of is unchanged.
    if request.method != "GET" or len(asked) != 1 or condition.strip() != etag_of(image):
        return None
    return requested(asked[0], image.size)


def etag_of(image: Image) -> str:
    """Return the strong ETag: the content itself."""
    return f'"{image.sha256}"'


def respond(image: Image, part: Span | None, body: bytes | None = None) -> web.StreamResponse:
    """Return the answer, still without its bytes unless they are given."""
    headers = {
        "Content-Type": "application/octet-stream",
        "Accept-Ranges": "bytes",
        "ETag": etag_of(image),
        **SERVER,
    }
    if part is not None:
        headers["Content-Range"] = f"bytes {part.first}-{part.last}/{image.size}"
    status = 200 if part is None else 206
    if body is not None:
        return web.Response(status=status, headers=headers, body=body)
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = image.size if part is None else len(part)
    return response


class Delivery:
    """The bytes of one answer."""

    def __init__(self, opened: OpenImage, subject: str, part: Span | None, report: Report) -> None:
        self._opened = opened
        self._subject = subject
        self._part = part
        self._span = part or Span(0, opened.image.size - 1)
        self._report = report
        self._reported_at = 0.0
        self._reported = -1
        self.sent = 0

    async def send(self, request: web.BaseRequest, disk: Disk, waits: Waits) -> web.StreamResponse:
        """Send the answer; raises StalledError or ConnectionError, and reports in any case."""
        try:
            if len(self._span) <= SMALL:
                return await self._send_small(request, waits)
            return await self._send_file(request, disk, waits)
        finally:
            self._tell()

    async def _send_small(self, request: web.BaseRequest, waits: Waits) -> web.StreamResponse:
        data = await self._opened.read(self._span.first, len(self._span))
        response = respond(self._opened.image, self._part, data)
        try:
            async with asyncio.timeout(waits.patience.total_seconds()):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError as error:
            raise StalledError from error
        self.sent = len(data)
        return response

    async def _send_file(self, request: web.BaseRequest, disk: Disk, waits: Waits) -> web.StreamResponse:
        response = respond(self._opened.image, self._part)
        await response.prepare(request)
        if request.transport is None:
            raise ConnectionResetError("the device went")
        await send_file(
            request.transport,
            self._opened.fileno(),
            self._span,
            disk=disk,
            patience=waits.patience,
            sent=self._advance,
        )
        await response.write_eof()
        return response

    def _advance(self, sent: int) -> None:
        self.sent = sent
        now = asyncio.get_running_loop().time()
        if now - self._reported_at >= REPORT_SECONDS:
            self._reported_at = now
            self._tell()

    def _tell(self) -> None:
        if self.sent == self._reported:
            return
        self._reported = self.sent
        image = self._opened.image
        self._report(
            Served(
                subject=self._subject,
                sha256=image.sha256,
                start=self._span.first,
                sent=self.sent,
                size=image.size,
            )
        )
