"""What the composition root gives the road down."""

from datetime import timedelta
from pathlib import Path

from gateway.config import load
from gateway.core.clock import Clock
from gateway.firmware.links import PREFIX
from gateway.model.firmware import Image, Md5, Sha256
from gateway.model.identity import Lane
from gateway.road_down import Parts, RoadDown
from tests.unit.config.writing import Write
from tests.unit.core.down import Down
from tests.unit.core.house import ONE

SITE = """
[gateway]
data_dir = "{directory}"
[firmware]
public_url = "http://192.0.2.1"
[clouds.tencent]
adapter = "tencent"
[products.P]
dialect = "plain"
authentication = "password"
clouds = ["tencent"]
"""
LANE = Lane("cloud/tencent")
IMAGE = Image(sha256=Sha256("a" * 64), md5=Md5("b" * 32), size=1)


class Time:
    """A wall clock that somebody sets, and one that only goes on."""

    wall = 60.0
    monotonic = 0.0


def _road(path: Path, clock: Clock) -> RoadDown:
    config, down = load(path, {}), Down()
    assert config.firmware is not None
    parts = Parts(
        config=lambda: config,
        clock=clock,
        store=down.store,
        metrics=down.metrics,
        ledger=down.ledger,
        record=down.record,
        orders=down.orders,
        engine=down.engine,
        link=down.outlet,
        adapters={LANE: down.adapters[ONE]},
        gates={LANE: down.gates[ONE]},
    )
    return RoadDown(parts, config.firmware)


async def test_a_link_outlives_that_the_wall_clock_is_set(write: Write, tmp_path: Path) -> None:
    """A box wakes up in 1970, tells a device, and hears from NTP what year it is: the device may still fetch."""
    time = Time()
    clock = Clock(wall=lambda: time.wall, monotonic=lambda: time.monotonic)
    server = _road(write(SITE.format(directory=tmp_path)), clock).server
    token = server.link(IMAGE, "P/dev01", timedelta(hours=1)).partition(PREFIX)[2]

    time.wall, time.monotonic = 1.76e9, 10.0

    assert server._links.read(token).subject == "P/dev01"
