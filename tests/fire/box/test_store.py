"""The store's file is locked, corrupted or wanted by a second gateway."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from random import Random

from tests.fire.box.box import SEED, Box, box
from tests.fire.box.injuries import cut, flip_bytes, locked, zero_pages


async def test_a_store_that_others_want_stays_ours(tmp_path: Path) -> None:
    """A clumsy backup locks it, a second gateway is refused in a sentence, its shared memory is garbage at a start."""
    async with box(tmp_path) as sick:
        await sick.acknowledges(10)
        with locked(sick.store):
            # Behind the lanes' own tries, each of which waits for the lock as long as SQLite does.
            await sick.says("commit_failed", within_s=60)
            assert not await sick.is_ready()
        await sick.acknowledges(10)
        assert await second_gateway(sick) == [
            f"ota-gateway: {sick.data} is in use by another gateway; stop that one first"
        ]
        assert sick.deaths == []
        await sick.end(orderly=False)
        shm = sick.store.with_name("gateway.db-shm")
        shm.write_bytes(Random(SEED).randbytes(shm.stat().st_size))
        await sick.says("gateway_started", times=2)
    assert not sick.said("store_damaged")


async def second_gateway(sick: Box) -> list[str]:
    """Start another one on the same configuration, and return what it has to say."""
    first, log = sick.site.process, sick.site.log()
    await sick.site.spawn()
    second, sick.site.process = sick.site.process, first
    assert second is not None
    assert await second.wait() == 4
    return [line for line in sick.site.log()[len(log) :].splitlines() if not line.startswith("{")]


@contextlib.asynccontextmanager
async def injured(directory: Path) -> AsyncIterator[Box]:
    """Run a site of which something is lost; what devices report afterwards is told all the same."""
    async with box(directory, agrees=False, pace=4) as sick:
        yield sick
        late = {each for each, said in sick.fleet.truth.items() if "2.0" in said and not said["2.0"].ending}
        heard = len(sick.tencent.record.calls)
    told = {
        call.device for call in list(sick.tencent.record.calls)[heard:] if call.said[:4] in ("done", "fail")
    }
    assert late
    assert late <= told


async def ended(sick: Box) -> None:
    """End the gateway in order, which moves the log into the file; a kill leaves it."""
    await sick.end(orderly=True)


async def killed(sick: Box) -> None:
    """Kill the gateway."""
    await sick.end(orderly=False)


async def killed_between_checkpoints(sick: Box) -> None:
    """Kill it when the file has the beginning of a log that was still read: all its pages, or some, nobody knows."""
    with contextlib.closing(sqlite3.connect(sick.store, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT 1 FROM sqlite_schema").fetchall()
        with contextlib.closing(sqlite3.connect(sick.store)) as other:
            other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        await sick.acknowledges(1)
    await sick.end(orderly=False)


async def injure(
    sick: Box, end: Callable[[Box], Awaitable[None]], injury: Callable[[Path], None], *, suffix: str = ""
) -> None:
    """Let some reports be acknowledged, end the gateway, hurt its store, and wait until it takes reports again."""
    await sick.acknowledges(10)
    await end(sick)
    injury(sick.store.with_name(f"gateway.db{suffix}"))
    await sick.says("gateway_started", times=sick.site.starts + 1)
    await sick.becomes(ready=True)


async def test_a_damaged_store_is_set_aside_and_reports_go_on(tmp_path: Path) -> None:
    """Flipped or zeroed: said, and what devices report from then on is told."""
    dice = Random(SEED)
    async with injured(tmp_path) as sick:
        await injure(sick, ended, lambda store: zero_pages(store, dice, count=3))
        await injure(sick, ended, lambda store: flip_bytes(store, dice, count=500))
    assert sick.said("store_damaged") == 2
    assert len(list(sick.data.glob("gateway.db.damaged-?"))) == 2


async def test_what_a_damaged_log_loses_is_said_and_reports_go_on(tmp_path: Path) -> None:
    """Zeroed, flipped, deleted after a kill, or older than the file: SQLite keeps silent, the gateway does not."""
    dice = Random(SEED)
    injuries: list[Callable[[Path], None]] = [
        lambda log: zero_pages(log, dice, count=5),
        lambda log: flip_bytes(log, dice, count=100),
        Path.unlink,
    ]
    async with injured(tmp_path) as sick:
        for number, injury in enumerate(injuries, start=1):
            await injure(sick, killed, injury, suffix="-wal")
            assert sick.said("store_log_damaged") == number
        assert await sick.site.metric("ota_gateway_store_log_damaged_total") == 1
        assert not sick.said("store_damaged")
        await injure(sick, killed_between_checkpoints, lambda log: cut(log, 0.5), suffix="-wal")
    assert (sick.said("store_log_damaged"), sick.said("store_damaged")) == (len(injuries), 1)
    assert sick.data.joinpath("gateway.db.damaged-1").exists()
