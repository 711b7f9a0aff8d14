"""The address for pushes over a real socket, with OneNET's simulated pusher and its adapter."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from adapters.journal import factory as journal
from adapters.onenet import factory as onenet
from gateway import wiring
from gateway.config import Address, Secret, load
from gateway.metrics import Metrics
from gateway.model.identity import DeviceId, Lane
from gateway.ops.http import OpsServer
from gateway.ops.pushes import MAX_BODY, PUSHES_PER_SECOND, Pushes
from gateway.ports.cloud import Site
from tests.simulators.onenet import KEY, RESOURCE, Pusher, push

ONENET, JOURNAL = Lane("cloud/onenet"), Lane("cloud/journal")
D1, D2 = DeviceId("PLAIN", "d1"), DeviceId("PLAIN", "d2")
TOKEN, UID = "push-token-001", 42
CONFIG = """\
[gateway]
name = "box"
data_dir = "{directory}"
[firmware]
public_url = "http://192.0.2.10:8070"
[clouds.onenet]
adapter = "onenet"
resource = "products/100001"
access_key = "AAEC"
[clouds.journal]
adapter = "journal"
[products.PLAIN]
dialect = "plain"
authentication = "password"
clouds = ["onenet", "journal"]
tasks = "poll"
[products.PLAIN.devices]
d1 = {{ secret = "s", onenet = {{ dev_id = "1001" }} }}
d2 = {{ secret = "s", onenet = {{ dev_id = "1002" }} }}
d3 = {{ secret = "s" }}
[products.TOLD]
dialect = "plain"
authentication = "password"
clouds = ["onenet"]
devices.d9 = {{ secret = "s", onenet = {{ dev_id = "1009" }} }}
"""


class Box:
    """A gateway of pushes alone: notes who would be asked about."""

    def __init__(self, directory: Path, token: Any = TOKEN) -> None:
        path = directory / "gateway.toml"
        path.write_text(CONFIG.format(directory=directory))
        settings = onenet.Settings.model_validate(
            {"resource": RESOURCE, "access_key": KEY, "push": {"token": token, "uid": UID}}
        )
        site = Site(
            session=None,  # type: ignore[arg-type]  # nobody is asked
            now=lambda: 0.0,
            credential_expires=lambda name, at: None,
            data_dir=directory,
        )
        adapters = {
            ONENET: onenet(settings, site),
            JOURNAL: journal(journal.Settings.model_validate({}), site),
        }
        self.followed: list[tuple[Lane, DeviceId]] = []
        self.away: set[DeviceId] = set()
        self.registry = CollectorRegistry()
        self.pushes = Pushes(
            wiring.pushed_clouds(load(path, {}), adapters),
            follow=self._follow,
            metrics=Metrics(self.registry),
        )

    def _follow(self, lane: Lane, device: DeviceId) -> bool:
        self.followed.append((lane, device))
        return device not in self.away

    def server(self) -> OpsServer:
        """Return a server that asks for a token on everything else."""

        async def nothing() -> Any:
            return []

        return OpsServer(
            listen=Address("127.0.0.1", 0),
            token=Secret("hunter2"),
            registry=self.registry,
            checks=nothing,
            status=nothing,
            routes=self.pushes.routes(),
        )

    def counted(self, outcome: str) -> float | None:
        """Read the counter."""
        labels = {"lane": ONENET, "outcome": outcome}
        return self.registry.get_sample_value("ota_gateway_pushes_total", labels)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A box with one cloud that pushes, and one that does not."""
    return Box(tmp_path)


@pytest.fixture
async def base(box: Box) -> AsyncIterator[str]:
    """Where it listens."""
    async with box.server() as server:
        yield f"http://{server.address}"


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client without credentials."""
    async with aiohttp.ClientSession() as session:
        yield session


def pusher(**traits: Any) -> Pusher:
    """Return a platform that pushes."""
    return Pusher(clock=lambda: 0.0, token=TOKEN, uid=UID, **traits)


async def test_address_is_verified_without_a_bearer(base: str, box: Box) -> None:
    """The console's GET comes from outside and knows the push token alone."""
    assert await pusher().verify(f"{base}/push/onenet")
    assert box.followed == []
    assert box.counted("no_news") == 1


