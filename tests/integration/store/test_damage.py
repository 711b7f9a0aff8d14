"""A damaged SQLite file: noticed at start, set aside under a new name, said loudly, and begun afresh."""

from __future__ import annotations

import shutil
import sqlite3
import struct
from array import array
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from gateway.config import load
from gateway.errors import StoreError
from gateway.model.identity import DeviceId, Version
from gateway.model.update import Update
from gateway.ops import preflight
from gateway.ports.store import LaneState
from gateway.store import engine
from gateway.store.at_rest import AtRest
from gateway.store.damage import KEPT, free_name
from gateway.store.database import Database
from tests.integration.store.scene import LANE, QUOTA, Scene, changes, terminal, transition
from tests.integration.store.test_room import counted, summed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

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


async def killed(path: Path, tmp_path: Path) -> tuple[Path, Path, Path]:
    """Return the file, the log and the index of a gateway that was killed with five commits in its log."""
    scene = await started(path)
    for number in range(5):
        await scene.tell(transition(f"d{number}"))
    copy = tmp_path / "copy" / path.name
    copy.parent.mkdir()
    for suffix in ("", "-wal", "-shm"):
        shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    await scene.store.close()
    return copy, Path(f"{copy}-wal"), Path(f"{copy}-shm")


def cut_short(log: Path) -> None:
    """Lose what was written last."""
    with log.open("r+b") as file:
        file.truncate(32 + 8 * (24 + PAGE))


def blank_the_beginning(log: Path) -> None:
    """Find nothing where it begins, as on a worn card."""
    with log.open("r+b") as file:
        file.write(bytes(PAGE))


@pytest.mark.parametrize("damage", [cut_short, blank_the_beginning])
@pytest.mark.parametrize(("begun", "event"), [(0, "store_log_damaged"), (9, "store_damaged")])
async def test_a_log_that_was_longer_is_noticed(
    path: Path, tmp_path: Path, begun: int, event: str, damage: Callable[[Path], None]
) -> None:
    """What it lost is said; where a checkpoint was cut off, the file may be of two times, and is put aside."""
    copy, log, index = await killed(path, tmp_path)
    with index.open("r+b") as file:
        file.seek(128)
        file.write(struct.pack("=I", begun))
    damage(log)

    with capture_logs() as logs:
        found = await started(copy)
    committed = await found.tell(transition("a"))

    assert summed(committed) == counted(found)
    assert [each["log_level"] for each in logs if each["event"] == event] == ["error"]
    assert (found.store.has_lost, found.store.set_aside) == ((not begun), aside(copy) if begun else None)
    await found.store.close()


async def look_at_rest(path: Path) -> None:
    """Look as `status` does where no gateway runs."""
    async with AtRest(f"sqlite:///{path}") as store:
        await store.load()


async def prove(path: Path) -> None:
    """Look as `check` does."""
    config = path.with_name("gateway.toml")
    config.write_text('[gateway]\ndata_dir = "."\n')
    assert list(preflight.store_problems(load(config, {}))) == []


@pytest.mark.parametrize("look", [look_at_rest, prove])
async def test_who_looks_before_the_start_hides_nothing(
    path: Path, tmp_path: Path, look: Callable[[Path], Awaitable[None]]
) -> None:
    """A start would take what is left of the log for all of it, and put its older pages over newer ones in the file."""
    copy, log, index = await killed(path, tmp_path)
    with index.open("r+b") as file:
        file.seek(128)
        file.write(struct.pack("=I", 9))
    cut_short(log)

    await look(copy)
    found = await started(copy)

    assert (found.store.has_lost, found.store.set_aside) == (False, aside(copy))
    await found.store.close()


@pytest.mark.parametrize("is_read", [False, True])
async def test_a_file_is_whole_without_its_log_only_when_all_of_it_was_moved(
    path: Path, tmp_path: Path, *, is_read: bool
) -> None:
    """Beside a reader, a checkpoint leaves out each page that was written again since, however early it was written."""
    scene = await started(path)
    await scene.tell(transition("d1"))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM clock").fetchall()
        if not is_read:
            reader.execute("COMMIT")
        await scene.tell(transition("d2"))
        with closing(sqlite3.connect(path)) as mover:
            mover.execute("PRAGMA wal_checkpoint(PASSIVE)")
        copy = tmp_path / "copy" / path.name
        copy.parent.mkdir()
        for suffix in ("", "-shm"):
            shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    await scene.store.close()

    found = await started(copy)

    assert (found.store.has_lost, found.store.set_aside) == (False, aside(copy) if is_read else None)
    assert is_read or counted(found)[LANE][0] == TOLD + 2
    await found.store.close()


async def test_an_index_of_another_machine_is_not_believed(path: Path, tmp_path: Path) -> None:
    """Its numbers have another order of bytes, by which a good log would be far too short."""
    copy, _, index = await killed(path, tmp_path)
    raw = index.read_bytes()
    numbers = array("I", raw)
    numbers.byteswap()
    swapped = bytearray(numbers.tobytes())
    for at in (32, 48 + 32):  # what names the log is the same everywhere
        swapped[at : at + 8] = raw[at : at + 8]
    index.write_bytes(swapped)

    found = await started(copy)

    assert (found.store.has_lost, found.store.set_aside) == (False, None)
    assert counted(found)[LANE][0] == TOLD + 5
    await found.store.close()


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
