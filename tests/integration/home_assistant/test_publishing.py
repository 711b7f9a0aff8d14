"""Updates appear at Home Assistant's broker, and go from it when they are gone."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from tests.e2e.site import Site, site
from tests.simulators.ports import free_port

PRODUCT = """\
[products.SENSOR]
dialect = "plain"
authentication = "password"
clouds = []
[products.SENSOR.devices.s1]
secret = "a-long-secret"
"""
PATIENCE = 60.0


class Broker:
    """Mosquitto, as Home Assistant's add-on has it, with what it keeps on disk."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._config = directory / "mosquitto.conf"
        (directory / "kept").mkdir()
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {directory / 'kept'}/\nuser root\n"
        )
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start and wait until it listens."""
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/opt/homebrew/sbin")
        if program is None:
            pytest.skip("mosquitto is not installed (Debian: mosquitto)")
        self._process = await asyncio.create_subprocess_exec(
            program, "-c", str(self._config), stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(PATIENCE):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """End it; what is retained is on disk."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()


class Watch:
    """What Home Assistant has heard: the newest payload of each topic."""

    def __init__(self) -> None:
        self.topics: dict[str, bytes] = {}

    async def listen(self, client: aiomqtt.Client) -> None:
        """Keep what comes."""
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            self.topics[str(message.topic)] = message.payload

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                await asyncio.sleep(0.02)

    def configurations(self) -> list[dict[str, Any]]:
        """Return what was discovered and not taken back."""
        return [json.loads(said) for topic, said in self.topics.items() if topic.endswith("/config") and said]

    def state(self) -> dict[str, Any]:
        """Return the state of the one entity that there is."""
        [found] = self.configurations()
        said = self.topics.get(found["state_topic"])
        return json.loads(said) if said else {}

    def availability(self) -> list[bytes]:
        """Return whether the site is there, as its broker says."""
        return [said for topic, said in self.topics.items() if topic.endswith("/availability")]


@asynccontextmanager
async def watching(port: int) -> AsyncIterator[Watch]:
    """Listen as Home Assistant does, to what is retained and what comes."""
    watch = Watch()
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("homeassistant/#")
        await client.subscribe("ota-gateway/#")
        listening = asyncio.create_task(watch.listen(client))
        try:
            yield watch
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """A broker that runs."""
    made = Broker(tmp_path)
    await made.start()
    yield made
    await made.stop()


@asynccontextmanager
async def gateway(directory: Path, broker: Broker) -> AsyncIterator[Site]:
    """Run a gateway that shows its updates there."""
    table = f'[home_assistant]\nbroker = "127.0.0.1:{broker.port}"'
    async with site(directory, PRODUCT, "", extra=table) as made:
        await made.start()
        yield made


async def say(made: Site, **facts: Any) -> None:
    """Publish as the device."""
    async with aiomqtt.Client(
        "127.0.0.1", made.mqtt_port, username="SENSOR/s1", password="a-long-secret"
    ) as device:
        await device.publish("ota/SENSOR/s1/report", json.dumps(facts), qos=1)


async def test_an_update_is_seen_from_its_beginning_to_its_end(tmp_path: Path, broker: Broker) -> None:
    """The entity appears with the device's first word, moves with the update, and rests with the new version."""
    async with gateway(tmp_path, broker) as made, watching(broker.port) as watch:
        await say(made, type="version", version="1.0")
        await watch.until(lambda: len(watch.configurations()) == 1 and bool(watch.state()))
        assert watch.configurations()[0]["device"]["name"] == "s1"

        await say(made, type="state", version="2.0", state="downloading", percent=40)
        await watch.until(lambda: watch.state()["update_percentage"] == 40)
        assert (watch.state()["installed_version"], watch.state()["latest_version"]) == ("1.0", "2.0")

        await say(made, type="version", version="2.0")
        await watch.until(lambda: watch.state()["installed_version"] == "2.0")
        assert watch.state()["in_progress"] is False


async def test_a_gateway_that_dies_is_unavailable_and_comes_back(tmp_path: Path, broker: Broker) -> None:
    """The broker says `offline` for it; what it says after its start is what its store knows."""
    async with gateway(tmp_path, broker) as made, watching(broker.port) as watch:
        await say(made, type="version", version="1.0")
        await watch.until(lambda: watch.availability() == [b"online"] and bool(watch.configurations()))

        await made.kill()
        await watch.until(lambda: watch.availability() == [b"offline"])
        await made.start()
        await watch.until(lambda: watch.availability() == [b"online"])

        assert watch.state()["installed_version"] == "1.0"


async def test_a_broker_that_is_away_is_told_when_it_is_back(tmp_path: Path, broker: Broker) -> None:
    """Devices are served meanwhile, it is said once, and what changed is known afterwards."""
    async with gateway(tmp_path, broker) as made:
        await say(made, type="version", version="1.0")
        await broker.stop()
        await say(made, type="version", version="2.0")
        await broker.start()

        async with watching(broker.port) as watch:
            await watch.until(
                lambda: bool(watch.configurations()) and watch.state().get("installed_version") == "2.0"
            )

    warnings = [line for line in made.lines() if line["event"] == "home_assistant_unavailable"]
    assert len(warnings) == 1


async def test_a_broker_that_hangs_up_owing_an_answer_is_left_at_once(tmp_path: Path) -> None:
    """Nobody waits ten seconds for the PUBACK of a connection that is gone; and what is no use is said once."""
    greeted = asyncio.Queue[None]()

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeted.put_nowait(None)
        writer.write(bytes((0x20, 2, 0, 0)))
        await reader.readuntil(b"online")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        table = f'[home_assistant]\nbroker = "127.0.0.1:{server.sockets[0].getsockname()[1]}"'
        async with site(tmp_path, PRODUCT, "", extra=table) as made:
            await made.start()
            await greeted.get()
            async with asyncio.timeout(PATIENCE):
                await greeted.get()
            await greeted.get()
        events = [line["event"] for line in made.lines() if line["event"].startswith("home_assistant")]
        assert events == ["home_assistant_unavailable"]


async def test_what_is_gone_from_the_site_goes_from_home_assistant(tmp_path: Path, broker: Broker) -> None:
    """A retained configuration of this site that nothing here bears any more is taken back; others' are not."""
    mine = "homeassistant/update/ota_gateway_e2e/gone_00000000/config"
    other = "homeassistant/update/ota_gateway_elsewhere/there_00000000/config"
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        for topic in (mine, other):
            await client.publish(topic, "{}", qos=1, retain=True)

    async with gateway(tmp_path, broker), watching(broker.port) as watch:
        await watch.until(lambda: watch.availability() == [b"online"] and not watch.topics.get(mine))

        assert watch.topics[other] == b"{}"
