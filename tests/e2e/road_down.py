"""A site whose clouds order and whose devices obey, for the tests of the road down."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.e2e.devices import SECRET, dev_id, product
from tests.e2e.site import Site, both_clouds, firmware_table, site
from tests.simulators.fleet.device import Device
from tests.simulators.fleet.ordered import Manner, OrderedDevice, OrderedFleet
from tests.simulators.onenet import OneNetCloud
from tests.simulators.onenet.task import Device as OneNetDevice
from tests.simulators.ports import free_port
from tests.simulators.record import Call
from tests.simulators.tencent import TencentCloud
from tests.simulators.tencent.task import Device as TencentDevice

NAMES = ("d1", "d2")


@dataclass
class RoadDown:
    """A running site, its two clouds, and what both heard."""

    site: Site
    tencent: TencentCloud
    onenet: OneNetCloud

    def device(self, address: str, manner: Manner | None = None, *, version: str = "1.0") -> OrderedDevice:
        """Make a device of the site; `PLAIN` speaks the plain dialect, `TENCENT` the vendor's."""
        made, _, name = address.partition("/")
        dialect: Literal["plain", "tencent"] = "tencent" if made.startswith("TENCENT") else "plain"
        told = Device(product=made, name=name, secret=SECRET, dialect=dialect, version=version)
        return OrderedDevice(told, ("127.0.0.1", self.site.mqtt_port), manner)

    def fleet(self, addresses: Sequence[str], manner: Manner | None = None) -> OrderedFleet:
        """Make many devices of the same manner."""
        return OrderedFleet(self.device(address, manner) for address in addresses)

    def told_tencent(self, address: str) -> list[str]:
        """Return the states that Tencent acknowledged of a device, in order and without percents."""
        calls = self.tencent.record.calls
        said = [
            call.said.split(" ")[0]
            for call in calls
            if call.device == address and call.action == "AppReportOTAStatus" and call.verdict == "legal"
        ]
        return [word for at, word in enumerate(said) if at == 0 or word != said[at - 1]]

    def told_onenet(self, address: str) -> list[str]:
        """Return the results that OneNET acknowledged of a device, in order."""
        wanted = dev_id(*address.split("/"))
        return [
            call.said.removeprefix("result ")
            for call in self.onenet.record.calls
            if call.device == wanted and call.action == "report" and call.verdict == "legal"
        ]

    def illegal(self) -> list[Call]:
        """Return what either cloud called illegal."""
        calls = [*self.tencent.record.calls, *self.onenet.record.calls]
        return [call for call in calls if call.verdict == "illegal"]

    def fetched(self) -> int:
        """Count the images that the gateway read from either cloud to their end."""
        downloads = [*self.tencent.record.downloads.values(), *self.onenet.record.downloads.values()]
        return sum(download.ended for download in downloads)


async def until(
    is_true: Callable[[], bool], *, within_s: float = 20.0, why: Callable[[], object] = str
) -> None:
    """Wait for what shall become true; TimeoutError says how things stand."""
    try:
        async with asyncio.timeout(within_s):
            while not is_true():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise TimeoutError(str(why())) from None


@asynccontextmanager
async def road_down(
    directory: Path,
    *,
    names: Sequence[str] = NAMES,
    more: str = "",
    extra: str = "",
    onenet_api: str = "south",
) -> AsyncIterator[RoadDown]:
    """Run a gateway with a plain and a Tencent product, each bound to both clouds, which are asked for tasks."""
    settings = f'tasks = "poll"\n{more}'
    products = product("PLAIN", "plain", list(names), more=settings)
    products += product("TENCENT", "tencent", list(names), more=settings)
    if onenet_api == "fuse":
        products = products.replace("dev_id =", "device_name =").replace(
            ', manuf = "100", model = "10001"', ""
        )
    async with (
        both_clouds(onenet_api=onenet_api) as (tencent_cloud, onenet_cloud, clouds),
        site(directory, products, clouds, extra=firmware_table(free_port()) + extra) as made,
    ):
        for kind in ("PLAIN", "TENCENT"):
            for name in names:
                tencent_cloud.devices[f"{kind}/{name}"] = TencentDevice(version="1.0")
                onenet_cloud.devices[dev_id(kind, name)] = OneNetDevice({2: "1.0"})
        await made.start()
        yield RoadDown(made, tencent_cloud, onenet_cloud)
