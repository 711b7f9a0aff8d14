"""A commit that fails writes nothing, says so, and leaves a store that goes on."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, text

from gateway.errors import StoreError
from gateway.model.identity import DEFAULT_MODULE, DeviceId, Version
from gateway.model.states import State
from gateway.model.update import Update
from gateway.ports.store import Changes
from gateway.store.database import Database
from tests.integration.store.postgresql import Cluster
from tests.integration.store.scene import (
    LANE,
    OTHER_LANE,
    QUOTA,
    Scene,
    changes,
    delivered,
    progress,
    said,
    terminal,
    transition,
)
from tests.integration.store.test_room import counted, summed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from gateway.ports.store import Message

SQLITE_TRIGGER = "CREATE TRIGGER refuse BEFORE INSERT ON clock BEGIN SELECT RAISE(ABORT, 'no'); END"
POSTGRESQL_TRIGGER = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON clock FOR EACH ROW EXECUTE FUNCTION refuse();
"""


def break_commits(scene: Scene) -> None:
    """Let the last statement of every commit fail."""
    with scene.writing() as connection:
        sqlite = connection.dialect.name == "sqlite"
        connection.execute(text(SQLITE_TRIGGER if sqlite else POSTGRESQL_TRIGGER))


def mend_commits(scene: Scene) -> None:
    """Let commits succeed again."""
    with scene.writing() as connection:
        on = "" if connection.dialect.name == "sqlite" else " ON clock"
        connection.execute(text(f"DROP TRIGGER refuse{on}"))


async def test_a_failed_commit_writes_nothing(scene: Scene) -> None:
    """Not a row of it is there, whichever statement failed, and the next one succeeds with right sums."""
    await scene.tell(progress("a", 1), transition("b"))
    (b, a) = await scene.claim()
    before = await scene.store.figures()
    update = Update(device=DeviceId("P", "new"), target=Version("2"))
    lost = changes(transition("new"), progress("a", 2), terminal("b"), settled=[delivered(a), delivered(b)])
    lost.updates[update.id] = update
    lost.versions[update.device, DEFAULT_MODULE] = Version("1")
    break_commits(scene)

    with pytest.raises(StoreError, match="no"):
        await scene.commit(lost)

    assert await scene.store.figures() == before
    mend_commits(scene)
    committed = await scene.commit(lost)
    assert summed(committed) == counted(scene)
    assert committed.messages == {LANE: 3}


@pytest.mark.parametrize(
    "kind", ["settlement", "progress", "known device", "new device", "woken", "nothing", "claim"]
)
async def test_whatever_follows_a_failed_commit_is_right(scene: Scene, kind: str) -> None:
    """Ids and sums that memory lost are found again on every path."""
    await scene.tell(transition("a"), progress("b", 1), transition("a", lane=OTHER_LANE))
    (claim, _) = await scene.claim()
    break_commits(scene)
    with pytest.raises(StoreError):
        await scene.tell(transition("new"), terminal("a"))
    mend_commits(scene)

    follow = {
        "settlement": changes(settled=[delivered(claim)]),
        "progress": changes(progress("b", 2)),
        "known device": changes(terminal("a")),
        "new device": changes(terminal("new")),
        "woken": Changes(woken={LANE}),
    }.get(kind, Changes())
    if kind == "claim":
        await scene.claim(lane=OTHER_LANE)
    committed = await scene.commit(follow)

    assert summed(committed) == counted(scene)
    assert set(committed.messages) == {LANE, OTHER_LANE}


async def test_a_failed_claim_leases_nothing(scene: Scene) -> None:
    """The lane hears of it, and finds its head where it was."""
    await scene.tell(transition("a"))
    with failing(scene.store), pytest.raises(StoreError, match="the disk is gone"):
        await scene.claim()

    assert said(await scene.claim()) == [("a", State.INSTALLING, None)]


async def test_a_commit_survives_its_caller(scene: Scene) -> None:
    """A caller that is cancelled gets no answer, but the transaction is whole and memory knows of it."""
    await abandoned(scene, transition("a"), transition("b"))

    committed = await scene.tell(transition("c"))

    assert committed.messages == {LANE: 3}
    assert summed(committed) == counted(scene)


async def test_a_failed_commit_whose_caller_is_gone_leaves_nothing_in_memory(scene: Scene) -> None:
    """Queues that the rolled back transaction created are not taken for granted."""
    break_commits(scene)
    await abandoned(scene, transition("a"))
    await scene.store.figures()
    mend_commits(scene)

    committed = await scene.tell(transition("a"))

    assert summed(committed) == counted(scene)
    assert said(await scene.claim()) == [("a", State.INSTALLING, None)]


