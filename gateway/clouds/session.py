"""The HTTP client that the gateway lends to an adapter: rated, bounded, timed and counted.

Law: whatever keeps an answer from coming is Unavailable, under a code word of a small fixed set.
"""

import asyncio
import time
import zlib
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from functools import cache, lru_cache, partial
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiolimiter import AsyncLimiter

from gateway.clouds.line import Connector, OverrunError
from gateway.config import CloudConfig
from gateway.core import trail
from gateway.metrics import Metrics
from gateway.ports.cloud import Reply, Unavailable

MAX_BODY = 1024 * 1024  # bytes
_PACKED = ("gzip", "deflate")
MAX_RETRY_AFTER = 3600.0  # seconds
BURST = 0.1  # seconds of the allowed rate that may go at once

#: The first match names the trouble.
_TROUBLES: tuple[tuple[type[BaseException], str], ...] = (
    (OverrunError, "too_large"),
    (aiohttp.ClientConnectorDNSError, "dns"),
    (aiohttp.ClientSSLError, "tls"),
    (aiohttp.ClientConnectorError, "connect"),
    (TimeoutError, "timeout"),
    (aiohttp.ClientConnectionError, "disconnected"),
    (aiohttp.ClientPayloadError, "disconnected"),
    (aiohttp.ClientError, "protocol"),
)


class HttpSession:
    """One cloud's `CloudSession`."""

    def __init__(
        self, lane: str, cloud: CloudConfig, metrics: Metrics, *, now: Callable[[], float] = time.time
    ) -> None:
        self._cloud = cloud
        # One series for each action and outcome: finding it anew for each request costs more than counting.
        self._requests = cache(partial(metrics.requests.labels, lane))
        self._duration = cache(partial(metrics.request_duration.labels, lane))
        self._skew = metrics.cloud_clock_skew.labels(lane)
        self._now = now
        bucket = max(1.0, cloud.requests_per_second * BURST)
        self._rate = AsyncLimiter(bucket, bucket / cloud.requests_per_second)
        self._slots = asyncio.Semaphore(cloud.concurrency)
        self._client: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Make it ready for requests."""
        self._client = aiohttp.ClientSession(
            connector=Connector(),  # the slots are the limit
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._cloud.timeout.total_seconds()),
            headers={"Accept-Encoding": ", ".join(_PACKED)},
            auto_decompress=False,  # aiohttp unpacks what has come before anybody can look how much it is
        )

    async def close(self) -> None:
        """Let go of all connections; whoever still asks hears that the cloud is out of reach."""
        if self._client is not None:
            await self._client.close()

    async def __aenter__(self) -> Self:
        self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def request(
        self,
        action: str,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> Reply:
        """Send one request when the rate allows; see `CloudSession`. Redirects are answers like any other."""
        async with self._slots:
            await self._rate.acquire()
            begun = time.monotonic()
            outcome = "canceled"
            try:
                reply = await self._exchange(method, url, params=params, headers=headers, json=json)
                self._refuse_trouble(reply)
                outcome = "ok"
            except Unavailable as trouble:
                outcome = trouble.code
                raise
            finally:
                took = time.monotonic() - begun
                self._requests(action, outcome).inc()
                self._duration(action).observe(took)
                trail.asked(action, outcome, took)
        return reply

    async def _exchange(self, method: str, url: str, **parts: Any) -> Reply:
        if self._client is None:
            raise RuntimeError("the session is used before it is entered")
        if self._client.closed:
            raise Unavailable("the session has ended", code="disconnected")
        try:
            async with self._client.request(method, url, allow_redirects=False, **parts) as response:
                sent_at = _date(response.headers.get("Date", ""))
                if sent_at is not None:
                    self._skew.set(sent_at - self._now())
                body = _unpacked(await _read(response), response.headers.get("Content-Encoding", ""))
                return Reply(response.status, body, response.headers, sent_at)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unavailable(error) from error

    def _refuse_trouble(self, reply: Reply) -> None:
        if reply.status in (408, 429) or reply.status >= 500:
            code = f"http_{reply.status}" if reply.status < 500 else "http_5xx"
            now = self._now() if reply.sent_at is None else reply.sent_at
            wish = retry_after(reply.headers.get("Retry-After", ""), now)
            raise Unavailable(f"HTTP {reply.status}", code=code, retry_after=wish)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    while chunk := await response.content.readany():
        body += chunk
        if len(body) > MAX_BODY:
            response.close()
            raise _too_large()
    return bytes(body)


def _unpacked(body: bytes, packed: str) -> bytes:
    """Return the body without its packing; of one that grows beyond all bounds no more than these are unpacked."""
    how = packed.strip().lower()
    if how in ("", "identity") or not body:
        return body
    if how not in _PACKED:
        raise Unavailable("the answer is packed in a way that was not asked for", code="disconnected")
    # RFC 9110 §8.4.1.2: deflate is in the form of zlib; some send it bare.
    form = zlib.MAX_WBITS | 16 if how == "gzip" else zlib.MAX_WBITS if body[0] & 0xF == 8 else -zlib.MAX_WBITS
    unpacking = zlib.decompressobj(form)
    try:
        plain = unpacking.decompress(body, MAX_BODY + 1)
    except zlib.error as error:
        raise Unavailable("the answer cannot be unpacked", code="disconnected") from error
    if len(plain) > MAX_BODY:
        raise _too_large()
    if not unpacking.eof:
        raise Unavailable("the answer ends before its time", code="disconnected")
    return plain


def _too_large() -> Unavailable:
    return Unavailable(f"the answer exceeds {MAX_BODY} bytes", code="too_large")


def _unavailable(error: aiohttp.ClientError | TimeoutError) -> Unavailable:
    code = next(code for kind, code in _TROUBLES if isinstance(error, kind))
    # Not the text: it may hold the URL, and a URL a token.
    why = getattr(error, "strerror", None) or type(error).__name__
    return Unavailable(f"{code}: {why}", code=code)


def retry_after(value: str, now: float) -> float | None:
    """Read Retry-After (RFC 9110 §10.2.3: seconds or an HTTP date) as seconds from now, an hour at most.

    `now` is by the clock of who wrote it, where that is known: a box in 1970 would wait for fifty years.
    """
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), MAX_RETRY_AFTER)
    at = _date(value)
    return None if at is None else min(max(at - now, 0.0), MAX_RETRY_AFTER)


@lru_cache(maxsize=16)  # a header changes once a second
def _date(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