@pytest.mark.parametrize("variant", ["A", "B"])
async def test_push_leads_to_its_devices(base: str, box: Box, variant: Any) -> None:
    """Those whose clouds are polled for them; a number that nobody has is no trouble."""
    pushed = await pusher(variant=variant).push(
        f"{base}/push/onenet", dids=[1001, 1002, 1009, 7], version="2.0"
    )
    assert pushed.status == 200
    assert sorted(box.followed) == [(ONENET, D1), (ONENET, D2)]
    assert box.counted("followed") == 1


async def test_push_for_devices_that_are_away_is_no_news(base: str, box: Box) -> None:
    """They are asked about when they come."""
    box.away = {D1}
    await pusher().push(f"{base}/push/onenet", dids=[1001], version="2.0")
    assert (box.counted("followed"), box.counted("no_news")) == (0, 1)


async def test_forged_push_is_answered_and_does_nothing(base: str, box: Box) -> None:
    """Who does not know the token makes nobody ask."""
    pushed = await pusher().push(f"{base}/push/onenet", dids=[1001], version="2.0", forged=True)
    assert pushed.status == 403
    assert (box.followed, box.counted("refused")) == ([], 1)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("cloud", ["journal", "nobody"])
async def test_cloud_that_does_not_push_has_no_address(
    base: str, http: aiohttp.ClientSession, method: str, cloud: str
) -> None:
    """Nor has a cloud that is none."""
    async with http.request(method, f"{base}/push/{cloud}") as reply:
        assert (reply.status, reply.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize(
    "path", ["/push/onenet/metrics", "/push/", "/push/../metrics", "/metrics", "/push%2Fonenet"]
)
async def test_nothing_else_is_open(base: str, http: aiohttp.ClientSession, path: str) -> None:
    """The guard stands before all other paths, whatever they look like."""
    async with http.get(f"{base}{path}") as reply:
        assert reply.status == 401


async def test_adapter_decides_about_the_method(base: str, box: Box, http: aiohttp.ClientSession) -> None:
    """Every method reaches it."""
    async with http.put(f"{base}/push/onenet") as reply:
        assert reply.status == 405
    assert box.counted("refused") == 1


@pytest.mark.parametrize("is_announced", [True, False])
async def test_body_is_bounded(base: str, box: Box, http: aiohttp.ClientSession, is_announced: bool) -> None:  # noqa: FBT001
    """Whether its length was said or not."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * (MAX_BODY + 1)

    body = b"x" * (MAX_BODY + 1) if is_announced else pieces()
    async with http.post(f"{base}/push/onenet", data=body) as reply:
        assert reply.status == 413
    assert (box.followed, box.counted("too_large")) == ([], 1)


async def test_body_that_does_not_come_is_given_up(
    base: str, box: Box, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender who holds the line is sent away."""
    monkeypatch.setattr("gateway.ops.pushes.PATIENCE", 0.1)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(5)

    async with http.post(f"{base}/push/onenet", data=pieces()) as reply:
        assert reply.status == 408
    assert box.counted("broken_off") == 1


async def test_missing_secret_proves_nobody(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    """The sender may come again later."""
    box = Box(tmp_path, token={"env": "NO_SUCH_TOKEN"})
    async with box.server() as server, http.post(f"http://{server.address}/push/onenet") as reply:
        assert reply.status == 503
        assert "NO_SUCH_TOKEN" not in await reply.text()
    assert (box.followed, box.counted("denied")) == ([], 1)


async def test_flood_is_cut(base: str, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than the bound in a second are refused, and the next second begins anew."""
    # The platform gives up after five seconds, which eighty at once may take on a busy machine.
    monkeypatch.setattr(push, "TIMEOUT", aiohttp.ClientTimeout(total=60))
    platform = pusher()
    pushes = (platform.push(f"{base}/push/onenet", dids=[1001], version="2.0") for _ in range(80))
    statuses = [pushed.status for pushed in await asyncio.gather(*pushes)]
    assert set(statuses) == {200, 429}
    assert PUSHES_PER_SECOND <= statuses.count(200) < 80
    assert box.counted("too_many") == statuses.count(429)
    await asyncio.sleep(0.1)
    assert (await platform.push(f"{base}/push/onenet", dids=[1001], version="2.0")).status == 200


def test_every_outcome_is_there_from_the_start(box: Box) -> None:
    """For clouds that push, and for them alone."""
    outcomes = ("followed", "no_news", "refused", "denied", "too_many", "too_large", "broken_off")
    assert {box.counted(outcome) for outcome in outcomes} == {0}
    labels = {"lane": JOURNAL, "outcome": "followed"}
    assert box.registry.get_sample_value("ota_gateway_pushes_total", labels) is None
