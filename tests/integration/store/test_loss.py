"""A damaged log of an SQLite file: what it lost is said, and a file that may be of two times is put aside."""

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
from gateway.ops import preflight
from gateway.store.at_rest import AtRest
from tests.integration.store.scene import LANE, terminal, transition
from tests.integration.store.test_damage import PAGE, aside, started
from tests.integration.store.test_room import counted, summed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TOLD = 50


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Return a store's file with some messages in it, cleanly closed."""
    path = tmp_path / "gateway.db"
    scene = await started(path)
    await scene.tell(*(terminal(f"d{number}") for number in range(TOLD)))
    await scene.store.close()
    return path


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


async def test_a_damaged_log_without_a_store_stops_no_start(path: Path, tmp_path: Path) -> None:
    """Somebody moved the file away: there is nothing to which the log could belong."""
    copy, log, index = await killed(path, tmp_path)
    with index.open("r+b") as file:
        file.seek(128)
        file.write(struct.pack("=I", 9))
    cut_short(log)
    copy.unlink()

    found = await started(copy)
    await found.tell(transition("a"))
    assert (found.store.has_lost, found.store.set_aside) == (False, None)
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
