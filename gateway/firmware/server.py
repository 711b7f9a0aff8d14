"""The HTTP server from which devices fetch their images, in the exact form that old SDKs can read.

They match header names by letter, follow no redirect, know 403 (link expired) and 404 (no such image), and take the
body of any other answer for the image: so no refusal has a body. Nothing is ever encoded.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from types import TracebackType
from typing import Final, Self
from weakref import WeakValueDictionary

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

#: All that it answers with.
STATUSES: Final = (200, 206, 403, 404, 405, 416, 503)

_LATER: Final = {"Retry-After": "30"}

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
        #: Of each device that is served or waits; whoever does either holds on to its own.
        self._of_one: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._disk = Disk()
        self._front = Front(self._answer, listen, waits)
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

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self._front.heard(request)
        token = request.path.removeprefix(PREFIX)
        if token in ("", request.path) or "/" in token:
            response: web.StreamResponse = await self._refuse_slowly(404)
        elif request.method not in ("GET", "HEAD"):
            response = _refusal(405, {"Allow": "GET,HEAD"})
        else:
            response = await self._serve(request, token)
        self.answers[response.status] += 1
        return response

    async def _serve(self, request: web.BaseRequest, token: str) -> web.StreamResponse:
        try:
            claim = self._links.read(token)
        except (ExpiredError, ForgedError) as error:
            log.debug("firmware_link_refused", why=type(error).__name__, peer=request.remote)
            return await self._refuse_slowly(403)
        async with AsyncExitStack() as places:
            try:
                async with asyncio.timeout(self._waits.queue.total_seconds()):
                    await places.enter_async_context(self._places_of(claim.subject))
                    await places.enter_async_context(self._slots)
            except TimeoutError:
                return _refusal(503, _LATER)
            self.transfers += 1
            try:
                return await self._open(request, claim)
            finally:
                self.transfers -= 1

    async def _refuse_slowly(self, status: int) -> web.Response:
        await asyncio.sleep(self._waits.refused.total_seconds())
        return _refusal(status)

    def _places_of(self, subject: str) -> asyncio.Semaphore:
        return self._of_one.setdefault(subject, asyncio.Semaphore(self._waits.transfers_of_one))

    async def _open(self, request: web.BaseRequest, claim: Claim) -> web.StreamResponse:
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
        self, request: web.BaseRequest, claim: Claim, opened: OpenImage, part: Span | None
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
