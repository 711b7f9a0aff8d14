"""Who may ask the gateway over HTTP: people and programs with the token, and no page that a browser happens to show."""

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from gateway import logs
from gateway.config import Address, Secret
from gateway.metrics import Metrics
from gateway.model.identity import Lane
from gateway.ops.http import OpsServer
from gateway.ops.pushes import MAX_BODY, PushedCloud, Pushes
from gateway.ports.cloud import PushAnswer, PushRequest
from tests.fire.identity.door import connect
from tests.integration.firmware.raw import Connection, Reply

TOKEN = "hunter2-hunter2"
EVIL = "http://evil.example"


class Api:
    """The HTTP side with one thing that can be done, and one cloud that pushes."""

    def __init__(self, token: Secret | None) -> None:
        self.done: list[str] = []
        self.pushed: list[PushRequest] = []
        self.registry = CollectorRegistry()
        cloud = PushedCloud(lane=Lane("cloud/c"), adapter=self, devices={})
        pushes = Pushes({"c": cloud}, follow=lambda _lane, _device: False, metrics=Metrics(self.registry))
        self.server = OpsServer(
            listen=Address("127.0.0.1", 0),
            token=token,
            registry=self.registry,
            checks=_nothing,
            status=_status,
            routes=[web.post("/api/v1/do", self._do), *pushes.routes()],
        )

    def name_in_pushes(self, device: Any) -> str | None:
        """Serve `Pushed`."""
        return None

    def hear_push(self, asked: PushRequest) -> PushAnswer:
        """Keep what came."""
        self.pushed.append(asked)
        return PushAnswer(status=200, body="", names=frozenset())

    async def _do(self, request: web.Request) -> web.Response:
        self.done.append(request.remote or "")
        return web.json_response({})

    async def ask(self, path: str, method: str = "GET", body: bytes = b"", /, **headers: str) -> Reply:
        """Ask with exactly these headers; an underscore is a hyphen, and None of `host` stays our own."""
        reader, writer = await asyncio.open_connection(self.server.address.host, self.server.address.port)
        try:
            given = {
                "Host": str(self.server.address),
                "Connection": "close",
                "Content-Length": str(len(body)),
            }
            given |= {name.replace("_", "-"): value for name, value in headers.items()}
            lines = [
                f"{method} {path} HTTP/1.1",
                *(f"{name}: {value}" for name, value in given.items()),
                "",
                "",
            ]
            writer.write("\r\n".join(lines).encode("utf-8", "surrogateescape") + body)
            head, _, rest = (await asyncio.wait_for(reader.read(-1), 10)).partition(b"\r\n\r\n")
            return Reply(head.decode("latin-1"), rest)
        finally:
            writer.close()


async def _nothing() -> Any:
    return []


async def _status() -> dict[str, Any]:
    return {"inside": "information"}


@asynccontextmanager
async def api(token: Secret | None = None) -> AsyncIterator[Api]:
    """Serve it."""
    made = Api(token)
    async with made.server:
        yield made


@pytest.fixture
async def open_() -> AsyncIterator[Api]:
    """On loopback, without a token: the default."""
    async with api() as made:
        yield made


@pytest.fixture
async def locked() -> AsyncIterator[Api]:
    """With a token."""
    async with api(Secret(TOKEN)) as made:
        yield made


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1.evil.example:{port}",
        "localhost.evil.example",
        "",
        "a b",
        "127.0.0.1:80@evil.example",
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/v1/status"), ("GET", "/metrics"), ("POST", "/api/v1/do")]
)
async def test_a_name_that_turns_to_loopback_is_refused(
    open_: Api, method: str, path: str, host: str
) -> None:
    """DNS rebinding: the page's own origin, whose name now leads here; without a token the name is all that tells."""
    name = host.format(port=open_.server.address.port)
    reply = await open_.ask(path, method, Host=name, Origin=f"http://{name}")
    assert reply.status in (400, 403)
    assert b"information" not in reply.body
    assert open_.done == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:{port}",
        "localhost",
        "LOCALHOST:{port}",
        "[::1]:{port}",
        "[::1]",
        "192.0.2.10:9464",
    ],
)
async def test_an_address_is_called_by_its_address(open_: Api, host: str) -> None:
    """Curl, Prometheus and a tunnel say an address or localhost, which no page can be the origin of."""
    reply = await open_.ask("/api/v1/status", Host=host.format(port=open_.server.address.port))
    assert reply.status == 200


