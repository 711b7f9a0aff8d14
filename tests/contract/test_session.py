"""The session that the gateway lends: every trouble has its word, and no answer is endless."""

import asyncio
import gzip
import socket
import ssl
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from gateway.clouds import session as session_module
from gateway.clouds.session import HttpSession, retry_after
from gateway.config import CloudConfig
from gateway.errors import Unavailable
from gateway.metrics import Metrics
from tests.contract.servers import Server
from tests.simulators import serve

LANE = "cloud/any"


@asynccontextmanager
async def lent(registry: CollectorRegistry, **settings: Any) -> AsyncIterator[HttpSession]:
    """Lend a session."""
    cloud = CloudConfig(adapter="any", **({"requests_per_second": 10_000} | settings))
    async with HttpSession(LANE, cloud, Metrics(registry), now=lambda: 1_893_456_000.0) as session:
        yield session


@pytest.fixture
def registry() -> CollectorRegistry:
    """A registry of the test's own."""
    return CollectorRegistry()


def counted(registry: CollectorRegistry, outcome: str) -> float | None:
    """Return how many requests had this outcome."""
    labels = {"lane": LANE, "action": "act", "outcome": outcome}
    return registry.get_sample_value("ota_gateway_cloud_requests_total", labels)


async def test_answer_comes_whole(registry: CollectorRegistry) -> None:
    """Query, headers and JSON go out; status, headers and body come back, decompressed, counted and timed."""

    async def echo(request: web.Request) -> web.Response:
        text = f"{request.method} {request.path_qs} {request.headers['X-Test']} {await request.json()}"
        return web.Response(
            status=404, body=gzip.compress(text.encode()), headers={"Content-Encoding": "gzip"}
        )

    async with lent(registry) as session, serve(Server(echo)) as url:
        reply = await session.request(
            "act", "POST", f"{url}/path", params={"a": "b"}, headers={"X-Test": "1"}, json={"c": 2}
        )

    assert (reply.status, reply.body) == (404, b"POST /path?a=b 1 {'c': 2}")
    assert reply.headers["content-encoding"] == "gzip"
    assert counted(registry, "ok") == 1
    labels = {"lane": LANE, "action": "act"}
    assert registry.get_sample_value("ota_gateway_cloud_request_duration_seconds_count", labels) == 1


async def test_redirect_is_not_followed(registry: CollectorRegistry) -> None:
    """Credentials never follow a Location."""

    async def elsewhere(_request: web.Request) -> web.Response:
        raise web.HTTPFound("http://192.0.2.1/")

    async with lent(registry) as session, serve(Server(elsewhere)) as url:
        assert (await session.request("act", "GET", url)).status == 302


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "http_5xx"), (502, "http_5xx"), (503, "http_5xx"), (408, "http_408"), (429, "http_429")],
)
async def test_status_that_passes_is_unavailable(registry: CollectorRegistry, status: int, code: str) -> None:
    """These statuses are no answer to the question."""

    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Retry-After": "5"})

    async with lent(registry) as session, serve(Server(refuse)) as url:
        with pytest.raises(Unavailable) as caught:
            await session.request("act", "GET", url)

    assert (caught.value.code, caught.value.retry_after) == (code, 5)
    assert counted(registry, code) == 1


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b"{}")),
        ("GZIP", gzip.compress(b"{}")),
        ("deflate", zlib.compress(b"{}")),
        ("deflate", zlib.compress(b"{}")[2:-4]),
        ("identity", b"{}"),
    ],
    ids=["gzip", "in capitals", "deflate", "bare deflate", "not at all"],
)
async def test_body_is_unpacked(registry: CollectorRegistry, encoding: str, body: bytes) -> None:
    """In the ways that were asked for."""

    async def pack(_request: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Encoding": encoding})

    async with lent(registry) as session, serve(Server(pack)) as url:
        assert (await session.request("act", "GET", url)).body == b"{}"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", gzip.compress(b"{}")[:-9]), ("gzip", b"{}"), ("deflate", b"\xff"), ("br", b"{}")],
    ids=["cut", "not packed", "nonsense", "not asked for"],
)
async def test_body_that_cannot_be_unpacked_is_unavailable(
    registry: CollectorRegistry, encoding: str, body: bytes
) -> None:
    """It is no answer, and passes."""

    async def pack(_request: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Encoding": encoding})

    async with lent(registry) as session, serve(Server(pack)) as url:
        with pytest.raises(Unavailable) as caught:
            await session.request("act", "GET", url)
    assert caught.value.code == "disconnected"


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_body_is_bounded(registry: CollectorRegistry, encoding: str) -> None:
    """Reading stops at 1 MiB, of what a small compressed body becomes, too."""
    body = b" " * 32 * 1024 * 1024

    async def flood(_request: web.Request) -> web.Response:
        packed = gzip.compress(body, 1) if encoding == "gzip" else body
        return web.Response(body=packed, headers={"Content-Encoding": encoding})

    async with lent(registry) as session, serve(Server(flood)) as url:
        with pytest.raises(Unavailable) as caught:
            await session.request("act", "GET", url)

    assert caught.value.code == "too_large"


async def test_silence_times_out(registry: CollectorRegistry) -> None:
    """A cloud that does not answer in time is unavailable."""

    async def hang(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with lent(registry, timeout=timedelta(milliseconds=50)) as session, serve(Server(hang)) as url:
        with pytest.raises(Unavailable) as caught:
            await session.request("act", "GET", url)

    assert caught.value.code == "timeout"


async def test_closed_port_cannot_be_connected(registry: CollectorRegistry) -> None:
    """Nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        async with lent(registry) as session:
            with pytest.raises(Unavailable) as caught:
                await session.request(
                    "act", "GET", f"http://127.0.0.1:{bound.getsockname()[1]}/?token=secret"
                )

    assert caught.value.code == "connect"
    assert "secret" not in str(caught.value)


async def test_plain_server_fails_tls(registry: CollectorRegistry) -> None:
    """Whoever speaks no TLS is not spoken to."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response()

    async with lent(registry) as session, serve(Server(answer)) as url:
        with pytest.raises(Unavailable) as caught:
            await session.request("act", "GET", url.replace("http://", "https://"))

    assert caught.value.code == "tls"


_KEY: Any = SimpleNamespace(host="iot.example", port=443, ssl=True)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (aiohttp.ClientConnectorDNSError(_KEY, OSError(-2, "Name or service not known")), "dns"),
        (aiohttp.ClientConnectorCertificateError(_KEY, ssl.CertificateError("self-signed")), "tls"),
        (aiohttp.ClientConnectorError(_KEY, OSError(111, "Connection refused")), "connect"),
        (aiohttp.ServerTimeoutError(), "timeout"),
        (TimeoutError(), "timeout"),
        (aiohttp.ServerDisconnectedError(), "disconnected"),
        (aiohttp.ClientOSError(104, "Connection reset by peer"), "disconnected"),
        (aiohttp.ClientPayloadError(), "disconnected"),
        (aiohttp.InvalidURL("nonsense"), "protocol"),
    ],
)
async def test_each_trouble_has_its_word(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str
) -> None:
    """The words are a small fixed set, fit for a metric's label."""

    async def fail(_response: Any) -> bytes:
        raise error

    async def answer(_request: web.Request) -> web.Response:
        return web.Response()

    monkeypatch.setattr(session_module, "_read", fail)
    async with lent(registry) as session, serve(Server(answer)) as url:
        with pytest.raises(Unavailable) as caught:
            await session.request("act", "GET", url)

    assert caught.value.code == code
    assert counted(registry, code) == 1


