"""The demo from start to end: bring everything up, let the fleet play, take a cloud away, wait, compare."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from rich.console import Console

from tests.simulators.demo import site as site_of
from tests.simulators.demo.clouds import Cloud, order_all
from tests.simulators.demo.display import Display, display
from tests.simulators.demo.gateway import Gateway
from tests.simulators.demo.processes import ProcessError, Running, running
from tests.simulators.demo.site import Member
from tests.simulators.demo.verdict import Count, Hearing, endings, hearing_of_onenet, hearing_of_tencent
from tests.simulators.demo.watch import View, look, news
from tests.simulators.fleet import Fleet

LOOK_EVERY = 0.4  # seconds
HTTP_TIMEOUT = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How many devices, and how long the parts take, in seconds."""

    devices: int
    seconds: float
    seed: int

    @property
    def pace(self) -> float:
        """What one update takes, about."""
        return self.seconds * 0.6

    @property
    def spread(self) -> float:
        """Over which the devices begin."""
        return self.seconds * 0.3

    @property
    def outage_from(self) -> float:
        """When a cloud goes away."""
        return self.seconds * 0.4

    @property
    def outage(self) -> float:
        """How long it stays away."""
        return min(8.0, self.seconds * 0.3)

    @property
    def deadline(self) -> float:
        """When everything must be over."""
        return self.seconds * 3 + 60


class Stage:
    """Everything up and running."""

    def __init__(
        self,
        script: Script,
        *,
        site: Sequence[Member],
        tencent: Cloud,
        onenet: Cloud,
        gateway: Gateway,
        processes: Sequence[Running],
    ) -> None:
        self.script = script
        self.site = site
        self.tencent = tencent
        self.onenet = onenet
        self.gateway = gateway
        self._processes = processes
        self.fleet = Fleet(
            gateway.mqtt,
            [each.device for each in site],
            seed=script.seed,
            pace=script.pace,
            spread=script.spread,
        )
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    async def play(self, console: Console) -> None:
        """Play until the gateway has told everything; what is missing at the deadline, the comparison will say."""
        broken: BaseException | None = None
        with display(console, self.script.devices) as shown:
            try:
                async with asyncio.timeout(self.script.deadline), asyncio.TaskGroup() as group:
                    beside: list[asyncio.Task[None]] = [
                        group.create_task(each.fail_when_it_ends(), name=f"guard of {each.name}")
                        for each in self._processes
                    ]
                    beside.append(group.create_task(self._watch(shown), name="watch"))
                    outage = group.create_task(self._outage(shown), name="outage")
                    await self._perform(shown, outage)
                    for task in beside:
                        task.cancel()
            except* TimeoutError:
                shown.say(self.seconds, "time is up: not everything was told")
            except* ProcessError as errors:
                broken = errors.exceptions[0]
        if broken is not None:
            raise broken

    async def compare(self) -> tuple[Count, list[Hearing], list[str]]:
        """Fetch the clouds' records and compare them with what the fleet knows."""
        truth = self.fleet.truth
        hearings = [
            hearing_of_tencent(self.site, truth, await self.tencent.calls()),
            hearing_of_onenet(self.site, truth, await self.onenet.calls()),
        ]
        count = await self._count()
        unended = sorted(truth.keys() - endings(self.site, truth).keys())
        differences = [*count.differences(unended), *(each for one in hearings for each in one.differences())]
        return count, hearings, differences

    async def _perform(self, shown: Display, outage: asyncio.Task[None]) -> None:
        shown.say(self.seconds, f"{self.script.devices} devices begin to update from 1.0 to 2.0")
        await self.fleet.run()
        shown.say(self.seconds, "all devices have finished and got everything acknowledged")
        await outage
        while (view := await self._look()) is None or view.waiting:
            await asyncio.sleep(LOOK_EVERY)
        shown.say(self.seconds, "the gateway has nothing left to tell")

    async def _watch(self, shown: Display) -> None:
        view = View()
        while True:
            before, view = view, await self._look() or view
            for cloud in view.clouds:
                if sentence := news(cloud, before):
                    shown.say(self.seconds, sentence)
            shown.show(view)
            await asyncio.sleep(LOOK_EVERY)

    async def _outage(self, shown: Display) -> None:
        await asyncio.sleep(self.script.outage_from)
        await self.tencent.go_away()
        shown.say(self.seconds, "Tencent's cloud goes away; the lane to OneNET goes on")
        await asyncio.sleep(self.script.outage)
        view = await self._look()
        await self.tencent.come_back()
        waiting = f"; {view.clouds[0].waiting} messages wait for the next probe" if view else ""
        shown.say(self.seconds, f"Tencent's cloud is back{waiting}")

    async def _look(self) -> View | None:
        try:
            return await look(self.fleet, self.gateway, self._clouds, seconds=self.seconds)
        except aiohttp.ClientError:
            return None  # whoever does not answer has ended, which its guard reports, or is about to answer

    @property
    def _clouds(self) -> tuple[Cloud, Cloud]:
        return self.tencent, self.onenet

    async def _count(self) -> Count:
        rejected = await self.gateway.total("ota_gateway_messages_rejected_total")
        suppressed = await self.gateway.total("ota_gateway_events_suppressed_total", "reason")
        delivered = await self.gateway.total("ota_gateway_deliveries_total", "outcome")
        lanes = (await self.gateway.status())["lanes"].values()
        return Count(
            sent=self.fleet.sent,
            resent=self.fleet.resent,
            acknowledged=self.fleet.acknowledged,
            garbage=self.fleet.garbage,
            quarantined=int(sum(rejected.values())),
            suppressed={reason: int(number) for reason, number in suppressed.items()},
            not_applicable=int(delivered.get("not_applicable", 0)),
            waiting=sum(lane["messages"] for lane in lanes),
            dead_letters=sum(lane["dead_letters"] for lane in lanes),
            parked=sum(lane["parked_devices"] for lane in lanes),
        )


@asynccontextmanager
async def stage(script: Script, directory: Path) -> AsyncIterator[Stage]:
    """Start both clouds and the gateway, and order the updates."""
    site = site_of.members(script.devices)
    async with (
        aiohttp.ClientSession(timeout=HTTP_TIMEOUT) as session,
        running("Tencent's cloud", "tests.simulators.tencent", log=directory / "tencent.log") as first,
        running("OneNET's cloud", "tests.simulators.onenet", log=directory / "onenet.log") as second,
    ):
        tencent = Cloud(session, "tencent", first.line["url"])
        onenet = Cloud(session, "onenet", second.line["url"])
        await order_all(tencent, onenet, site)
        config = site_of.write(directory, site, tencent_url=tencent.url, onenet_url=onenet.url)
        command = ("gateway", "run", "--config", str(config))
        log = directory / "gateway.log"
        async with running("The gateway", *command, log=log, event="gateway_started") as third:
            gateway = Gateway(session, third.line)
            yield Stage(
                script,
                site=site,
                tencent=tencent,
                onenet=onenet,
                gateway=gateway,
                processes=(first, second, third),
            )
