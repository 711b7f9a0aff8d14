"""A damaged SQLite file: noticed at start, set aside under a new name, said loudly, and begun afresh."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from gateway.errors import StoreError
from gateway.model.identity import DeviceId, Version
from gateway.model.update import Update
from gateway.ports.store import LaneState
from gateway.store import engine
from gateway.store.damage import KEPT, free_name
from gateway.store.database import Database
from tests.integration.store.scene import LANE, QUOTA, Scene, changes, terminal, transition
from tests.integration.store.test_room import counted, summed

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = 4096
TOLD = 1000
V2 = Version("2")


async def started(path: Path) -> Scene:
    """Open and load the store in the file."""
    scene = Scene(f"sqlite:///{path}", await Database.open(f"sqlite:///{path}", lane_quota=QUOTA))
    await scene.store.load()
    return scene


def aside(path: Path, number: int = 1) -> Path:
    """Return under which name a damaged file is kept."""
    return path.with_name(f"{path.name}.damaged-{number}")


def content(path: Path) -> bytes:
    """Return every byte of the file."""
    return path.read_bytes()


def list_of(path: Path) -> list[str]:
    """Return what lies in the store's directory."""
    return sorted(file.name for file in path.parent.iterdir())


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Return a store's file with a few hundred messages in it, cleanly closed."""
    path = tmp_path / "gateway.db"
    scene = await started(path)
    told = changes(*(terminal(f"d{n}", detail="x" * 300) for n in range(TOLD)))
    told.updates = {u.id: u for n in range(TOLD) for u in [Update(device=DeviceId("P", f"d{n}"), target=V2)]}
    await scene.commit(told)
    await scene.store.close()
    return path


def garble_the_header(path: Path) -> None:
    """Overwrite what says that this is a database."""
    with path.open("r+b") as file:
        file.write(b"\xa5" * 100)


def cut_the_end(path: Path) -> None:
    """Lose the last third, in the middle of a page."""
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 2 // 3 + 100)


def garble_some_pages(path: Path) -> None:
    """Overwrite some pages in the middle; a single one might be in the log, too, and never be read."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // PAGE // 2 * PAGE)
        file.write(b"\xa5" * PAGE * 4)


def garble_the_first_page(path: Path) -> None:
    """Overwrite the schema, behind an intact header."""
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xa5" * (PAGE - 100))


def replace_by_text(path: Path) -> None:
    """Put something else in its place."""
    path.write_text("not a database at all\n" * 1000)


@pytest.mark.parametrize(
    "damage", [garble_the_header, cut_the_end, garble_some_pages, garble_the_first_page, replace_by_text]
)
async def test_a_damaged_file_is_set_aside(path: Path, damage: Callable[[Path], None]) -> None:
    """The gateway starts with what can be read, if anything; the damaged bytes are kept as they were."""
    damage(path)
    damaged = content(path)

    with capture_logs() as logs:
        scene = await started(path)
    committed = await scene.tell(transition("a"))
    assert summed(committed) == counted(scene)
    await scene.store.close()

    assert 1 <= committed.messages[LANE] <= TOLD
    assert content(aside(path)) == damaged
    (said, *_) = [log for log in logs if "set_aside" in log]
    assert (said["event"], said["log_level"], said["set_aside"]) == (
        "store_damaged",
        "error",
        str(aside(path)),
    )


async def test_what_can_be_read_of_a_damaged_file_is_carried_over(path: Path) -> None:
    """Most of what waited is told, and with its update; what the damage took is gone as a whole."""
    garble_some_pages(path)

    with capture_logs() as logs:
        scene = await started(path)
    loaded = await scene.store.load()
    told = await scene.drain()
    await scene.store.close()

    assert len(told) > TOLD // 2
    assert {claim.update for claim in told} <= {update.id for update in loaded.updates}
    assert [log["log_level"] for log in logs if log["event"] == "store_salvaged"] == ["warning"]


async def test_a_word_that_nobody_understands_stops_no_gateway(path: Path) -> None:
    """One flipped letter is found by no check of the file: the breaker begins closed, and what waits is there."""
    with closing(sqlite3.connect(path)) as store, store:
        store.execute("UPDATE lanes SET circuit = 'clofed', failures = 7")

    with capture_logs() as logs:
        scene = await started(path)
        loaded = await scene.store.load()

    assert (loaded.lanes[LANE], loaded.messages) == (LaneState(), {LANE: TOLD})
    assert {log["event"] for log in logs} == {"circuit_unreadable"}
    await scene.store.close()


async def test_where_nothing_can_be_read_nothing_is_carried_over(path: Path) -> None:
    """That is said, too, and the gateway starts."""
    garble_the_header(path)

    with capture_logs() as logs:
        scene = await started(path)

    assert (await scene.tell(transition("a"))).messages == {LANE: 1}
    assert "store_not_salvaged" in [log["event"] for log in logs]
    await scene.store.close()


async def test_damage_never_overwrites_what_was_set_aside_before(path: Path) -> None:
    """Each damaged file gets a number of its own."""
    for number in (1, 2):
        garble_the_header(path)
        scene = await started(path)
        await scene.store.close()
        assert content(aside(path, number))


def test_what_is_put_aside_last_has_the_highest_number(path: Path) -> None:
    """Also where somebody has taken an earlier one away; nothing of another name counts."""
    for name in ("kept-2", "kept-7-wal", "kept-x", "other-9"):
        path.with_name(f"{path.name}.{name}").touch()
    assert free_name(path, "kept").name == f"{path.name}.kept-3"


async def test_a_disk_that_damages_again_and_again_is_not_filled_with_it(path: Path) -> None:
    """Of all damaged files the newest few stay, each with its companions and under the number that it was given."""
    for _ in range(KEPT + 2):
        garble_the_header(path)
        path.with_name(path.name + "-wal").write_bytes(b"a log that is none")
        scene = await started(path)
        await scene.store.close()

    left = {aside(path, number).name for number in range(3, KEPT + 3)}
    assert {name.removesuffix("-wal") for name in list_of(path) if "damaged" in name} == left


async def test_the_write_ahead_log_goes_with_the_file(path: Path, tmp_path: Path) -> None:
    """What a killed gateway had not yet moved into the file is kept with it, and never met by the fresh store."""
    scene = await started(path)
    await scene.tell(transition("a", detail="only in the log"))
    copy = tmp_path / "copy" / path.name
    copy.parent.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    await scene.store.close()
    garble_some_pages(copy)

    fresh = await started(copy)

    assert (await fresh.tell()).messages[LANE] <= TOLD
    await fresh.store.close()
    kept = b"".join(content(file) for file in copy.parent.glob("gateway.db.damaged-1*"))
    assert b"only in the log" in kept


async def test_a_store_that_somebody_else_holds_is_not_damaged(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Being locked out is an error for a person, never a reason to begin afresh."""
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 20)
    scene = await started(path)
    await scene.store.close()
    with scene.writing() as connection:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked"):
            await Database.open(f"sqlite:///{path}", lane_quota=QUOTA)
        connection.exec_driver_sql("ROLLBACK")

    assert list_of(path) == [path.name, f"{path.name}.lock", f"{path.name}.reserve"]


async def test_a_directory_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    """There is no way to a working store, and the message says of which."""
    with pytest.raises(StoreError, match="nowhere"):
        await Database.open(f"sqlite:///{tmp_path}/nowhere/gateway.db", lane_quota=QUOTA)
