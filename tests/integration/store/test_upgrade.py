"""A store of the first released schema, as a gateway left it: upgraded by today's code with all it holds, and back.

`tests/vectors/store_0001.sql` was written by the gateway of that schema and is never written anew.
"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import create_engine

from gateway.errors import StoreError
from gateway.model.identity import DeviceId, Lane, UpdateId
from gateway.model.states import Reason, State
from gateway.ports.history import AsideQuery, LetterQuery, UpdateQuery
from gateway.ports.store import Changes, Circuit, Delivered
from gateway.store.at_rest import AtRest
from gateway.store.database import Database
from gateway.store.migrate import configuration

VECTOR = Path(__file__).parents[2] / "vectors" / "store_0001.sql"
ONE, TWO = Lane("cloud/one"), Lane("cloud/two")
QUOTA = 1 << 20
#: Later than anything in the store.
LATER = 1_795_300_000.0
#: What each lane still has to tell, device by device, in order.
TOLD = {
    "d1": [State.FAILED, State.QUEUED, State.NOTIFIED, State.DOWNLOADING],
    "d2": [State.INSTALLING, State.SUCCEEDED],
    "d3": [State.WAITING_CONFIRMATION],
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The store as it was left."""
    path = tmp_path / "gateway.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VECTOR.read_text())
        connection.execute("PRAGMA journal_mode=WAL")
    return path


@pytest.fixture
async def store(old: Path) -> AsyncIterator[Database]:
    """The same, opened by today's gateway."""
    opened = await Database.open(f"sqlite:///{old}", lane_quota=QUOTA)
    yield opened
    await opened.close()


def rows(path: Path) -> dict[str, list[Any]]:
    """Return every row of every table but the schema's own."""
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall()
            for (name,) in names
            if name != "alembic_version"
        }


async def test_everything_is_still_there(old: Path, store: Database) -> None:
    """Updates, versions, orders, breakers and clocks, as the gateway takes them up."""
    before = rows(old)
    loaded = await store.load()
    found = {update.id: update for update in loaded.updates}
    assert {name: update.state for name, update in found.items()} == {
        "P/d1/default/2": State.DOWNLOADING,
        "P/d2/default/1": State.SUCCEEDED,
        "P/d3/default/1": State.WAITING_CONFIRMATION,
    }
    downloading = found[UpdateId("P/d1/default/2")]
    assert (downloading.percent, downloading.ordered) == (12, True)
    assert {str(device): version for (device, _), version in loaded.versions.items()} == {
        "P/d1": "1.0",
        "P/d2": "2.0",
        "P/d3": "1.0",
    }
    assert {(row.lane, row.command.handle, row.note) for row in loaded.orders} == {
        (ONE, "task-7", ""),
        (ONE, "c1", ""),
        (TWO, "c2", "conflict"),
    }
    assert (loaded.lanes[TWO].circuit, loaded.lanes[TWO].reason) == (Circuit.OPEN, "http_5xx")
    assert loaded.messages == {ONE: 7, TWO: 7}
    assert loaded.clock is not None
    assert {name: len(found) for name, found in rows(old).items()} == {
        name: len(x) for name, x in before.items()
    }


async def test_what_waited_is_told_in_order(store: Database) -> None:
    """Each lane drains to nothing, with what the cloud had heard before beside it."""
    await store.load()
    now = LATER
    for lane in (ONE, TWO):
        told: dict[str, list[State]] = {}
        while claims := await store.claim(lane, limit=10, now=now, lease_until=now + 60):
            for claim in claims:
                told.setdefault(claim.event.device.name, []).append(claim.event.state)
            settled = [Delivered(claim=claim, state=claim.event.state) for claim in claims]
            await store.commit(Changes(settlements=[*settled]), now=now, wall=now)
            now += 1
        assert told == TOLD
    assert (await store.load()).messages == {ONE: 0, TWO: 0}


async def test_history_is_still_there(old: Path, store: Database) -> None:
    """What people look up: an update that is over, its timeline, dead letters, quarantine."""
    await store.close()
    async with AtRest(f"sqlite:///{old}") as history:
        query = UpdateQuery(product="P", device="d1", limit=10)
        newest, first = await history.updates(query)
        assert (newest.number, first.reason, first.code) == (2, Reason.LOW_BATTERY, "E7")
        lines = await history.timeline(newest.id, limit=10)
        assert [line.source for line in lines] == ["understood", "cloud/one", "understood", "understood"]
        (letter,) = await history.dead_letters(LetterQuery(limit=10))
        assert (letter.device, letter.code) == (DeviceId("P", "d1"), "E17")
        (aside,) = await history.quarantine(AsideQuery(limit=10))
        assert aside.payload == b'{"type":\xff\x00}'


def columns(connection: sqlite3.Connection) -> dict[str, list[Any]]:
    """Return the columns of each table, and the definition of each index."""
    found = {}
    listed = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    for kind, name, sql in listed:
        is_table = kind == "table"
        shape = connection.execute(f"PRAGMA table_info({name})").fetchall() if is_table else sql
        found[name] = [kind, shape]
    return found


async def test_the_way_down_keeps_every_row(old: Path) -> None:
    """A gateway of the first schema finds its store as it had left it, though a younger one has opened it."""
    before = rows(old)
    await (await Database.open(f"sqlite:///{old}", lane_quota=QUOTA)).close()
    engine = create_engine(f"sqlite:///{old}")
    with engine.begin() as connection:
        command.downgrade(configuration(connection), "0001")
    engine.dispose()
    assert rows(old) == before
    with closing(sqlite3.connect(old)) as downgraded, closing(sqlite3.connect(":memory:")) as first:
        first.executescript(VECTOR.read_text())
        assert columns(downgraded) == columns(first)
        assert downgraded.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]


async def test_an_older_gateway_keeps_a_newer_store_as_it_is(old: Path) -> None:
    """It says so in one sentence; it neither changes the store nor takes it for a damaged one."""
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("ALTER TABLE updates ADD COLUMN mood VARCHAR")
    before = rows(old)
    with pytest.raises(StoreError, match="was written by a newer gateway") as caught:
        await Database.open(f"sqlite:///{old}", lane_quota=QUOTA)
    assert str(caught.value).count("\n") == 0
    assert rows(old) == before
    assert not list(old.parent.glob("*damaged*"))
