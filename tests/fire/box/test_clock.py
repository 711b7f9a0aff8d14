"""The wall clock jumps by years, both ways, and is not set at boot."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.fire.box.box import box
from tests.fire.box.injuries import FalseClock


async def test_a_wall_clock_that_jumps_for_years_changes_nothing(tmp_path: Path) -> None:
    """It is 1970 at boot, then now, ten years ahead, and now again: every report is told, and no history is lost."""
    clock = FalseClock(tmp_path)
    clock.set(years=-50)
    async with box(tmp_path, environment=clock.environment, success="on_version_match", pace=6) as sick:
        for offset in (0, 10, -3, 0):
            await sick.acknowledges(15)
            clock.set(years=offset)
        await sick.acknowledges(5)
    assert sick.deaths == []
    with closing(sqlite3.connect(sick.store)) as store:
        assert store.execute("SELECT min(id) FROM journal").fetchone() == (1,)


async def test_a_start_in_the_wrong_year_changes_nothing(tmp_path: Path) -> None:
    """A box that wakes up ten years ahead, or in 1970, knows what it knew: nothing expires, nothing is forgotten."""
    clock = FalseClock(tmp_path)
    async with box(tmp_path, environment=clock.environment, pace=6) as sick:
        for offset in (10, -50, 0):
            await sick.acknowledges(10)
            clock.set(years=offset)
            await sick.site.kill()
            await sick.becomes(ready=True)
            await asyncio.sleep(0.2)
