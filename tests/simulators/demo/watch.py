"""What can be seen of the whole at one moment: the fleet from inside, clouds and gateway from outside."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulators.demo.campaign import Campaign, Standing
from tests.simulators.demo.clouds import Cloud
from tests.simulators.demo.gateway import Gateway
from tests.simulators.demo.roles import SIZES
from tests.simulators.demo.verdict import Fetched, fetched
from tests.simulators.fleet import Fleet

NAMES = {"tencent": "Tencent", "onenet": "OneNET"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudView:
    """One cloud, with the gateway's lane to it."""

    name: str
    is_down: bool
    heard: int
    ended: int
    illegal: int
    circuit: str
    waiting: int
    oldest_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One moment."""

    seconds: float = 0.0
    stages: Mapping[str, int] = field(default_factory=dict)
    sent: int = 0
    resent: int = 0
    acknowledged: int = 0
    connected: int = 0
    #: Updates that are open in the gateway, by state.
    updates: Mapping[str, int] = field(default_factory=dict)
    standings: tuple[Standing, ...] = ()
    images: tuple[Fetched, ...] = ()
    clouds: tuple[CloudView, ...] = ()

    @property
    def is_quiet(self) -> bool:
        """Whether the gateway has nothing left to tell, and waits for nothing."""
        return not any(cloud.waiting for cloud in self.clouds) and not any(self.updates.values())


async def look(
    fleet: Fleet, campaign: Campaign, gateway: Gateway, clouds: tuple[Cloud, ...], *, seconds: float
) -> View:
    """Take a view."""
    status, *summaries = await asyncio.gather(gateway.status(), *(cloud.summary() for cloud in clouds))
    downloads = {cloud.name: summary["downloads"] for cloud, summary in zip(clouds, summaries, strict=True)}
    return View(
        seconds=seconds,
        stages=fleet.stages,
        sent=fleet.sent + campaign.sent,
        resent=fleet.resent,
        acknowledged=fleet.acknowledged + campaign.acknowledged,
        connected=status["devices_connected"],
        updates=status["updates"],
        standings=tuple(campaign.standings()),
        images=tuple(
            fetched(version, size, downloads=downloads, given=campaign.given(version))
            for version, size in SIZES.items()
        ),
        clouds=tuple(
            _cloud(cloud, summary, status["lanes"][f"cloud/{cloud.name}"])
            for cloud, summary in zip(clouds, summaries, strict=True)
        ),
    )


def news(cloud: CloudView, before: View) -> str:
    """Say in a sentence when the gateway's opinion of a cloud has changed, or nothing."""
    was = {each.name: each.circuit for each in before.clouds}.get(cloud.name, "closed")
    if (was == "closed") == (cloud.circuit == "closed"):
        return ""  # half-open comes and goes with every probe
    if cloud.circuit == "closed":
        return f"the gateway reaches {NAMES[cloud.name]} again and tells it what has waited"
    return f"the gateway opens the circuit to {NAMES[cloud.name]}: only probes go out"


def image_news(view: View, before: View) -> list[str]:
    """Say in a sentence for each image that it has begun to come."""
    had = {image.version for image in before.images if image.times}
    return [
        f"the gateway fetches image {image.version}, {image.size // 2**20} MiB, from {_names(image)}"
        for image in view.images
        if image.times and image.version not in had
    ]


def device_news(view: View, before: View) -> list[str]:
    """Say in a sentence for each device what is out of the ordinary."""
    was = {each.name: each.does for each in before.standings}
    return [
        f"{each.name} {sentence}"
        for each in view.standings
        if (sentence := _SENTENCES.get((was.get(each.name, ""), each.does), ""))
    ]


#: What a device did, and does now → what to say of it.
_SENTENCES = {
    ("asleep", "idle"): "wakes up and says what it runs",
    ("asleep", "fetching"): "wakes up, says what it runs, and is told of its update",
    ("fetching", "away"): "is gone in the middle of its download",
    ("away", "fetching"): "is back and fetches what is missing",
    ("away", "idle"): "is back, says what it runs, and will be told again",
    ("booting", "rolled back"): "does not come up with the new version and runs the old one again",
}


def _names(image: Fetched) -> str:
    return " and ".join(NAMES[cloud] for cloud, times in image.begun.items() if times)


def _cloud(cloud: Cloud, summary: Mapping[str, Any], lane: Mapping[str, Any]) -> CloudView:
    return CloudView(
        name=cloud.name,
        is_down=cloud.is_down,
        heard=summary["heard"],
        ended=sum(summary["terminal"].values()),
        illegal=summary["illegal"],
        circuit=lane["circuit"],
        waiting=lane["messages"],
        oldest_seconds=lane["oldest_seconds"],
    )
