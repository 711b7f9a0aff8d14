"""What comes over a line to a cloud is believed only where it was asked for, and costs nobody else's time."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from prometheus_client import CollectorRegistry

from gateway.clouds.session import HttpSession
from gateway.config import CloudConfig
from gateway.errors import Unavailable
from gateway.metrics import Metrics
from tests.fire.clouds.injuries import CHUNKED
from tests.integration.broker.certificates import authority

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


@asynccontextmanager
async def lent(**settings: object) -> AsyncIterator[HttpSession]:
    """Lend a session."""
    cloud = CloudConfig.model_validate({"adapter": "any", "requests_per_second": 1000, **settings})
    async with HttpSession("cloud/any", cloud, Metrics(CollectorRegistry())) as session:
        yield session


@asynccontextmanager
async def answering(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve on the loopback."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_what_nobody_asked_for_is_no_answer() -> None:
    """A second answer, late, on a connection that is kept, does not pass for the answer to the next request."""

    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SHORT + b"asked")
        await asyncio.sleep(0.05)
        writer.write(SHORT + b"wrong")
        await reader.read()

    async with lent() as session, answering(twice) as port:
        url = f"http://127.0.0.1:{port}/"
        assert (await session.request("act", "GET", url)).body == b"asked"
        await asyncio.sleep(0.15)

        with pytest.raises(Unavailable) as caught:
            await session.request("act", "GET", url)

        assert caught.value.code == "disconnected"
        assert (await session.request("act", "GET", url)).body == b"asked"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 4000),
        (CHUNKED, b"1\r\n \r\n" * 16_000),
        (CHUNKED + b"2;", b"x" * 65536),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n", b" " * 65536),
    ],
    ids=["announcements", "crumbs", "words", "length"],
)
async def test_a_flood_does_not_stop_the_loop(head: bytes, piece: bytes) -> None:
    """Sixteen at once, as fast as the loopback goes: the loop goes on, and all of them end."""

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()

    lags: list[float] = []
    async with lent(timeout=timedelta(seconds=1)) as session, answering(flood) as port:
        watching = asyncio.create_task(_watch(lags))
        asked = [session.request("act", "GET", f"http://127.0.0.1:{port}/") for _ in range(16)]
        ends = await asyncio.gather(*asked, return_exceptions=True)
        watching.cancel()

    assert {end.code for end in ends if isinstance(end, Unavailable)} <= {"too_large", "timeout"}
    assert not [end for end in ends if not isinstance(end, Unavailable)]
    assert max(lags, default=0.0) < 2.0


async def _watch(lags: list[float]) -> None:
    while True:
        due = time.monotonic() + 0.005
        await asyncio.sleep(0.005)
        lags.append(time.monotonic() - due)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Let `*.lost.test` be looked up for ever, `*.gone.test` in vain, and `*.well.test` be here."""
    over, inner = Event(), socket.getaddrinfo

    def look_up(host: str, *rest: object, **more: object) -> object:
        if host.endswith(".lost.test"):
            over.wait(30)
        if host.endswith((".lost.test", ".gone.test")):
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        known = "127.0.0.1" if host.endswith(".well.test") else host
        return inner(known, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield over
    over.set()


async def _well(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(65536)
    writer.write(SHORT + b"here!")
    await writer.drain()


async def test_a_name_that_hangs_keeps_no_other_cloud_waiting(names: Event) -> None:
    """Twenty names of one cloud that never resolve: another cloud's is looked up as ever."""
    async with (
        lent(timeout=timedelta(seconds=20), concurrency=20) as lost,
        lent() as well,
        answering(_well) as port,
    ):
        hanging = [
            asyncio.create_task(lost.request("act", "GET", f"http://n{number}.lost.test/"))
            for number in range(20)
        ]
        await asyncio.sleep(0.1)

        reply = await well.request("act", "GET", f"http://iot.well.test:{port}/")

        assert reply.body == b"here!"
        assert not any(task.done() for task in hanging)
        names.set()
        ends = await asyncio.gather(*hanging, return_exceptions=True)
    assert {end.code for end in ends if isinstance(end, Unavailable)} == {"dns"}


async def test_a_name_that_cannot_be_looked_up_says_so_and_heals(
    names: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named in words; when the resolver is back, so is the cloud."""
    async with lent() as session, answering(_well) as port:
        url = f"http://iot.gone.test:{port}/"
        with pytest.raises(Unavailable, match="name resolution") as caught:
            await session.request("act", "GET", url)
        assert caught.value.code == "dns"
        inner = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", lambda host, *a, **k: inner("127.0.0.1", *a, **k))

        assert (await session.request("act", "GET", url)).body == b"here!"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """Certificates that nobody should believe."""
    folder = tmp_path_factory.mktemp("clouds")
    trusted, stranger = authority(folder, "trusted"), authority(folder, "stranger")
    return {
        "trusted": (trusted.certificate, trusted.certificate),
        "certificate verify failed": stranger.issue("strange", "/CN=localhost"),
        "Hostname mismatch": trusted.issue("other", "/CN=localhost"),
        "certificate has expired": trusted.issue("old", "/CN=localhost", days=-1),
    }


@pytest.mark.parametrize(
    "words",
    ["certificate verify failed", "Hostname mismatch", "certificate has expired", "wrong version number"],
)
async def test_tls_that_is_not_to_be_trusted_is_named(
    words: str, certificates: dict[str, tuple[Path, Path]], names: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger's, another host's or an old certificate, and no TLS at all: the trouble says which in words."""
    tls = None
    if words in certificates:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*certificates[words])
    trusting = ssl.create_default_context(cafile=certificates["trusted"][0])
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusting)
    host = "iot.well.test" if words == "Hostname mismatch" else "localhost"

    async with lent() as session, answering(_well, tls) as port:
        with pytest.raises(Unavailable) as caught:
            await session.request("act", "GET", f"https://{host}:{port}/?token=secret")

    assert caught.value.code == "tls"
    assert words in caught.value.reason
    assert "secret" not in str(caught.value)
