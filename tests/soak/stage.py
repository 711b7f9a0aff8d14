"""Brings everything up for a soak, and takes it down again whatever happens."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.fire.box.injuries import FalseClock
from tests.integration.store import postgresql
from tests.simulators.demo.clouds import Cloud
from tests.simulators.demo.processes import running
from tests.simulators.ports import free_port
from tests.simulators.proxy import proxied
from tests.soak.director import Soak, Wanted
from tests.soak.disk import own_disk
from tests.soak.site import House, introduce, people, write

REPORTING, TAKING = 40, 12
HTTP_TIMEOUT = aiohttp.ClientTimeout(total=60)


@asynccontextmanager
async def soak(wanted: Wanted, directory: Path) -> AsyncIterator[Soak]:
    """Start both clouds, and make a soak that is ready to play."""
    site = people(REPORTING, TAKING)
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(own_disk(directory / "disk"))
        cluster = stack.enter_context(postgresql.running()) if wanted.on_server else None
        clouds = await _clouds(stack, directory)
        house = House(
            directory, free_port(), free_port(), patience=wanted.bounds.ready * 2, data=disk.path / "data"
        )
        clock = _clock_of(house)
        line = await stack.enter_async_context(proxied("127.0.0.1", house.mqtt_port))
        store = cluster.url(cluster.database()) if cluster else ""
        write(house, site, tencent_url=clouds[0].url, onenet_url=clouds[1].url, store=store)
        await introduce(site, *clouds)
        try:
            yield Soak(
                wanted,
                house=house,
                people=site,
                clouds=clouds,
                disk=disk,
                line=line,
                cluster=cluster,
                clock=clock,
            )
        finally:
            if house.pid is not None:
                await house.kill()


def _clock_of(house: House) -> FalseClock | None:
    """Give the gateway a wall clock that can be set; None where there is no compiler to make one."""
    try:
        clock = FalseClock(house.directory)
    except pytest.skip.Exception:
        return None
    house.environment.update(clock.environment)
    return clock


async def _clouds(stack: AsyncExitStack, directory: Path) -> tuple[Cloud, Cloud]:
    """Start both, Tencent's with the very images that OneNET has."""
    session = await stack.enter_async_context(aiohttp.ClientSession(timeout=HTTP_TIMEOUT))
    logs = directory / "tencent.log", directory / "onenet.log"
    first = running("Tencent's cloud", "tests.simulators.demo.same_build", log=logs[0])
    second = running("OneNET's cloud", "tests.simulators.onenet", log=logs[1])
    tencent, onenet = await stack.enter_async_context(first), await stack.enter_async_context(second)
    return Cloud(session, "tencent", tencent.line["url"]), Cloud(session, "onenet", onenet.line["url"])
