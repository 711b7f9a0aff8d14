"""The simulated clouds of the demo, steered and asked over ``/_sim/``."""

from collections.abc import Sequence
from typing import Any

import aiohttp

from tests.simulators.demo.site import MANUF, MODEL, TARGET, VERSION, Member

EVERYTHING = 200_000  # calls


class Cloud:
    """One cloud in its process."""

    def __init__(self, session: aiohttp.ClientSession, name: str, url: str) -> None:
        self._session = session
        self.name = name
        self.url = url
        self.is_down = False

    async def summary(self, *, devices: bool = False) -> dict[str, Any]:
        """Return its counters, and the last state of every device if wanted."""
        return await self._get(f"/_sim/summary{'' if devices else '?devices=no'}")

    async def calls(self) -> list[dict[str, Any]]:
        """Return all that it heard, in order."""
        calls: list[dict[str, Any]] = (await self._get(f"/_sim/record?limit={EVERYTHING}"))["calls"]
        return calls

    async def calls_since(self, order: int) -> list[dict[str, Any]]:
        """Return what it heard after that call, and let it forget all up to there."""
        await self._post("record", {"forget": order})
        calls: list[dict[str, Any]] = (await self._get(f"/_sim/record?since={order}"))["calls"]
        return calls

    async def excuse_resends(self) -> None:
        """Tell it that the gateway was killed, and may say again what was on the wire."""
        await self._post("record", {"excuse_resends": True})

    async def set_faults(self, **modes: object) -> None:
        """Set modes of ``/_sim/faults``; False switches one off."""
        await self._post("faults", modes)

    async def go_away(self) -> None:
        """Reset every connection from now on."""
        await self._post("faults", {"down": True})
        self.is_down = True

    async def come_back(self) -> None:
        """Answer again."""
        await self._post("faults", {"clear": True})
        self.is_down = False

    async def order(self, devices: Sequence[str], version: str, **more: object) -> None:
        """Give each device a task."""
        await self._post("tasks", {"create": {"devices": list(devices), "version": version, **more}})

    async def introduce(self, devices: Sequence[str], **more: str) -> None:
        """Make the devices known."""
        await self._post("devices", {"devices": list(devices), "version": VERSION, **more})

    async def _get(self, path: str) -> dict[str, Any]:
        async with self._session.get(self.url + path) as response:
            response.raise_for_status()
            answer: dict[str, Any] = await response.json()
            return answer

    async def _post(self, what: str, body: dict[str, Any]) -> None:
        async with self._session.post(f"{self.url}/_sim/{what}", json=body) as response:
            response.raise_for_status()


async def order_reports(tencent: Cloud, onenet: Cloud, site: Sequence[Member]) -> None:
    """Have tasks for the devices that update by themselves: at Tencent for all, at OneNET for most."""
    addresses = [each.device.address for each in site]
    await tencent.introduce(addresses)
    await tencent.order(addresses, TARGET)
    await onenet.introduce([each.dev_id for each in site if each.dev_id], manuf=MANUF, model=MODEL)
    await onenet.order([each.dev_id for each in site if each.has_task], TARGET)
