"""One device with a login of its own, and a cloud that is away: how much of the site it can take along."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from gateway.core.backlog import SHARE
from tests.fire.mqtt.fort import fort
from tests.integration.broker.mqtt import Client, publish

QUOTA = 256 * 2**20
"""What a lane may hold by default."""


def ends() -> Iterator[bytes]:
    """Fail one update after the other, each to a version of its own, with the longest words there are."""
    for number in range(1, 3 * QUOTA // SHARE):
        said = {"type": "state", "version": f"v{number}", "state": "failed", "detail": "\u706b" * 512}
        yield publish("ota/P/bad0/report", json.dumps(said).encode(), number)


async def test_a_device_without_end_is_refused_alone(tmp_path: Path) -> None:
    """Its connection is closed long before the lane is full; others are acknowledged, meanwhile and afterwards."""
    with fort(tmp_path, publishes_per_second=100_000) as made:
        with made.guarded():
            bad = await (await Client.open(made.port)).log_in("bad0")
            reading = asyncio.create_task(bad.rest())
            with contextlib.suppress(ConnectionError):
                for each in ends():
                    bad.send(each)
                    await bad.writer.drain()
            # It hears the end, or has said all of it.
            await asyncio.wait({reading}, timeout=1)
            await bad.close()
            await reading

        lane = made.status()["lanes"]["cloud/tencent"]
        assert QUOTA // SHARE <= lane["messages"] < 2 * QUOTA // SHARE
        assert lane["bytes"] < QUOTA / 8
        with made.guarded():
            pass
