"""The soak in short: half a minute of load and faults with a fixed seed, judged as the long one is."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from tests.soak.director import Wanted
from tests.soak.stage import soak
from tests.soak.visits import ROOT


@pytest.mark.timeout(240)
async def test_half_a_minute_of_everything_at_once_holds(tmp_path: Path) -> None:
    """Nothing acknowledged is lost, nothing is told out of order, and the gateway comes back from every fault."""
    said: list[str] = []
    async with soak(Wanted(minutes=0.5, seed=7, drain=90), tmp_path) as made:
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


@pytest.mark.timeout(120)
async def test_ctrl_c_ends_it_early_with_a_report_of_what_was(tmp_path: Path) -> None:
    """The report says so, and after how long; what was begun has come to its end all the same."""
    command = [
        "-m",
        "tests.soak",
        "--minutes",
        "2",
        "--seed",
        "3",
        "--drain",
        "60",
        "--report",
        "soak",
    ]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        stdout=PIPE,
        start_new_session=True,
        cwd=tmp_path,  # where the report is named as the default is, without its root
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout is not None
        assert b"1 starts" in await process.stdout.readline()
        assert b"10 s" in await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        said = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    found = json.loads((tmp_path / "soak" / "report.json").read_text())
    assert process.returncode == 0, said
    assert found["interrupted"]
    assert 10 <= found["lasted"] < 60
    assert found["judgement"]["updates"] > 0
    assert "It was interrupted after 0." in said
