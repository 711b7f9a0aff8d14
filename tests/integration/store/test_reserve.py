"""A disk that the store itself has filled: publishes are refused, what waits is settled, and all heals unattended."""

from __future__ import annotations

import asyncio
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from gateway.errors import StoreError
from gateway.store import reserve
from gateway.store.database import Database
from tests.integration.store.scene import QUOTA, Scene, delivered, said, terminal, transition
from tests.integration.store.test_room import counted, summed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

DISK, SIZE = 14 * 2**20, 5 * 2**20


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Mount a disk of a few megabytes, with a reserve to match that is tried to get back at every use."""
    monkeypatch.setattr(reserve, "INTERVAL", 0.0)
    monkeypatch.setattr(reserve, "SIZE", SIZE)
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small disk, and not in every container")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
async def scene(disk: Path) -> AsyncIterator[Scene]:
    """Open a store on it."""
    url = f"sqlite:///{disk / 'gateway.db'}"
    scene = Scene(url, await Database.open(url, lane_quota=64 * QUOTA))
    await scene.store.load()
    yield scene
    await scene.store.close()


async def fill(scene: Scene) -> int:
    """Tell what waits until the disk is full; return how many messages the store took."""
    for batch in range(1000):
        try:
            await scene.tell(*(terminal(f"d{batch}-{n}", detail="x" * 4000) for n in range(20)))
        except StoreError:
            return batch * 20
    raise AssertionError


async def test_a_full_disk_drains_and_heals(scene: Scene, disk: Path) -> None:
    """The reserve goes, every message is told, the reserve comes back, and publishes are taken again."""
    file = disk / "gateway.db.reserve"
    with capture_logs() as logs:
        taken = await fill(scene)
        assert not file.exists()

        told = said(await scene.drain())

        async with asyncio.timeout(30):
            while not file.exists():
                await scene.store.figures()
        committed = await scene.tell(transition("after"))

    assert len(told) == taken > 500
    assert summed(committed) == counted(scene)
    assert file.stat().st_blocks * 512 >= SIZE
    events = [log["event"] for log in logs if log["event"].startswith("disk_reserve")]
    assert events == ["disk_reserve_released", "disk_reserve_restored"]


async def test_while_the_reserve_is_out_only_what_frees_room_is_written(scene: Scene) -> None:
    """New reports would eat what the answers of the clouds need."""
    taken = await fill(scene)
    (first, second, *_) = await scene.claim(limit=2)

    for told in ([transition("new")], []):
        with pytest.raises(StoreError, match="disk is full"):
            await scene.tell(*told)
    await scene.settle(delivered(first))
    committed = await scene.settle(delivered(second))

    assert sum(committed.messages.values()) == taken - 2


async def test_a_disk_without_room_for_a_reserve_is_said_at_start(disk: Path) -> None:
    """The store works on answers alone until there is room."""
    (disk / "other").write_bytes(b"x" * (DISK - 2 * 2**20))
    url = f"sqlite:///{disk / 'gateway.db'}"
    with capture_logs() as logs:
        scene = Scene(url, await Database.open(url, lane_quota=QUOTA))
    with pytest.raises(StoreError, match="disk is full"):
        await scene.tell(transition("a"))

    (disk / "other").unlink()
    await scene.tell(transition("a"))

    assert "disk_reserve_missing" in [log["event"] for log in logs]
    await scene.store.close()
