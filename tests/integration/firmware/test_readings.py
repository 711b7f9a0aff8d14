"""What monitoring sees of the images, over a real cache, a real server and a real responder."""

import asyncio
import shutil
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from gateway.firmware.cache import FirmwareCache
from gateway.firmware.chunks import Request, write_request
from gateway.firmware.readings import readings
from gateway.firmware.responder import ChunkResponder
from gateway.metrics import Metrics
from gateway.model.firmware import Firmware, Md5
from gateway.model.identity import DeviceId, Version
from gateway.ports.firmware import Trouble, UnfitError
from tests.integration.firmware.conftest import QUOTA, SIZE
from tests.integration.firmware.test_obtain import Given, until
from tests.integration.firmware.test_server import CONTENT, House, opened

OTHER = Firmware(version=Version("2.1"), url="http://h/b", md5=Md5("0" * 32), size=100)


class Watched:
    """A server and a responder under the eyes of monitoring."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.registry = CollectorRegistry()
        self.responder = ChunkResponder(
            house.cache, lambda device, name: house.image.sha256, report=house.reports.append
        )
        Metrics(self.registry).read_firmware(lambda: readings(house.cache, house.server, self.responder))

    def value(self, name: str, **labels: str) -> float | None:
        """Read one series as a scrape does; None when there is none."""
        return self.registry.get_sample_value(f"ota_gateway_firmware_{name}", labels)


@pytest.fixture
async def watched(cache: FirmwareCache) -> AsyncIterator[Watched]:
    """A house with one image, which was fetched a moment ago."""
    async with opened(cache) as house:
        yield Watched(house)


async def test_every_series_is_there_from_the_start(watched: Watched) -> None:
    """Also those of which nothing has happened yet, so that their first increment is seen."""
    reasons = {trouble.value for trouble in Trouble} - {"gone", "damaged"}
    assert {watched.value("fetch_failures_total", reason=reason) for reason in reasons} == {0}
    assert watched.value("served_bytes_total", way="http") == 0
    assert watched.value("served_bytes_total", way="chunks") == 0
    statuses = ("200", "206", "403", "404", "405", "416", "503")
    assert {watched.value("http_answers_total", status=status) for status in statuses} == {0}
    assert {watched.value(name) for name in ("cache_hits_total", "evicted_total", "damaged_total")} == {0}
    assert {watched.value(name) for name in ("fetching", "transfers")} == {0}


async def test_what_was_fetched_is_counted(watched: Watched) -> None:
    """The image, its bytes, the room that it takes; and that it was here when it was wanted again."""
    await watched.house.cache.obtain(
        Firmware(version=Version("2.0"), url="http://h/a"), Given(CONTENT), key="v"
    )
    assert (watched.value("images"), watched.value("cache_hits_total")) == (1, 1)
    assert (watched.value("fetched_total"), watched.value("fetched_bytes_total")) == (1, SIZE)
    assert (watched.value("cache_bytes"), watched.value("cache_quota_bytes")) == (SIZE, QUOTA)


async def test_a_fetch_that_fails_is_counted_by_its_reason(watched: Watched) -> None:
    """The image is not what the cloud says."""
    with pytest.raises(UnfitError):
        await watched.house.cache.obtain(OTHER, Given(b"x" * 100), key="u2")
    assert watched.value("fetch_failures_total", reason="wrong_md5") == 1
    assert (watched.value("fetched_total"), watched.value("images")) == (1, 1)


async def test_what_devices_took_is_counted_by_its_way(watched: Watched) -> None:
    """Bytes over HTTP and in chunks; answers by status."""
    await watched.house.get(watched.house.path())
    await watched.house.get(watched.house.path(), "Range: bytes=0-99")
    await watched.house.get("/no/such")
    await watched.responder.answer(DeviceId("P", "d1"), write_request(Request("u", 0, 512)))
    await until(lambda: watched.value("served_bytes_total", way="http") == SIZE + 100)
    assert watched.value("served_bytes_total", way="chunks") == 512
    await until(lambda: watched.value("http_answers_total", status="404") == 1)
    answers = {status: watched.value("http_answers_total", status=status) for status in ("200", "206", "404")}
    assert answers == {"200": 1, "206": 1, "404": 1}


async def test_promtool_finds_nothing_to_say(watched: Watched) -> None:
    """Names, units and help follow Prometheus' conventions."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed; it comes with Prometheus")
    text = generate_latest(watched.registry)
    assert b"ota_gateway_firmware_fetch_failures_total" in text
    checked = await asyncio.create_subprocess_exec(
        promtool, "check", "metrics", stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await checked.communicate(text)
    assert (checked.returncode, said) == (0, b"")
