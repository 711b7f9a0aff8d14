"""A cloud is away for days: little is asked of it, what waits is bounded, and once it is back it hears all."""

import asyncio
import os
from pathlib import Path

import psutil

from tests.fire.clouds.house import DEVICES, SPARE, House, house
from tests.fire.clouds.injuries import INJURIES

HOURS = int(float(os.environ.get("FIRE_DAYS", "0.5")) * 24)
RATE = 10
QUOTA = 512 * 1024
#: One probe each 15 s, and once an hour what is new.
MOST_ASKED = HOURS * (3600 / 15 + 40)


async def _hour(made: House, number: int) -> None:
    """Let devices end an update, let one go on telling progress of a long one, and let an hour pass."""
    await made.update(f"v{number}", DEVICES, end="failed" if number % 3 else "succeeded")
    for percent in range(5):
        told = {"type": "state", "version": "long", "state": "downloading", "percent": percent + number % 90}
        await made.say(SPARE, **told)
        await asyncio.sleep(720)


async def test_a_cloud_is_away_for_days(place: Path) -> None:
    """Bytes and memory are bounded, the breaker does not hammer, and the backlog drains at the full rate at once."""
    settings = f'requests_per_second = {RATE}\nprogress_interval = "1s"\nconcurrency = 1'
    async with house(place, settings=settings, store=f"[store]\nlane_quota = {QUOTA}") as made:
        await made.connect((*DEVICES, SPARE))
        front = made.fronts["tencent"]
        front.injury = INJURIES["reset"].injure
        held = [0.0]
        for number in range(HOURS):
            made.order(f"v{number}")
            await _hour(made, number)
            figures = await made.figures("tencent")
            assert figures.size <= QUOTA
            held.append(psutil.Process().memory_info().rss / 2**20)
            assert (await made.figures("south")).messages <= 1
            assert (await made.figures("fuse")).messages <= 1

        asked, waits = len(front.asked), (await made.figures("tencent")).messages
        front.injury, healed = None, made.now
        took = await made.drained(["tencent"], within_s=600)

        assert asked < MOST_ASKED
        assert max(held) - held[HOURS // 2] < 24
        assert waits >= 4 * HOURS * len(DEVICES) * 0.7
        # Its probe is due within a minute; then no slower than the rate allows.
        assert took < waits / RATE * 1.1 + 65
        first = next(at for at in front.asked if at >= healed)
        assert first - healed < 61
        for number in range(HOURS):
            assert sorted(made.ends("tencent", f"v{number}")) == sorted(DEVICES)
        assert made.illegal() == []
