"""The service manager hears the truth, over a real socket."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.model.states import State
from gateway.ops.notify import EVERY, Manager, Service, supervised
from gateway.ops.readiness import Check
from tests.e2e.reloading import reloaded
from tests.e2e.site import site
from tests.unit.core.fakes import Fate
from tests.unit.core.house import House, told

EVERY_TEST = 0.05
LOOKS_S = 10.0


@dataclass
class Listener:
    """What systemd would hear."""

    end: socket.socket
    heard: list[str] = field(default_factory=list)

    def listen(self) -> list[str]:
        """Everything that was said so far."""
        while True:
            try:
                self.heard += self.end.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.heard

    async def until(self, fact: str, times: int = 1) -> None:
        """Wait until it was said, so often."""
        async with asyncio.timeout(LOOKS_S):
            while self.listen().count(fact) < times:
                await asyncio.sleep(EVERY_TEST / 5)


@contextmanager
def listening(address: str) -> Iterator[Listener]:
    """Listen as the service manager does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(address)
        end.setblocking(False)
        yield Listener(end)


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    """Listen on a path."""
    with listening(str(tmp_path / "notify")) as made:
        yield made


@dataclass
class Box:
    """A ledger that works, or does not, and what its checks say."""

    house: House = field(default_factory=House)
    checks: list[Check] = field(default_factory=list)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def say(self) -> list[Check]:
        """Answer as the observer does."""
        return self.checks

    @asynccontextmanager
    async def watched(self, address: str, every: float = EVERY_TEST) -> AsyncIterator[None]:
        """Run under a service manager."""
        service = Service(
            ledger=self.house.ledger,
            registry=self.house.metrics.registry,
            checks=self.say,
            stopping=self.stopping,
        )
        async with self.house.committing(), supervised(Manager(address, every), service):
            yield


@pytest.fixture
async def box() -> Box:
    """A box that is well."""
    return Box()


@pytest.fixture
def address(listener: Listener) -> str:
    """Where the service manager listens."""
    return str(listener.end.getsockname())


async def test_it_is_told_ready_then_fed_and_told_the_end(box: Box, listener: Listener, address: str) -> None:
    """READY once, WATCHDOG again and again, STOPPING when it begins."""
    async with box.watched(address):
        await listener.until("WATCHDOG=1", times=3)
        box.stopping.set()
        await listener.until("STOPPING=1")
        fed = listener.listen().count("WATCHDOG=1")
        await listener.until("WATCHDOG=1", times=fed + 1)  # stopping may take its time, too
    assert listener.heard[:3] == ["READY=1", "STATUS=all is well", "WATCHDOG=1"]
    assert (listener.heard.count("READY=1"), listener.heard.count("STOPPING=1")) == (1, 1)


async def test_the_status_says_what_is_wrong_in_one_line(box: Box, listener: Listener, address: str) -> None:
    """`systemctl status` shows it; a line break would be another fact."""
    box.checks = [
        Check(name="store", is_ok=False, detail="disk is full\nWATCHDOG=trigger"),
        Check(name="outbox", is_ok=True),
        Check(name="cloud/onenet", is_ok=False, detail="denied", is_required=False),
    ]
    async with box.watched(address):
        await listener.until("STATUS=store disk is full WATCHDOG=trigger; cloud/onenet denied")


async def test_a_commit_that_hangs_starves_the_watchdog(box: Box, listener: Listener, address: str) -> None:
    """What hangs may be mended by a new start, and the log says so before."""
    async with box.watched(address):
        await listener.until("WATCHDOG=1")
        box.house.store.commit_seconds = 2
        box.house.publish(told(State.DOWNLOADING))
        with capture_logs() as logs:
            await asyncio.sleep(EVERY_TEST * 3)
            fed = listener.listen().count("WATCHDOG=1")
            await asyncio.sleep(EVERY_TEST * 5)
        assert listener.listen().count("WATCHDOG=1") == fed
        assert "commits_stand_still" in [line["event"] for line in logs]
        await box.house.ledger.drain()
        await listener.until("WATCHDOG=1", times=fed + 1)


