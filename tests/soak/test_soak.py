"""The soak in short: half a minute of load and faults with a fixed seed, judged as the long one is."""

from pathlib import Path

import pytest

from tests.soak.director import Wanted
from tests.soak.stage import soak


@pytest.mark.timeout(240)
async def test_half_a_minute_of_everything_at_once_holds(tmp_path: Path) -> None:
    """Nothing acknowledged is lost, nothing is told out of order, and the gateway comes back from every fault."""
    said: list[str] = []
    async with soak(Wanted(minutes=0.6, seed=7, drain=90), tmp_path) as made:
        report = await made.play(said.append)

    assert report.breaches() == [], said
    assert report.illegal == 0
    assert report.acknowledged > 500
    assert report.judgement is not None
    assert sum(report.judgement.endings.values()) == report.judgement.updates > 50
    assert all(cloud["heard"] > 100 for cloud in report.clouds.values())
    assert len(report.starts) > 1
    assert len(report.faults) > 10
    assert report.hostile
