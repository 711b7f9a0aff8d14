"""`status` asks a running gateway; here are its answers, good and bad."""

from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from gateway.config import Address, HttpConfig, Secret
from gateway.ops.client import Client, NotReachableError, RefusedError

Handler = Callable[[web.Request], Awaitable[web.Response]]


async def _ok(_: web.Request) -> web.Response:
    return web.Response(text="ok")


async def _status(request: web.Request) -> web.Response:
    return web.json_response({"authorization": request.headers.get("Authorization")})


async def _failing(_: web.Request) -> web.Response:
    return web.Response(status=500)


async def _refusing(_: web.Request) -> web.Response:
    return web.Response(status=401)


async def _another_server(_: web.Request) -> web.Response:
    return web.Response(text="<html>")


def _server(handler: Handler) -> BaseTestServer:
    application = web.Application()
    application.router.add_get("/api/v1/status", handler)
    application.router.add_get("/healthz", _ok)
    return TestServer(application)


def _client(server: BaseTestServer, token: Secret | None = None) -> Client:
    return Client(HttpConfig(listen=Address("127.0.0.1", server.port or 0), token=token))


async def test_the_token_is_sent_along() -> None:
    """A configured token goes with the question."""
    async with _server(_status) as server:
        assert await _client(server, Secret("hunter2")).status() == {"authorization": "Bearer hunter2"}


@pytest.mark.parametrize(
    ("handler", "sentence"),
    [
        (
            _refusing,
            "refuses http.token; it runs with another one: correct the token, or restart the gateway",
        ),
        (_failing, "answers HTTP 500; its log says why"),
        (_another_server, "answers, but not as a gateway does; see what listens there"),
    ],
)
async def test_an_answer_that_is_none_says_why(handler: Handler, sentence: str) -> None:
    """Each wrong answer has its sentence."""
    async with _server(handler) as server:
        with pytest.raises(RefusedError, match=sentence):
            await _client(server).status()


async def test_nobody_answers(unused_tcp_port: int) -> None:
    """A gateway that does not run is told from one that refuses."""
    client = Client(HttpConfig(listen=Address("127.0.0.1", unused_tcp_port)))
    with pytest.raises(NotReachableError) as caught:
        await client.status()
    assert str(caught.value) == (
        f"no gateway answers at http://127.0.0.1:{unused_tcp_port} (Connection refused); "
        "start it with: ota-gateway run"
    )


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        (Address("0.0.0.0", 9464), "http://127.0.0.1:9464"),
        (Address("::", 9464), "http://[::1]:9464"),
        (Address("192.0.2.1", 80), "http://192.0.2.1:80"),
    ],
)
def test_a_gateway_that_listens_everywhere_is_asked_on_loopback(listen: Address, url: str) -> None:
    """Nobody can connect to "everywhere"."""
    assert Client(HttpConfig(listen=listen, token=Secret("x"))).url == url
