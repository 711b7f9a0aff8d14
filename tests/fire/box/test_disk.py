"""The disk is full, fails or cannot be written, at any moment, and then it can again."""

import asyncio
import os
import signal
from pathlib import Path
from random import Random

from tests.deploy.test_notify import listening
from tests.fire.box.box import SEED, box
from tests.fire.box.injuries import SickDisk, small_disk

DISK = 24 * 2**20
SICKNESSES = (
    ("fsync EIO 50",),
    ("fsync EIO 100",),
    ("write EIO 20",),
    ("write ENOSPC 30", "fsync ENOSPC 30"),
    ("write EDQUOT 100",),
    ("write EROFS 100", "open EROFS 100", "fsync EROFS 100"),
)


async def test_a_disk_that_others_fill_is_survived(tmp_path: Path) -> None:
    """To a random remainder, again and again, and at a start, for which the reserve is let go; then it is read-only."""
    dice = Random(SEED)
    with small_disk(tmp_path / "data", DISK) as disk:
        async with box(tmp_path) as sick:
            for leave in (0, 4096, 40_000):
                await asyncio.sleep(dice.uniform(0.2, 0.6))
                disk.fill(leave=leave)
                await asyncio.sleep(dice.uniform(0.3, 1.0))
                disk.relieve()
            await sick.becomes(ready=True)
            assert sick.deaths == []
            await sick.end(orderly=True)
            disk.fill()
            await sick.says("gateway_started", times=2)
            await sick.becomes(ready=False)
            disk.relieve()
            await sick.becomes(ready=True)
            await sick.end(orderly=True)
            disk.remount("ro")
            await sick.dies(times=3)
            disk.remount("rw")
            await sick.says("gateway_started", times=3)
    assert sick.said("disk_reserve_released")
    assert f"ota-gateway: {tmp_path / 'data'}" in sick.site.log()
    assert "Read-only file system; ota-gateway check names the key" in sick.site.log()


async def test_a_failing_disk_is_survived(tmp_path: Path) -> None:
    """Writes, syncs or both fail for a while under a running gateway, which says so, refuses reports and goes on."""
    disk = SickDisk(tmp_path, tmp_path / "data")
    async with box(tmp_path, environment=disk.environment, pace=6) as sick:
        for number, orders in enumerate(SICKNESSES):
            await sick.acknowledges(5)
            disk.fail(*orders)
            await sick.says("commit_failed", times=number + 1)
            await asyncio.sleep(0.5)
            disk.heal()
    assert sick.deaths == []


async def test_a_disk_that_hangs_is_noticed(tmp_path: Path) -> None:
    """The gateway is no longer ready, its watchdog starves, and its manager ends it; nothing acknowledged is lost."""
    disk = SickDisk(tmp_path, tmp_path / "data")
    supervised = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"}
    with listening(supervised["NOTIFY_SOCKET"]) as manager:
        async with box(tmp_path, environment={**disk.environment, **supervised}, pace=4) as sick:
            await sick.acknowledges(5)
            disk.fail("fsync HANG 100")
            await sick.says("commits_stand_still")
            fed = manager.listen().count("WATCHDOG=1")
            await sick.becomes(ready=False)
            assert manager.listen().count("WATCHDOG=1") == fed > 0
            os.kill(sick.pid, signal.SIGABRT)
            await sick.dies(times=1)
            disk.heal()
    assert sick.deaths == [-signal.SIGABRT]


async def test_a_log_that_cannot_be_written_costs_lines_and_nothing_else(tmp_path: Path) -> None:
    """Log and data share a disk that is full: what cannot be logged does not stop what is logged about."""
    disk = SickDisk(tmp_path, tmp_path)
    async with box(tmp_path, environment=disk.environment, pace=3) as sick:
        await sick.acknowledges(10)
        disk.fail("write ENOSPC 100")
        await asyncio.sleep(1.0)
        disk.heal()
        await sick.acknowledges(10)
    assert sick.deaths == []
    assert any("lines_held_up" in line for line in sick.site.lines())
