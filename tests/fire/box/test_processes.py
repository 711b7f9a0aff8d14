"""The gateway's process is killed, stopped and frozen while devices report."""

import asyncio
import resource
from pathlib import Path
from random import Random

import psutil

from tests.fire.box.box import SEED, box
from tests.fire.box.injuries import frozen, limit

MEGABYTE = 2**20


async def test_signals_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    """SIGTERM, SIGKILL, a pause, and no memory left, in any order: what was acknowledged is told, and nothing twice."""
    dice = Random(SEED)
    async with box(tmp_path) as sick:
        for trouble in dice.sample(("term", "kill", "freeze", "starve"), 4):
            await asyncio.sleep(dice.uniform(0.1, 1.0))
            await sick.becomes(ready=True)
            match trouble:
                case "starve":
                    most = psutil.Process(sick.pid).memory_info().vms + MEGABYTE
                    limit(sick.pid, resource.RLIMIT_AS, most)
                    await asyncio.sleep(1)
                case "kill":
                    await sick.end(orderly=False)
                case "term":
                    await sick.end(orderly=True)
                case _:
                    with frozen(sick.pid):
                        await asyncio.sleep(6)
                    await sick.says("gateway_stood_still")