async def test_a_proxy_may_keep_its_name_where_there_is_a_token(locked: Api) -> None:
    """The token proves more than the name; a browser of a stranger does not have it."""
    reply = await locked.ask("/api/v1/status", Host="ota.site.example", Authorization=f"Bearer {TOKEN}")
    assert reply.status == 200


async def test_probes_and_pushes_may_come_by_any_name(open_: Api) -> None:
    """Health tells nothing, and a push proves itself; both come through proxies."""
    assert (await open_.ask("/healthz", Host="ota.site.example")).status == 200
    assert (await open_.ask("/push/c", "POST", Host="ota.site.example")).status == 200


@pytest.mark.parametrize(
    "origin",
    [
        EVIL,
        "null",
        "http://localhost",
        "http://127.0.0.1:1",
        "https://127.0.0.1.evil.example",
        "http://[",
        "x",
        "",
    ],
)
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json"]
)
async def test_a_page_from_elsewhere_does_nothing(open_: Api, origin: str, kind: str) -> None:
    """CSRF: the form or fetch of another page, in whatever clothes; browsers name the page with every POST."""
    reply = await open_.ask("/api/v1/do", "POST", Origin=origin, Content_Type=kind)
    assert reply.status == 403
    assert open_.done == []


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/api/v1/status", "/metrics"])
async def test_a_page_from_elsewhere_holds_nothing_open(open_: Api, path: str, site: str) -> None:
    """It could not read what it fetches, and would take places and time; a link from there is followed."""
    for mode in ("no-cors", "cors", "websocket"):
        hidden = await open_.ask(path, Sec_Fetch_Site=site, Sec_Fetch_Mode=mode)
        assert (hidden.status, b"information" in hidden.body) == (403, False)
    assert (await open_.ask(path, Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate")).status == 200
    assert (await open_.ask(path, Sec_Fetch_Site="same-origin", Sec_Fetch_Mode="cors")).status == 200


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "get", "POST"])
async def test_no_method_leads_around(open_: Api, method: str) -> None:
    """No preflight is granted, no other verb reads or does anything for a page from elsewhere."""
    reply = await open_.ask("/api/v1/do", method, Origin=EVIL, Access_Control_Request_Method="POST")
    assert reply.status in (400, 403, 405)
    assert "Access-Control" not in reply.head
    assert open_.done == []


async def test_no_answer_is_meant_for_another_page(open_: Api) -> None:
    """A page may send a GET; it may not read the answer, nor put it into a frame or a script."""
    reply = await open_.ask("/api/v1/status", Origin=EVIL)
    assert "Access-Control" not in reply.head
    assert "application/json" in reply.head


ATTEMPTS = {
    "none": {},
    "empty": {"Authorization": ""},
    "scheme alone": {"Authorization": "Bearer"},
    "scheme and blank": {"Authorization": "Bearer "},
    "wrong": {"Authorization": "Bearer wrong"},
    "beginning": {"Authorization": f"Bearer {TOKEN[:-1]}"},
    "longer": {"Authorization": f"Bearer {TOKEN}x"},
    "twice": {"Authorization": f"Bearer {TOKEN} {TOKEN}"},
    "other case": {"Authorization": f"Bearer {TOKEN.upper()}"},
    "basic": {"Authorization": f"Basic {TOKEN}"},
    "bare": {"Authorization": TOKEN},
    "cookie": {"Cookie": f"token={TOKEN}"},
    "proxy": {"Proxy-Authorization": f"Bearer {TOKEN}"},
    "no UTF-8": {"Authorization": "Bearer \udcff\udcfe"},
}


