"""Brings everything up for the demo, and takes it down again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.simulators.demo import site as site_of
from tests.simulators.demo.campaign import Campaign
from tests.simulators.demo.clouds import Cloud, order_reports
from tests.simulators.demo.director import Stage
from tests.simulators.demo.gateway import Gateway
from tests.simulators.demo.processes import running
from tests.simulators.demo.roles import roles
from tests.simulators.demo.script import Script
from tests.simulators.fleet import Fleet

HTTP_TIMEOUT = aiohttp.ClientTimeout(total=10)


@asynccontextmanager
async def stage(script: Script, directory: Path) -> AsyncIterator[Stage]:
    """Start both clouds and the gateway, make the devices known, and power those that take orders."""
    reporting, taking = site_of.members(script.devices), roles(script.order_pace)
    site = [*reporting, *(role.member for role in taking)]
    async with (
        aiohttp.ClientSession(timeout=HTTP_TIMEOUT) as session,
        running(
            "Tencent's cloud", "tests.simulators.demo.same_build", log=directory / "tencent.log"
        ) as first,
        running("OneNET's cloud", "tests.simulators.onenet", log=directory / "onenet.log") as second,
    ):
        tencent = Cloud(session, "tencent", first.line["url"])
        onenet = Cloud(session, "onenet", second.line["url"])
        config = site_of.write(directory, site, tencent_url=tencent.url, onenet_url=onenet.url)
        command = ("gateway", "run", "--config", str(config))
        log = directory / "gateway.log"
        async with running("The gateway", *command, log=log, event="gateway_started") as third:
            gateway = Gateway(session, third.line)
            campaign = Campaign(taking, gateway.mqtt)
            await order_reports(tencent, onenet, reporting)
            await campaign.introduce(tencent, onenet)
            async with campaign.powered():
                yield Stage(
                    script,
                    site=site,
                    tencent=tencent,
                    onenet=onenet,
                    gateway=gateway,
                    fleet=Fleet(
                        gateway.mqtt,
                        [each.device for each in reporting],
                        seed=script.seed,
                        pace=script.pace,
                        spread=script.spread,
                    ),
                    campaign=campaign,
                    processes=(first, second, third),
                )
