"""The HTTP side over a real socket."""

import asyncio
import json
import shutil
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from gateway.config import Address, Secret
from gateway.metrics import Metrics, initialise
from gateway.ops.http import OpsServer
from gateway.ops.problems import refused_by_http
from gateway.ops.readiness import Check, lane_checks

REPORT = {"name": "site-01", "lanes": {"cloud/tencent": {"state": "closed"}}}
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


class Box:
    """What the server asks of the rest of the gateway; a test sets the store's health."""

    def __init__(self) -> None:
        self.store_works = True
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)

    async def checks(self) -> list[Check]:
        """Answer as the composition root does."""
        return [
            Check(name="store", is_ok=self.store_works, detail="" if self.store_works else "disk full"),
            Check(name="listeners", is_ok=True),
            *lane_checks({"cloud/tencent": "closed", "cloud/onenet": "open"}),
        ]

    async def status(self) -> dict[str, Any]:
        """Answer as the composition root does."""
        return REPORT

    def server(self, token: Secret | None = None) -> OpsServer:
        """Return a server on a free port."""
        return OpsServer(
            listen=Address("127.0.0.1", 0),
            token=token,
            registry=self.registry,
            checks=self.checks,
            status=self.status,
        )


@pytest.mark.parametrize(
    "accept", ["text/plain; version=abc", "application/openmetrics-text; version=x;q=x,,;escaping=z"]
)
async def test_metrics_are_told_whatever_is_accepted(box: "Box", accept: str) -> None:
    """A version that is none asks for the usual form."""
    async with box.server() as server, aiohttp.ClientSession() as session:
        reply = await session.get(f"http://{server.address}/metrics", headers={"Accept": accept})
        assert (reply.status, reply.content_type) == (200, "text/plain")


@pytest.fixture
def box() -> Box:
    """Return a healthy box."""
    return Box()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """Return a client without credentials."""
    async with aiohttp.ClientSession() as session:
        yield session


async def test_health_is_ok_while_the_loop_runs(box: Box, http: aiohttp.ClientSession) -> None:
    """Liveness depends on nothing but the event loop."""
    box.store_works = False
    async with box.server() as server, http.get(f"http://{server.address}/healthz") as reply:
        assert (reply.status, await reply.text()) == (200, "ok")


async def test_a_dead_cloud_leaves_the_box_ready(box: Box, http: aiohttp.ClientSession) -> None:
    """Every check is named; a lane informs, and only store and listeners decide."""
    async with box.server() as server, http.get(f"http://{server.address}/readyz") as reply:
        assert reply.status == 200
        assert await reply.json() == {
            "ready": True,
            "checks": {
                "store": {"ok": True, "detail": ""},
                "listeners": {"ok": True, "detail": ""},
                "cloud/tencent": {"ok": True, "detail": "closed"},
                "cloud/onenet": {"ok": False, "detail": "open"},
            },
        }


async def test_a_box_that_cannot_take_reports_is_not_ready(box: Box, http: aiohttp.ClientSession) -> None:
    """Without its store the box answers 503 and says why."""
    box.store_works = False
    async with box.server() as server, http.get(f"http://{server.address}/readyz") as reply:
        body = await reply.json()
    assert reply.status == 503
    assert body["ready"] is False
    assert body["checks"]["store"] == {"ok": False, "detail": "disk full"}


async def test_metrics_come_from_the_given_registry(box: Box, http: aiohttp.ClientSession) -> None:
    """The Prometheus text has the gateway's series, and nothing of the process-wide registry."""
    box.metrics.clients.set(7)
    async with box.server() as server, http.get(f"http://{server.address}/metrics") as reply:
        text = await reply.text()
    assert reply.headers["Content-Type"].startswith("text/plain; version=")
    assert "\nota_gateway_mqtt_clients 7.0\n" in text
    assert "python_info" not in text


async def test_metrics_are_openmetrics_when_asked(box: Box, http: aiohttp.ClientSession) -> None:
    """A scraper that prefers OpenMetrics gets it, with its end mark."""
    async with (
        box.server() as server,
        http.get(f"http://{server.address}/metrics", headers=OPENMETRICS) as reply,
    ):
        assert reply.headers["Content-Type"].startswith("application/openmetrics-text")
        assert (await reply.text()).endswith("# EOF\n")


