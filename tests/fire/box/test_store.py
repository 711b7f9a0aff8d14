"""The store's file is locked, corrupted or wanted by a second gateway."""

from pathlib import Path
from random import Random

from tests.fire.box.box import SEED, box
from tests.fire.box.injuries import locked


async def test_a_store_that_somebody_else_locks_is_waited_for(tmp_path: Path) -> None:
    """Longer than SQLite waits: commits fail, readiness says so, and all goes on once the lock is gone."""
    async with box(tmp_path) as sick:
        await sick.acknowledges(10)
        with locked(sick.store):
            await sick.says("commit_failed")
            assert not await sick.is_ready()
        await sick.acknowledges(10)
    assert sick.deaths == []
    assert sick.said("commits_work_again")


async def test_a_second_gateway_on_the_same_directory_refuses(tmp_path: Path) -> None:
    """It ends with one sentence, and the first does not notice."""
    async with box(tmp_path, pace=2) as sick:
        await sick.acknowledges(5)
        first = sick.site.process
        log = sick.site.log()
        await sick.site.spawn()
        second, sick.site.process = sick.site.process, first
        assert second is not None
        assert await second.wait() == 4
        said = [line for line in sick.site.log()[len(log) :].splitlines() if not line.startswith("{")]
    assert said == [f"ota-gateway: {sick.data} is in use by another gateway; stop that one first"]
    assert sick.deaths == []


async def test_the_shared_memory_of_the_log_may_be_garbage(tmp_path: Path) -> None:
    """It is made anew from the log at the next start."""
    async with box(tmp_path) as sick:
        for _ in range(2):
            await sick.acknowledges(10)
            await sick.site.kill()
            shm = sick.store.with_name("gateway.db-shm")
            shm.write_bytes(Random(SEED).randbytes(shm.stat().st_size))
            await sick.says("gateway_started", times=sick.site.starts + 1)
    assert not sick.said("store_damaged")
