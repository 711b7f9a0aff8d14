"""Brings everything up for a soak, and takes it down again whatever happens."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.e2e.site import free_port
from tests.simulators.demo.clouds import Cloud
from tests.simulators.demo.processes import running
from tests.soak.director import Soak, Wanted
from tests.soak.disk import own_disk
from tests.soak.site import House, introduce, people, write

REPORTING, TAKING = 40, 12
HTTP_TIMEOUT = aiohttp.ClientTimeout(total=60)


@asynccontextmanager
async def soak(wanted: Wanted, directory: Path) -> AsyncIterator[Soak]:
    """Start both clouds, and make a soak that is ready to play."""
    site = people(REPORTING, TAKING)
    with own_disk(directory / "disk") as disk:
        async with (
            aiohttp.ClientSession(timeout=HTTP_TIMEOUT) as session,
            running(
                "Tencent's cloud", "tests.simulators.demo.same_build", log=directory / "tencent.log"
            ) as first,
            running("OneNET's cloud", "tests.simulators.onenet", log=directory / "onenet.log") as second,
        ):
            clouds = (
                Cloud(session, "tencent", first.line["url"]),
                Cloud(session, "onenet", second.line["url"]),
            )
            house = House(
                directory,
                free_port(),
                free_port(),
                patience=wanted.bounds.ready * 2,
                data=disk.path / "data",
            )
            write(house, site, tencent_url=clouds[0].url, onenet_url=clouds[1].url, store=wanted.store)
            await introduce(site, *clouds)
            try:
                yield Soak(wanted, house, site, disk, clouds)
            finally:
                if house.pid is not None:
                    await house.kill()
