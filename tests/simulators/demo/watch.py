"""What can be seen of the whole at one moment: the fleet from inside, clouds and gateway from outside."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulators.demo.clouds import Cloud
from tests.simulators.demo.gateway import Gateway
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
    clouds: tuple[CloudView, ...] = ()

    @property
    def waiting(self) -> int:
        """Messages that wait in the gateway."""
        return sum(cloud.waiting for cloud in self.clouds)


async def look(fleet: Fleet, gateway: Gateway, clouds: tuple[Cloud, ...], *, seconds: float) -> View:
    """Take a view."""
    status, *summaries = await asyncio.gather(gateway.status(), *(cloud.summary() for cloud in clouds))
    return View(
        seconds=seconds,
        stages=fleet.stages,
        sent=fleet.sent,
        resent=fleet.resent,
        acknowledged=fleet.acknowledged,
        connected=status["devices_connected"],
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
