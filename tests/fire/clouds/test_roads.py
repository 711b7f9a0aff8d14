"""Trouble that comes and goes, trouble everywhere at once, and trouble on the way down."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.model.identity import DeviceId
from tests.fire.clouds.house import DEVICES, House, house, until
from tests.fire.clouds.injuries import CLOUDS, INJURIES
from tests.simulators.proxy import INJURIES as CUTS
from tests.simulators.proxy import WELL, proxied

DOWN = """tasks = "poll"
[firmware]
listen = "127.0.0.1:0"
public_url = "http://127.0.0.1:8070"
allowed_networks = ["127.0.0.0/8"]
allowed_ports = []
"""
POLLING = 'requests_per_second = 100\npoll_minimum = "1s"\npoll_interval = "5s"\npolls_per_second = 50'


async def _all_is_told(made: House, versions: Iterator[str] | list[str]) -> None:
    await made.drained(CLOUDS, within_s=400)
    for version in versions:
        for cloud in CLOUDS:
            assert sorted(made.ends(cloud, version)) == sorted(DEVICES), (cloud, version)
            assert (await made.figures(cloud)).dead_letters == 0
    assert made.illegal() == []


async def test_a_cloud_that_flaps_loses_nothing(place: Path) -> None:
    """Up for a second, down for a second, for a minute: nobody else waits, and each end is told once."""
    async with house(place) as made:
        await made.connect()
        versions = [f"v{number}" for number in range(10)]
        for number, version in enumerate(versions):
            cloud = CLOUDS[number % 3]
            for each, front in made.fronts.items():
                front.injury = INJURIES["answer lost"].injure if each == cloud else None
            made.order(version)
            assert await made.update(version) < 1.0
            for down in (True, False, True, False, True, False):
                made.fronts[cloud].injury = INJURIES["answer lost"].injure if down else None
                await asyncio.sleep(1)
            assert await made.drained([each for each in CLOUDS if each != cloud], within_s=30) < 5
            # The next order would take the place of this one.
            await made.drained([cloud], within_s=400)

        await _all_is_told(made, versions)


@pytest.mark.parametrize(
    "names",
    [("reset", "silence", "429"), ("answer lost", "answer lost", "answer lost"), ("captive portal",) * 3],
    ids=" and ".join,
)
async def test_all_clouds_at_once(place: Path, names: tuple[str, str, str]) -> None:
    """With no cloud left devices are acknowledged as ever; then each cloud hears each end, once."""
    async with house(place) as made:
        await made.connect()
        made.order("new")
        for cloud, name in zip(CLOUDS, names, strict=True):
            made.fronts[cloud].injury = INJURIES[name].injure

        assert await made.update("new") < 1.0
        await asyncio.sleep(120)

        for front in made.fronts.values():
            front.injury = None
        await _all_is_told(made, ["new"])


@pytest.mark.parametrize("name", CUTS)
async def test_a_cut_wire_loses_nothing(place: Path, name: str) -> None:
    """A TCP connection that suffers on the way to Tencent, whatever is on it."""
    async with house(place) as made:
        host, _, port = made.fronts["tencent"].url.rpartition("/")[2].partition(":")
        async with proxied(host, int(port)) as proxy:
            adapter = made.gateway.lanes.adapters[made.lane("tencent")]
            adapter._account._url = f"http://127.0.0.1:{proxy.port}/api/exploreropen/tokenapi"  # type: ignore[attr-defined]
            await made.connect()
            made.order("new")
            proxy.injury = CUTS[name]
            assert await made.update("new") < 1.0
            assert await made.drained(["south", "fuse"], within_s=30) < 5
            await asyncio.sleep(60)
            assert proxy.accepted < 60

            proxy.injury = WELL
            await _all_is_told(made, ["new"])


@pytest.mark.parametrize(
    "name", ["reset", "silence", "captive portal", "429", "100 MB", "half of the JSON", "announcements"]
)
async def test_a_cloud_in_trouble_orders_later_and_the_others_now(place: Path, name: str) -> None:
    """Who is asked what it wants may be in trouble: other clouds' orders come, and its own once it is well."""
    async with house(place, settings=POLLING, product=DOWN) as made:
        made.fronts["tencent"].injury = INJURIES[name].injure
        made.south.create_task("100", "south")
        made.tencent.create_task("P/d1", "tencent")
        await made.connect()

        await until(lambda: _is_ordered(made, "d0", "south"))
        assert await made.say("d2", type="version", version="1.0") < 1.0
        await asyncio.sleep(60)
        assert not _is_ordered(made, "d1", "tencent")
        assert len(made.fronts["tencent"].asked) < 60

        made.fronts["tencent"].injury = None
        await until(lambda: _is_ordered(made, "d1", "tencent"), within_s=120)
        await until(lambda: made.counted("firmware_images") > 0, within_s=120)


def _is_ordered(made: House, device: str, version: str) -> bool:
    return any(
        update.ordered and update.target == version
        for update in made.gateway.record.of(DeviceId("P", device))
    )
