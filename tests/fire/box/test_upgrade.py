"""The store of an older gateway is upgraded while its disk is full, and while the process dies."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.e2e.site import Site, site
from tests.fire.box.injuries import SickDisk, small_disk
from tests.integration.store.test_upgrade import VECTOR, rows

DISK = 24 * 2**20
#: Less than the upgrade of so many updates writes, and more than it takes to open their store.
ROOM, UPDATES = 200_000, 20_000
#: Tables that no running gateway changes when it has none of their clouds and devices.
KEPT = ("messages", "tellings", "orders", "versions", "dead_letters", "quarantine")


async def test_an_upgrade_that_is_cut_off_loses_nothing(tmp_path: Path) -> None:
    """Killed in its writes, out of room, killed in its sync: the store stays whole, and the next start upgrades it."""
    with small_disk(tmp_path / "data", DISK) as disk:
        store, sick = tmp_path / "data" / "gateway.db", SickDisk(tmp_path, tmp_path / "data")
        before = first_schema(store)
        async with site(tmp_path, "", "") as made:
            made.environment.update(sick.environment)
            sick.fail("write KILL 12")
            assert await ends(made) == -9
            assert 0 < store.with_name("gateway.db-wal").stat().st_size < ROOM
            assert found(store, tmp_path / "begun") == ("0001", before)
            sick.heal()
            disk.fill(leave=ROOM)
            assert await ends(made) == 4
            assert f"the store sqlite:///{store} cannot be opened: database or disk is full\n" in made.log()
            assert found(store, tmp_path / "full") == ("0001", before)
            disk.relieve()
            sick.fail("fsync KILL 80")
            assert await ends(made) == -9
            assert store.with_name("gateway.db-wal").stat().st_size > ROOM
            sick.heal()
            await made.start()
            assert await made.stop() == 0
        revision, after = found(store, tmp_path / "after")
    assert revision > "0001"
    assert {name: after[name] for name in KEPT} == {name: before[name] for name in KEPT}
    assert len(after["updates"]) == len(before["updates"])


def first_schema(store: Path) -> dict[str, list[Any]]:
    """Make a store of the first released schema, with many updates; return all that is in it."""
    with closing(sqlite3.connect(store)) as connection:
        connection.executescript(VECTOR.read_text())
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TEMP TABLE one AS SELECT * FROM updates WHERE id = 'P/d2/default/1'")
        for number in range(UPDATES):
            connection.execute("UPDATE one SET id = ?, device = ?", (f"P/x{number}/default/1", f"x{number}"))
            connection.execute("INSERT INTO updates SELECT * FROM one")
        connection.commit()
    return rows(store)


async def ends(made: Site) -> int:
    """Start the gateway, and return the exit code with which it ends."""
    await made.spawn()
    assert made.process is not None
    return await made.process.wait()


def found(store: Path, copy: Path) -> tuple[str, dict[str, list[Any]]]:
    """Return the schema and the rows of a copy of what lies there: to look at it would mend it."""
    copy.mkdir()
    for path in store.parent.glob("gateway.db*"):
        shutil.copy(path, copy)
    with closing(sqlite3.connect(copy / store.name)) as connection:
        [revision] = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return revision, rows(copy / store.name)
