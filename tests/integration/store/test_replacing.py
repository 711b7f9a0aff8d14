"""A damaged store is replaced at once or not at all: wherever the start is cut off, the next one saves as much."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import struct
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.errors import StoreError
from gateway.model.identity import DeviceId, Version
from gateway.model.update import Update
from gateway.ports.store import Changes
from gateway.store.database import Database
from tests.fire.box.injuries import SickDisk, small_disk
from tests.integration.store.replacer import INJURIES
from tests.integration.store.scene import QUOTA, Scene, changes, terminal
from tests.integration.store.test_damage import garble_some_pages, list_of

COUNT = 400
#: Fewer steps than these would mean that the replacing was not met at all.
STEPS = 15
#: Where the log's index says how much of it may be in the file.
BEGUN_AT = 128
DISK = 24 * 2**20


async def started(path: Path) -> Scene:
    """Open and load the store in the file."""
    scene = Scene(f"sqlite:///{path}", await Database.open(f"sqlite:///{path}", lane_quota=QUOTA))
    await scene.store.load()
    return scene


async def told(path: Path) -> set[str]:
    """Start with the store, and return whose reports are told."""
    scene = await started(path)
    found = {claim.event.device.name for claim in await scene.drain()}
    await scene.store.close()
    return found


def reports(*devices: str) -> Changes:
    """Return the ends of updates of these devices."""
    said = changes(*(terminal(device, detail="x" * 300) for device in devices))
    updates = [Update(device=DeviceId("P", device), target=Version("2")) for device in devices]
    said.updates = {update.id: update for update in updates}
    return said


@pytest.fixture
async def damaged(tmp_path: Path) -> Path:
    """Return the directory of a damaged store, and of its log, which a checkpoint was cut off from moving."""
    (tmp_path / "made").mkdir()
    scene = await started(tmp_path / "made" / "gateway.db")
    await scene.commit(reports(*(f"d{number}" for number in range(COUNT))))
    await scene.store.close()
    scene = await started(tmp_path / "made" / "gateway.db")
    await scene.commit(reports("late"))
    await scene.commit(reports("latest"))
    directory = tmp_path / "damaged"
    directory.mkdir()
    for suffix in ("", "-wal", "-shm"):
        shutil.copy(tmp_path / "made" / f"gateway.db{suffix}", directory)
    await scene.store.close()
    garble_some_pages(directory / "gateway.db")
    with (directory / "gateway.db-wal").open("r+b") as log:
        log.truncate(log.seek(0, os.SEEK_END) - 1)
    with (directory / "gateway.db-shm").open("r+b") as index:
        index.seek(BEGUN_AT)
        index.write(struct.pack("=I", 1000))
    return directory


async def test_wherever_the_replacing_is_killed_the_next_start_saves_as_much(
    damaged: Path, tmp_path: Path
) -> None:
    """Before each file that is opened or renamed, in writes and in syncs: all that can be read is told."""
    work = tmp_path / "work"
    work.mkdir()
    whole = await told(Path(shutil.copytree(damaged, tmp_path / "whole")) / "gateway.db")
    assert COUNT // 4 < len(whole) < COUNT
    assert "late" in whole

    sick = SickDisk(tmp_path, work)
    command = [sys.executable, "-m", "tests.integration.store.replacer", str(damaged), str(work)]
    environment = {**os.environ, **sick.environment}
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    deaths = [line.removeprefix("died ") for line in said.decode().splitlines() if line.startswith("died ")]

    assert process.returncode == 0
    assert {injury for injury in INJURIES if injury.endswith(" 100")} <= set(deaths)
    for name in deaths:
        assert await told(work / name / "gateway.db") == whole, name
        left = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (work / name).iterdir()}
        assert [each for each in left if ".new" in each] == []
        assert left["gateway.db"] == 0o600
        assert "gateway.db.damaged-1" in left
    assert len(deaths) > STEPS


async def test_a_disk_without_room_for_a_second_store_loses_nothing(damaged: Path, tmp_path: Path) -> None:
    """The start is refused in a sentence, and what was begun gives its room back; with room, all is told."""
    whole = await told(Path(shutil.copytree(damaged, tmp_path / "whole")) / "gateway.db")
    place = tmp_path / "disk"
    with small_disk(place, DISK) as disk:
        store = Path(shutil.copytree(damaged, place / "data")) / "gateway.db"
        disk.fill(leave=150_000)
        for _ in range(2):
            with pytest.raises(StoreError, match="full"):
                await Database.open(f"sqlite:///{store}", lane_quota=QUOTA)
            assert not store.exists()
            assert [each.stat().st_size for each in store.parent.glob("*.new*")] == [0]
        disk.relieve()
        with capture_logs() as logs:
            assert await told(store) == whole
    assert "store_salvaged" in [log["event"] for log in logs]


async def test_a_draft_without_a_damaged_file_means_nothing(tmp_path: Path) -> None:
    """Where somebody has taken everything else away, or the store is there, a start goes on as if there were none."""
    store = tmp_path / "gateway.db"
    for _ in range(2):
        store.with_name("gateway.db.new").write_bytes(b"half")
        scene = await started(store)
        await scene.store.close()
        assert scene.store.set_aside is None
        assert [name for name in list_of(store) if ".new" in name] == []
