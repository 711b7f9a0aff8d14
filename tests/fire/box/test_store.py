"""The store's file is locked, corrupted or wanted by a second gateway."""

from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.fire.box.box import SEED, Box, box
from tests.fire.box.injuries import flip_bytes, locked, zero_pages


async def test_a_store_that_others_want_stays_ours(tmp_path: Path) -> None:
    """A clumsy backup locks it, a second gateway is refused in a sentence, its shared memory is garbage at a start."""
    async with box(tmp_path) as sick:
        await sick.acknowledges(10)
        with locked(sick.store):
            await sick.says("commit_failed")
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


def lose_the_log(store: Path) -> None:
    """Delete the write-ahead log."""
    store.with_name("gateway.db-wal").unlink()


async def test_a_damaged_store_is_set_aside_and_reports_go_on(tmp_path: Path) -> None:
    """Flipped, zeroed, or without its log: said, and what devices report from then on is told."""
    dice = Random(SEED)
    injuries: list[Callable[[Path], None]] = [
        lambda store: zero_pages(store, dice, count=3),
        lambda store: flip_bytes(store, dice, count=500),
        lose_the_log,
    ]
    async with box(tmp_path, agrees=False, pace=6) as sick:
        for injury in injuries:
            await sick.acknowledges(20)
            # An ordered end moves the log into the file; a crash leaves it.
            await sick.end(orderly=injury is not lose_the_log)
            injury(sick.store)
            await sick.says("gateway_started", times=sick.site.starts + 1)
            await sick.becomes(ready=True)
        late = {each for each, said in sick.fleet.truth.items() if "2.0" in said and not said["2.0"].ending}
        heard = len(sick.tencent.record.calls)
    assert sick.said("store_damaged") == 2
    assert len(list(sick.data.glob("gateway.db.damaged-?"))) == 2
    told = {
        call.device for call in list(sick.tencent.record.calls)[heard:] if call.said[:4] in ("done", "fail")
    }
    assert late
    assert late <= told
