"""The HTTP server from which devices fetch their images, in the exact form that old SDKs can read.

They match header names by letter, follow no redirect, know 403 (link expired) and 404 (no such image), and take the
body of any other answer for the image: so no refusal has a body. Nothing is ever encoded.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

import structlog
from aiohttp import web

from gateway.config import Address
from gateway.firmware.delivery import SERVER, Delivery, part_wanted, respond
from gateway.firmware.disk import Disk
from gateway.firmware.front import Front
from gateway.firmware.links import PREFIX, Claim, ExpiredError, ForgedError, Links
from gateway.firmware.ranges import Span, UnsatisfiableError
from gateway.firmware.sending import StalledError
from gateway.firmware.waits import Waits
from gateway.model.firmware import Image
from gateway.ports.firmware import Firmwares, ImageGoneError, NotNowError, OpenImage, Report, Served

_LATER: Final = {"Retry-After": "30"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = structlog.get_logger()


def ignore(_: Served) -> None:
    """Report to nobody."""


class FirmwareServer:
    """One listener for devices; use it as an async context manager."""

    def __init__(
        self,
        *,
        listen: Address,
        public_url: str,
        firmwares: Firmwares,
        key: bytes,
        report: Report = ignore,
        waits: Waits = Waits(),  # noqa: B008 - frozen
        now: Callable[[], float] = time.time,
    ) -> None:
        self._links = Links(key, public_url, now)
        self._firmwares = firmwares
        self._report = report
        self._waits = waits
        self._slots = asyncio.Semaphore(waits.transfers)
        self._disk = Disk()
        self._front = Front(self._application(), listen, waits)
        #: Requests answered, by status.
        self.answers: Counter[int] = Counter()
        #: Images or parts of images on their way now.
        self.transfers = 0
        self.bytes_sent = 0

    @property
    def address(self) -> Address:
        """Where it listens now; the port is the real one when 0 was asked for."""
        return self._front.address

    def link(self, image: Image, subject: str, ttl: timedelta) -> str:
        """Return a URL for one image and one device; raises ValueError when an old device could not hold it."""
        return self._links.make(image.sha256, subject, ttl)

    async def __aenter__(self) -> Self:
        await self._front.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._front.stop()
        self._disk.close()

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[self._plainly])
        application.router.add_get(PREFIX + "{token}", self._serve)
        return application

    @web.middleware
    async def _plainly(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer everything in the one form, also what aiohttp itself refuses."""
        self._front.heard(request)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            response = _refusal(error.status, allow)
        self.answers[response.status] += 1
        return response

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            claim = self._links.read(request.match_info["token"])
        except (ExpiredError, ForgedError) as error:
            log.debug("firmware_link_refused", why=type(error).__name__, peer=request.remote)
            return _refusal(403)
        try:
            async with asyncio.timeout(self._waits.queue.total_seconds()):
                await self._slots.acquire()
        except TimeoutError:
            return _refusal(503, _LATER)
        self.transfers += 1
        try:
            return await self._open(request, claim)
        finally:
            self.transfers -= 1
            self._slots.release()

    async def _open(self, request: web.Request, claim: Claim) -> web.StreamResponse:
        try:
            opened = await self._firmwares.open(claim.sha256)
        except ImageGoneError:
            return _refusal(404)
        except NotNowError:
            return _refusal(503, _LATER)
        with opened:
            try:
                part = part_wanted(request, opened.image)
            except UnsatisfiableError:
                return _refusal(416, {"Content-Range": f"bytes */{opened.image.size}"})
            return await self._deliver(request, claim, opened, part)

    async def _deliver(
        self, request: web.Request, claim: Claim, opened: OpenImage, part: Span | None
    ) -> web.StreamResponse:
        if request.method == "HEAD":
            return respond(opened.image, part)
        delivery = Delivery(opened, claim.subject, part, self._report)
        try:
            return await delivery.send(request, self._disk, self._waits)
        except (StalledError, ConnectionError) as error:
            log.debug("firmware_transfer_broken", device=claim.subject, why=type(error).__name__)
            if request.transport is not None:
                request.transport.abort()
            return respond(opened.image, part)
        finally:
            self.bytes_sent += delivery.sent


def _refusal(status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, headers={**(headers or {}), **SERVER})
