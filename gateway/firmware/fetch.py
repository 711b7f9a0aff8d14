"""Images over HTTP: resumed where they broke off, never longer than said, from nowhere forbidden."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from ssl import SSLContext
from types import TracebackType
from typing import Final, Self

import aiohttp
from aiohttp.abc import AbstractResolver

from gateway.errors import Rejected, Unavailable
from gateway.firmware.guard import Guard
from gateway.firmware.pace import Pace, Stream, trouble_on_the_line
from gateway.firmware.replies import NOTHING, Body, weigh
from gateway.firmware.troubles import RANGE_REFUSED
from gateway.model.firmware import Firmware, unsigned
from gateway.ports.firmware import Answer, Judge, Trouble

#: A body without a length that is no longer than this is shown to the judge: OneNET's errors are one byte.
SHORT_BODY: Final = 64
#: A server that gives less per request than this, and is not at the end, is not going to get there.
MIN_PART: Final = 512
_MAX_VALIDATORS: Final = 256


class HttpSource:
    """`Downloads` for adapters, and an `ImageSource` for a plain URL; use it as an async context manager."""

    def __init__(
        self,
        guard: Guard,
        *,
        pace: Pace = Pace(),  # noqa: B008 - frozen
        tls: SSLContext | bool = True,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._guard = guard
        self._pace = pace
        self._tls = tls
        self._resolver = resolver
        self._client: aiohttp.ClientSession | None = None
        #: Strong ETags by unsigned URL: what we have a part of must still be the same.
        self._validators: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        self._client = aiohttp.ClientSession(
            connector=self._guard.connector(self._resolver),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(
                sock_connect=self._pace.connect.total_seconds(), sock_read=self._pace.silence.total_seconds()
            ),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()

    def fetch(self, firmware: Firmware, start: int) -> AsyncIterator[bytes]:
        """Yield the image at the firmware's URL; see ImageSource."""
        return self.download(firmware.url, start, size=firmware.size)

    async def download(
        self,
        url: str,
        start: int,
        *,
        size: int | None = None,
        headers: Mapping[str, str] | None = None,
        judge: Judge | None = None,
    ) -> AsyncIterator[bytes]:
        """Yield what lies at the URL from byte `start` to the end, in as many requests as the server needs."""
        position, total = start, size
        while total is None or position < total:
            begun = position
            async with self._request(url, position, headers or {}) as response:
                stream = Stream(response.content, self._pace)
                head = await _head(stream, response)
                if judge is not None:
                    short = head if len(head) <= SHORT_BODY else b""
                    judge(Answer(response.status, response.headers, short))
                body = self._weigh(response, url, start=position, size=total)
                if body is NOTHING:
                    return
                _refuse_unmeasured(body, head, size=total)
                limit = body.length if body.length is not None else (total or 0) - position
                async for chunk in stream.after(head):
                    position += len(chunk)
                    if position - begun > limit:
                        raise Rejected(Trouble.ENDLESS, f"more than {limit} bytes came")
                    yield chunk
            total = body.total if body.total is not None else total
            _refuse_crumbs(body, position - begun, position)
            if body.total is None or total is None:
                return

    def _weigh(self, response: aiohttp.ClientResponse, url: str, *, start: int, size: int | None) -> Body:
        body = weigh(response.status, response.headers, start=start, size=size)
        name, etag = unsigned(url), response.headers.get("ETag", "")
        known = self._validators.get(name)
        if start and known and etag and etag != known:
            raise Rejected(RANGE_REFUSED, "the image at the source has changed")
        if not start and etag.startswith('"'):
            while len(self._validators) >= _MAX_VALIDATORS:
                del self._validators[next(iter(self._validators))]
            self._validators[name] = etag
        return body

    @asynccontextmanager
    async def _request(
        self, url: str, start: int, headers: Mapping[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._client is None:
            raise RuntimeError("the source is used before it is entered")
        target = self._guard.admit(url)
        asked = {**headers, "Accept-Encoding": "identity"}
        if start:
            asked["Range"] = f"bytes={start}-"
        try:
            async with asyncio.timeout(self._pace.answer.total_seconds()):
                response = await self._client.get(target, headers=asked, allow_redirects=False, ssl=self._tls)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise trouble_on_the_line(error) from error
        async with response:
            yield response


async def _head(stream: Stream, response: aiohttp.ClientResponse) -> bytes:
    """Read into a body that has no length, to see whether it is as short as a vendor's word for an error."""
    head = b""
    while response.content_length is None and len(head) <= SHORT_BODY and (more := await stream.read()):
        head += more
    return head


def _refuse_unmeasured(body: Body, head: bytes, *, size: int | None) -> None:
    """Where neither source nor cloud names a length, the end of an image cannot be told from a broken connection."""
    if body.length is None and size is None:
        raise Rejected("no_length", "the source does not say how long the image is")
    if body.length is None and len(head) <= SHORT_BODY and len(head) < (size or 0):
        raise Rejected("short_body", f"the source sends {len(head)} bytes without a length")


def _refuse_crumbs(body: Body, part: int, position: int) -> None:
    if body.length is not None and part < body.length:
        raise Unavailable(f"{part} of {body.length} bytes came", code="disconnected")
    if body.total is not None and part < MIN_PART and position < body.total:
        raise Unavailable(f"the source gave {part} bytes of a longer image", code="too_slow")