async def abandoned(scene: Scene, *told: Message) -> None:
    """Commit, and be cancelled while the transaction runs."""
    began, given_up = threading.Event(), threading.Event()

    def note(_connection: Connection) -> None:
        began.set()
        given_up.wait(10)

    event.listen(scene.store._engine, "begin", note, once=True)
    task = asyncio.create_task(scene.tell(*told))
    await asyncio.to_thread(began.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    given_up.set()


@contextmanager
def failing(store: Database) -> Iterator[None]:
    """Let the last step before every COMMIT fail."""

    def fail(_connection: Connection) -> None:
        raise OSError("the disk is gone")

    event.listen(store._engine, "commit", fail)
    try:
        yield
    finally:
        event.remove(store._engine, "commit", fail)


@pytest.fixture
async def small(tmp_path: Path) -> Scene:
    """Open a SQLite store."""
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    scene = Scene(url, await Database.open(url, lane_quota=QUOTA))
    await scene.store.load()
    return scene


async def test_a_full_disk_refuses_and_heals(small: Scene) -> None:
    """SQLite's own limit stands for the disk's: nothing is half written, and room makes it go on."""
    pages = 60

    def limit(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    event.listen(small.store._engine, "begin", limit)
    written = await fill(small)

    pages = 1 << 20
    committed = await small.tell(transition("after"))

    assert committed.messages == {LANE: written + 1}
    assert summed(committed) == counted(small)
    await small.store.close()


async def fill(scene: Scene) -> int:
    """Commit until the store is full; return how many messages it took."""
    for batch in count():
        try:
            await scene.tell(*(transition(f"d{batch}-{n}", detail="x" * 400) for n in range(20)))
        except StoreError:
            return batch * 20
    raise AssertionError


async def test_a_commit_refused_by_the_last_word_is_rolled_back(small: Scene) -> None:
    """Where COMMIT itself fails, the transaction does not stay open under the next one."""
    with small.writing() as connection:
        connection.execute(text("CREATE TABLE parents (id INTEGER PRIMARY KEY)"))
        connection.execute(
            text("CREATE TABLE children (id INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)")
        )
        connection.execute(
            text("CREATE TRIGGER refuse BEFORE INSERT ON clock BEGIN INSERT INTO children VALUES (1); END")
        )

    def watch(connection: Connection) -> None:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(small.store._engine, "begin", watch)
    for _ in range(2):
        with pytest.raises(StoreError, match="FOREIGN KEY"):
            await small.tell(transition("a"))
    mend_commits(small)

    committed = await small.tell(transition("a"))

    assert committed.messages == {LANE: 1}
    assert summed(committed) == counted(small)
    await small.store.close()


@pytest.fixture
def server(cluster: Cluster) -> Iterator[Cluster]:
    """Return the PostgreSQL server to a test that kills it; it runs again afterwards."""
    yield cluster
    cluster.start()


async def test_a_killed_server_is_survived(server: Cluster) -> None:
    """While it is away commits fail; once it is back the next one succeeds, and nothing acknowledged is gone."""
    url = server.url(server.database())
    scene = Scene(url, await Database.open(url, lane_quota=QUOTA))
    await scene.store.load()
    await scene.tell(transition("a"))
    server.kill()
    for _ in range(2):
        with pytest.raises(StoreError):
            await scene.tell(transition("lost"))

    server.start()
    committed = await scene.tell(terminal("a"))

    assert committed.messages == {LANE: 2}
    assert [device for device, *_ in said(await scene.drain())] == ["a", "a"]
    await scene.store.close()


async def test_a_server_that_was_restarted_still_serves_one_gateway(server: Cluster) -> None:
    """It has forgotten whose it is, and is told before the next commit."""
    url = server.url(server.database())
    scene = Scene(url, await Database.open(url, lane_quota=QUOTA))
    await scene.store.load()
    server.kill()
    server.start()
    with suppress(StoreError):
        await scene.tell(transition("lost"))
    await scene.tell(transition("a"))

    with pytest.raises(StoreError, match="in use by another gateway"):
        await Database.open(url, lane_quota=QUOTA)

    await scene.tell(transition("b"))
    await scene.store.close()


async def test_a_store_out_of_reach_is_said_without_its_password() -> None:
    """The error names the store and the cause, never the secret in the URL."""
    with pytest.raises(StoreError, match="cannot be opened") as error:
        await Database.open("postgresql+psycopg://gate:hunter2@127.0.0.1:1/x", lane_quota=1)

    assert "hunter2" not in str(error.value)