async def test_a_commit_that_fails_does_not(box: Box, listener: Listener, address: str) -> None:
    """A full disk stays full after a new start. The store is tried again within one look."""
    box.house.store.fates.extend([Fate.REFUSED] * 100)
    async with box.watched(address, every=0.3):
        await listener.until("WATCHDOG=1")
        box.house.publish(told(State.DOWNLOADING))
        await listener.until("WATCHDOG=1", times=3)
        assert box.house.ledger.trouble
        box.house.store.fates.clear()


async def test_commits_without_a_pause_feed_it(box: Box, listener: Listener, address: str) -> None:
    """Under load something always waits for a commit: what counts is that they end."""
    async with box.watched(address), asyncio.TaskGroup() as group:
        load = group.create_task(_load(box.house))
        await listener.until("WATCHDOG=1", times=4)
        load.cancel()


async def _load(house: House) -> None:
    while True:
        house.ledger.request()
        await asyncio.sleep(0)


async def test_a_loop_that_stands_still_starves_it(box: Box, listener: Listener, address: str) -> None:
    """Nothing feeds it from beside the loop."""
    async with box.watched(address):
        await listener.until("WATCHDOG=1")
        fed = listener.listen().count("WATCHDOG=1")
        _block(EVERY_TEST * 5)
        assert listener.listen().count("WATCHDOG=1") <= fed


def _block(seconds: float) -> None:
    time.sleep(seconds)


async def test_without_a_service_manager_nothing_is_said(box: Box) -> None:
    """From a terminal, in a container."""
    with capture_logs() as logs:
        async with box.watched(""):
            box.stopping.set()
            await asyncio.sleep(EVERY_TEST * 2)
    assert logs == []


async def test_a_service_manager_that_went_away_harms_nobody(box: Box, tmp_path: Path) -> None:
    """It is logged, and the service goes on."""
    with capture_logs() as logs:
        async with box.watched(str(tmp_path / "nobody")):
            await asyncio.sleep(EVERY_TEST * 2)
    assert {line["event"] for line in logs} == {"service_manager_not_told"}


def test_an_abstract_socket_is_reached() -> None:
    """Systemd writes its name with @."""
    name = f"ota-gateway-test-{os.getpid()}"
    with listening(f"\0{name}") as listener:
        Manager.of({"NOTIFY_SOCKET": f"@{name}"}).tell("READY=1", "STATUS=x")
        assert listener.listen() == ["READY=1", "STATUS=x"]


@pytest.mark.parametrize(
    ("environment", "every"),
    [
        ({}, EVERY),
        ({"WATCHDOG_USEC": "60000000"}, 15),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}, EVERY),
        ({"WATCHDOG_USEC": "0"}, EVERY),
        ({"WATCHDOG_USEC": "often"}, EVERY),
    ],
)
def test_the_watchdog_is_fed_as_often_as_it_wants(environment: dict[str, str], every: float) -> None:
    """Four looks in its time; one that is meant for another process is not ours."""
    assert Manager.of(environment).every == every


async def test_the_gateway_speaks_to_its_service_manager(
    listener: Listener, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole process: ready when devices may come, fed, and an end that was announced."""
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    async with site(tmp_path, "", "") as gateway:
        await gateway.start()
        await listener.until("READY=1")
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.mqtt_port)
        writer.close()
        await listener.until("WATCHDOG=1", times=3)
        assert await gateway.stop() == 0
    assert listener.listen().count("STOPPING=1") == 1


async def test_a_reload_begins_and_ends_for_systemd(
    tmp_path: Path, listener: Listener, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RELOADING=1 with the time of the monotonic clock, then READY=1, also where the file is refused."""
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    async with site(tmp_path, "", "") as made:
        await made.start()
        await listener.until("READY=1")
        before = time.monotonic_ns() // 1000
        await reloaded(made)
        await listener.until("READY=1", times=2)
        made.config.write_text("surprise = 1")
        await reloaded(made)
        await listener.until("READY=1", times=3)
        assert await made.stop() == 0
    heard = [fact for fact in listener.listen() if not fact.startswith(("STATUS=", "WATCHDOG="))]
    times = [int(fact.partition("=")[2]) for fact in heard if fact.startswith("MONOTONIC_USEC=")]
    words = [fact.partition("=")[0] for fact in heard]
    assert words == ["READY", *["RELOADING", "MONOTONIC_USEC", "READY"] * 2, "STOPPING"]
    assert before <= times[0] < times[1] <= time.monotonic_ns() // 1000