@pytest.mark.parametrize("headers", ATTEMPTS.values(), ids=ATTEMPTS)
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/status",
        "/metrics",
        "/api/v1/do",
        "/healthz/../metrics",
        "//metrics",
        "/healthz%2f..%2fmetrics",
        "/metrics?x=/healthz",
        "/push/c/../../metrics",
    ],
)
async def test_without_the_token_nothing(locked: Api, headers: Mapping[str, str], path: str) -> None:
    """Neither read nor done, however the path is written and whatever is said instead of the token."""
    for method in ("GET", "POST", "HEAD"):
        reply = await locked.ask(
            path, method, **{name.replace("-", "_"): value for name, value in headers.items()}
        )
        assert reply.status in (400, 401, 404)
        assert b"information" not in reply.body
        assert b"ota_gateway" not in reply.body
    assert locked.done == []


async def test_the_token_is_in_no_url(locked: Api) -> None:
    """A token in a query would stand in the logs of every proxy: it opens nothing."""
    reply = await locked.ask(f"/api/v1/status?token={TOKEN}&access_token={TOKEN}")
    assert reply.status == 401


async def test_with_the_token_it_is_done(locked: Api) -> None:
    """The refusals above are meant."""
    reply = await locked.ask("/api/v1/do", "POST", Authorization=f"Bearer {TOKEN}")
    assert (reply.status, len(locked.done)) == (200, 1)


SMUGGLED = {
    "a length beside chunks": "Content-Length: 4\r\nTransfer-Encoding: chunked",
    "two lengths": "Content-Length: 5\r\nContent-Length: 0",
    "a length with a sign": "Content-Length: +5",
    "a folded header": "X-A: 1\r\n Transfer-Encoding: chunked",
    "a blank before the colon": "Transfer-Encoding : chunked",
    "a bare line feed": "X-A: 1\nTransfer-Encoding: chunked\nX-B: \x00",
}


@pytest.mark.parametrize("headers", SMUGGLED.values(), ids=SMUGGLED)
async def test_requests_cannot_be_smuggled(open_: Api, headers: str) -> None:
    """What two servers could read in two ways is refused, and nothing behind it is read as a request."""
    connection = await Connection.to(open_.server.address)
    connection.writer.write(
        f"POST /push/c HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n\r\n"
        "0\r\n\r\nPOST /api/v1/do HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    )
    answer = await asyncio.wait_for(connection.reader.read(65_536), 5)
    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert open_.done == []
    await connection.close()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "none of these"])
@pytest.mark.parametrize("body", [gzip.compress(bytes(32 * 2**20), 9), b"garbage"], ids=["bomb", "garbage"])
async def test_what_is_packed_stays_packed(open_: Api, encoding: str, body: bytes) -> None:
    """32 MiB in 32 KiB, or nothing that could be unpacked: the cloud's adapter sees the bytes as they came."""
    assert len(body) < MAX_BODY
    reply = await open_.ask("/push/c", "POST", body, Content_Encoding=encoding)
    assert reply.status == 200
    assert [len(pushed.body) for pushed in open_.pushed] == [len(body)]


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """Leave the process's logging as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


NO_HTTP = {
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
    "MQTT": connect("P/d", "secret-of-d") + b"\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nAuthorization Bearer secret-of-d\r\n\r\n",
    "an endless line": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    "a length that is none": b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    "a host that is none": b"POST /api/v1/do HTTP/1.1\r\nHost: [\r\nOrigin: http://[\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("said", NO_HTTP.values(), ids=NO_HTTP)
async def test_who_speaks_no_http_leaves_no_trace(
    open_: Api, said: bytes, logging_restored: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stranger's garbage is answered and forgotten: nobody can fill the log with it, or have it echo there."""
    logs.configure("info", json=True)
    for _ in range(3):
        connection = await Connection.to(open_.server.address)
        connection.writer.write(said)
        connection.writer.write_eof()
        await asyncio.wait_for(connection.reader.read(-1), 5)
        await connection.close()
    assert capsys.readouterr().out == ""
