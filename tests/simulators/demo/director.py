"""The demo from start to end: let the devices play, order, take a cloud away, wait, compare."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import aiohttp
from rich.console import Console

from tests.simulators.demo.campaign import Campaign, Deed
from tests.simulators.demo.clouds import Cloud
from tests.simulators.demo.display import Display, display
from tests.simulators.demo.gateway import Gateway
from tests.simulators.demo.processes import ProcessError, Running
from tests.simulators.demo.script import Script
from tests.simulators.demo.site import Member
from tests.simulators.demo.verdict import (
    Count,
    Fetched,
    Hearing,
    endings_of,
    hearing_of_onenet,
    hearing_of_tencent,
)
from tests.simulators.demo.watch import View, device_news, image_news, look, news
from tests.simulators.fleet import Fleet

LOOK_EVERY = 0.4  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What there is to show at the end."""

    count: Count
    hearings: Sequence[Hearing]
    images: Sequence[Fetched]
    deeds: Sequence[Deed]
    #: A sentence for everything that is not as it should be.
    differences: Sequence[str]


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
        fleet: Fleet,
        campaign: Campaign,
        processes: Sequence[Running],
    ) -> None:
        """`site` is everybody: the `fleet`, which updates by itself, and those of the `campaign`."""
        self.script = script
        self.site = site
        self.tencent = tencent
        self.onenet = onenet
        self.gateway = gateway
        self.fleet = fleet
        self.campaign = campaign
        self._processes = processes
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
                    acts = [
                        group.create_task(self._report(shown), name="reporting devices"),
                        group.create_task(self._order(shown), name="ordering"),
                        group.create_task(self._outage(shown), name="outage"),
                    ]
                    await asyncio.gather(*acts)
                    await self._settle(shown)
                    for task in beside:
                        task.cancel()
            except* TimeoutError:
                shown.say(self.seconds, "time is up: not everything was told")
            except* ProcessError as errors:
                broken = errors.exceptions[0]
        if broken is not None:
            raise broken

    async def compare(self) -> Outcome:
        """Fetch the clouds' records and compare them with what the devices know."""
        reported, deeds = endings_of(self.fleet.truth), self.campaign.deeds()
        endings = reported | self.campaign.endings()
        hearings = [
            hearing_of_tencent(endings, await self.tencent.calls()),
            hearing_of_onenet(self.site, endings, await self.onenet.calls()),
        ]
        count, images = await self._count(), (await self._view()).images
        unended = sorted(self.fleet.truth.keys() - reported.keys())
        differences = [
            *count.differences(unended),
            *(each for deed in deeds for each in deed.differences()),
            *(each for image in images for each in image.differences()),
            *(each for one in hearings for each in one.differences()),
        ]
        return Outcome(count=count, hearings=hearings, images=images, deeds=deeds, differences=differences)

    async def _report(self, shown: Display) -> None:
        shown.say(self.seconds, f"{self.script.devices} devices update by themselves, and report")
        await self.fleet.run()
        shown.say(self.seconds, "the devices that update by themselves have finished")

    async def _order(self, shown: Display) -> None:
        """Let both consoles order; who sleeps, and whose user is asked, comes on the way."""
        campaign, script = self.campaign, self.script
        shown.say(self.seconds, f"{len(campaign.roles)} devices wait for orders; one goes to sleep")
        await _until(lambda: campaign.is_connected)
        campaign.sleeper.cut_power(script.sleep)
        await asyncio.sleep(script.orders_after)
        await campaign.order(self.tencent, self.onenet)
        shown.say(self.seconds, "both consoles order: 2.1 for the pumps, 3.0 for the lamps")
        await self._agree(shown)
        await _until(lambda: campaign.is_over)
        shown.say(self.seconds, "the devices that take orders have finished")

    async def _agree(self, shown: Display) -> None:
        """Wait until both are held that ask first; then one's user agrees, and an operator for the other."""
        pump, lamp = self.campaign.asker("user"), self.campaign.asker("operator")
        while (await self._view()).updates.get("waiting_confirmation", 0) < 2:
            await asyncio.sleep(LOOK_EVERY)
        names = f"{pump.device.name} and {lamp.device.name}"
        shown.say(self.seconds, f"{names} are sent nothing yet: Tencent wants somebody to agree first")
        await asyncio.sleep(self.script.hesitation)
        pump.confirm(True)
        self.campaign.agreed.add(pump.device.address)
        shown.say(self.seconds, f"the user of {pump.device.name} agrees at the device")
        await asyncio.sleep(self.script.hesitation)
        command = ("confirm", f"{lamp.device.address}/default/1")
        await self.gateway.operate(*command)
        self.campaign.agreed.add(lamp.device.address)
        shown.say(self.seconds, f"an operator agrees: ota-gateway {' '.join(command)}")

    async def _settle(self, shown: Display) -> None:
        while not (await self._view()).is_quiet:
            await asyncio.sleep(LOOK_EVERY)
        shown.say(self.seconds, "the gateway has nothing left to tell")

    async def _watch(self, shown: Display) -> None:
        view = View()
        while True:
            before, view = view, await self._look() or view
            told = [*image_news(view, before), *device_news(view, before)]
            for sentence in [*told, *(news(cloud, before) for cloud in view.clouds)]:
                if sentence:
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
            return await self._view()
        except aiohttp.ClientError:
            return None  # whoever does not answer has ended, which its guard reports, or is about to answer

    async def _view(self) -> View:
        clouds = self.tencent, self.onenet
        return await look(self.fleet, self.campaign, self.gateway, clouds, seconds=self.seconds)

    async def _count(self) -> Count:
        rejected = await self.gateway.total("ota_gateway_messages_rejected_total")
        suppressed = await self.gateway.total("ota_gateway_events_suppressed_total", "reason")
        delivered = await self.gateway.total("ota_gateway_deliveries_total", "outcome")
        lanes = (await self.gateway.status())["lanes"].values()
        return Count(
            sent=self.fleet.sent + self.campaign.sent,
            resent=self.fleet.resent,
            acknowledged=self.fleet.acknowledged + self.campaign.acknowledged,
            garbage=self.fleet.garbage,
            quarantined=int(sum(rejected.values())),
            suppressed={reason: int(number) for reason, number in suppressed.items()},
            not_applicable=int(delivered.get("not_applicable", 0)),
            waiting=sum(lane["messages"] for lane in lanes),
            dead_letters=sum(lane["dead_letters"] for lane in lanes),
            parked=sum(lane["parked_devices"] for lane in lanes),
        )


async def _until(is_true: Callable[[], bool]) -> None:
    while not is_true():
        await asyncio.sleep(LOOK_EVERY)