async def test_request_that_is_called_off_is_counted(registry: CollectorRegistry) -> None:
    """A shutdown in the middle of a request is neither a success nor the cloud's trouble."""
    arrived = asyncio.Event()

    async def hang(_request: web.Request) -> web.Response:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with lent(registry) as session, serve(Server(hang)) as url:
        request = asyncio.create_task(session.request("act", "GET", url))
        await arrived.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request

    assert counted(registry, "canceled") == 1


async def test_rate_is_kept_from_the_first_second(registry: CollectorRegistry) -> None:
    """Beyond a tenth of a second's worth, requests are spread evenly."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response()

    async with lent(registry, requests_per_second=50) as session, serve(Server(answer)) as url:
        begun = time.monotonic()
        await asyncio.gather(*(session.request("act", "GET", url) for _ in range(10)))

    assert time.monotonic() - begun >= 0.09


async def test_concurrency_is_bounded(registry: CollectorRegistry) -> None:
    """No more requests are under way than the configuration allows; waiting is not timed."""
    under_way, peak = 0, 0
    full = asyncio.Event()

    async def count(_request: web.Request) -> web.Response:
        nonlocal under_way, peak
        under_way += 1
        peak = max(peak, under_way)
        if under_way == 2:
            full.set()
        await full.wait()
        under_way -= 1
        return web.Response()

    async with lent(registry, concurrency=2) as session, serve(Server(count)) as url:
        await asyncio.gather(*(session.request("act", "GET", url) for _ in range(6)))

    assert peak == 2


async def test_session_is_used_only_while_open(registry: CollectorRegistry) -> None:
    """A session that was never entered is a mistake of ours, not a cloud's."""
    session = HttpSession(LANE, CloudConfig(adapter="any"), Metrics(registry))

    with pytest.raises(RuntimeError, match="entered"):
        await session.request("act", "GET", "http://192.0.2.1/")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", None),
        ("soon", None),
        ("-5", None),
        ("0", 0),
        ("7", 7),
        ("3600", 3600),
        ("999999999999999999999", 3600),
        ("Tue, 01 Jan 2030 00:00:30 GMT", 30),
        ("Mon, 31 Dec 2029 00:00:00 GMT", 0),
        ("Sat, 01 Jan 2050 00:00:00 GMT", 3600),
    ],
)
def test_retry_after_is_read(value: str, seconds: float | None) -> None:
    """RFC 9110 §10.2.3: seconds or an HTTP date; an hour at most, and nothing from nonsense."""
    assert retry_after(value, 1_893_456_000.0) == seconds
