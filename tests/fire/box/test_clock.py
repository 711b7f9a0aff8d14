"""The wall clock jumps by years, both ways, and is not set at boot."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.fire.box.box import box
from tests.fire.box.injuries import FalseClock


async def test_a_wall_clock_that_jumps_for_years_changes_nothing(tmp_path: Path) -> None:
    """1970 at boot, now, ten years ahead also over a restart, and now again: all is told, and no history is lost."""
    clock = FalseClock(tmp_path)
    clock.set(years=-50)
    async with box(tmp_path, environment=clock.environment, success="on_version_match", pace=5) as sick:
        for years in (0, 10, -3, 10):
            await sick.acknowledges(15)
            clock.set(years=years)
        await sick.end(orderly=False)
        await sick.says("gateway_started", times=2)
        await sick.acknowledges(5)
        clock.set(years=0)
    with closing(sqlite3.connect(sick.store)) as store:
        assert store.execute("SELECT min(id) FROM journal").fetchone() == (1,)