async def test_promtool_finds_nothing_to_say_about_the_metrics(box: Box, http: aiohttp.ClientSession) -> None:
    """Names, units and help of every series follow Prometheus' conventions."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed; it comes with Prometheus")
    initialise(box.metrics.outbox_messages, ["cloud/tencent"])
    box.metrics.build.info({"version": "1"})
    async with box.server() as server, http.get(f"http://{server.address}/metrics") as reply:
        text = await reply.read()
    checked = await asyncio.create_subprocess_exec(
        promtool, "check", "metrics", stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await checked.communicate(text)
    assert (checked.returncode, said) == (0, b"")


async def test_status_is_what_the_gateway_reports(box: Box, http: aiohttp.ClientSession) -> None:
    """The report goes out as JSON, never from a cache."""
    async with box.server() as server, http.get(f"http://{server.address}/api/v1/status") as reply:
        assert await reply.json() == REPORT
        assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/status", "/not/there"])
@pytest.mark.parametrize(
    "header", [None, "Bearer wrong", "Bearer ", "Basic hunter2", "hunter2", "Bearer hünter2"]
)
async def test_without_the_token_nothing_is_told(
    box: Box, http: aiohttp.ClientSession, path: str, header: str | None
) -> None:
    """Every path but health answers 401 with a problem document, even one that is not there."""
    headers = {"Authorization": header} if header else {}
    async with (
        box.server(Secret("hunter2")) as server,
        http.get(f"http://{server.address}{path}", headers=headers) as reply,
    ):
        assert reply.status == 401
        assert reply.headers["WWW-Authenticate"] == "Bearer"
        assert await reply.json(content_type="application/problem+json") == {
            "type": "about:blank",
            "title": "Unauthorized",
            "status": 401,
            "code": "token_needed",
            "detail": "send the token of the configuration's http.token as: Authorization: Bearer TOKEN",
        }


async def test_a_guess_takes_a_quarter_of_a_second(box: Box, http: aiohttp.ClientSession) -> None:
    """On each connection, so that guesses neither come fast nor cost the devices much."""
    loop = asyncio.get_running_loop()
    headers = {"Authorization": "Bearer wrong"}
    async with box.server(Secret("hunter2")) as server:
        start = loop.time()
        for _ in range(3):
            async with http.get(f"http://{server.address}/api/v1/status", headers=headers) as reply:
                assert reply.status == 401
        assert loop.time() - start > 0.7


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_needs_no_token(box: Box, http: aiohttp.ClientSession, path: str) -> None:
    """Probes have no secrets."""
    async with box.server(Secret("hunter2")) as server, http.get(f"http://{server.address}{path}") as reply:
        assert reply.status == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_the_token_opens(box: Box, http: aiohttp.ClientSession, scheme: str) -> None:
    """The scheme's case does not matter (RFC 9110 §11.1)."""
    async with box.server(Secret("hunter2")) as server:
        headers = {"Authorization": f"{scheme} hunter2"}
        async with http.get(f"http://{server.address}/api/v1/status", headers=headers) as reply:
            assert reply.status == 200


async def test_a_renewed_token_counts_at_once(box: Box, http: aiohttp.ClientSession, tmp_path: Path) -> None:
    """The token's file is read again when it changes."""
    path = tmp_path / "token"
    path.write_text("old\n")
    async with box.server(Secret(str(path), "file")) as server:
        url = f"http://{server.address}/api/v1/status"
        async with http.get(url, headers={"Authorization": "Bearer old"}) as reply:
            assert reply.status == 200
        path.write_text("renewed\n")
        async with http.get(url, headers={"Authorization": "Bearer old"}) as reply:
            assert reply.status == 401


async def test_a_token_that_got_lost_opens_nothing(
    box: Box, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Without its token file the server refuses, and says what to repair."""
    async with (
        box.server(Secret(str(tmp_path / "gone"), "file")) as server,
        http.get(f"http://{server.address}/metrics") as reply,
    ):
        assert reply.status == 503
        body = await reply.json(content_type="application/problem+json")
    assert body["detail"].startswith("http.token: the file ")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("POST", "/metrics", 405)])
async def test_a_wrong_request_is_a_problem_document(
    box: Box, http: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    """Unknown paths and methods answer in the same form as every other refusal."""
    async with box.server() as server, http.request(method, f"http://{server.address}{path}") as reply:
        body = await reply.json(content_type="application/problem+json")
    assert (reply.status, body["status"], body["detail"]) == (status, status, f"{method} {path}")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (web.HTTPRequestTimeout(), "too_slow"),
        (web.HTTPRequestEntityTooLarge(64), "too_large"),
        (web.HTTPTooManyRequests(), "too_many"),
        (web.HTTPServiceUnavailable(), "unavailable"),
        (web.HTTPExpectationFailed(), "http_417"),
    ],
)
def test_what_is_refused_as_an_http_error_has_a_code(error: web.HTTPException, code: str) -> None:
    """Also one that nobody thought of."""
    body = json.loads(refused_by_http(error, "POST /push/c").text or "")
    assert (body["status"], body["code"], body["detail"]) == (error.status, code, "POST /push/c")


async def test_a_taken_address_is_an_error(box: Box) -> None:
    """A second server on one port does not start, and leaves nothing behind."""
    async with box.server() as first:
        second = OpsServer(
            listen=first.address, token=None, registry=box.registry, checks=box.checks, status=box.status
        )
        with pytest.raises(OSError, match="address already in use"):
            await second.__aenter__()
