"""The gateway's process is killed, stopped and frozen while devices report."""

import asyncio
import signal
from pathlib import Path
from random import Random

from tests.fire.box.box import SEED, box
from tests.fire.box.injuries import frozen, slay


async def test_signals_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    """SIGTERM, SIGKILL and a pause, in any order: what was acknowledged is told, and nothing twice."""
    dice = Random(SEED)
    async with box(tmp_path) as sick:
        for _ in range(6):
            await asyncio.sleep(dice.uniform(0.1, 1.0))
            await sick.becomes(ready=True)
            match dice.choice(("term", "kill", "freeze")):
                case "kill":
                    slay(sick.pid)
                case "term":
                    assert sick.site.process is not None
                    sick.site.process.send_signal(signal.SIGTERM)
                    await sick.site.process.wait()
                case _:
                    with frozen(sick.pid):
                        await asyncio.sleep(1)
