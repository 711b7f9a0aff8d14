"""Count what the gateway asks of its clouds: `python -m tests.bench.calls`.

First a campaign: a gateway process, both simulated clouds, and for each of them a product with devices that download
at once, one with devices that take a while, and one with devices that nobody orders anything for. Every call up to
the cloud's acknowledgement of the end belongs to the update, those after it are idle polling. Only rates are raised
above the defaults, so that it does not take long; fifty devices of a product are under way at once, and about those
that wait the cloud is asked again. Then a day of idle fleets without real time, see `calls_idle`. It
prints, it never asserts.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.calls_idle import Day, day
from tests.e2e.devices import SECRET, dev_id
from tests.e2e.site import TOKEN, Site, firmware_table, site
from tests.simulators import serve
from tests.simulators.firmware import Firmware
from tests.simulators.fleet.device import Device
from tests.simulators.fleet.ordered import Manner, OrderedDevice, OrderedFleet
from tests.simulators.onenet import KEY, RESOURCE, OneNetCloud
from tests.simulators.onenet.task import Device as OneNetDevice
from tests.simulators.ports import free_port
from tests.simulators.record import Record
from tests.simulators.tencent import PATH, TencentCloud
from tests.simulators.tencent.task import Device as TencentDevice

WIDTH = 120
CLOUDS = ("tencent", "onenet")
PARTS, PART = 16, 4096
#: One each, for the second cloud's would be found in the cache.
IMAGES = {name: Firmware.grown(PARTS * PART, name) for name in CLOUDS}
DEADLINE_S = 300.0
SETTLE_S = 15.0
RATES = "requests_per_second = 200\npolls_per_second = 20\n"


@dataclass(frozen=True, slots=True)
class Cloud:
    """A simulated cloud as this bench needs it."""

    name: str
    record: Record
    #: What the cloud calls a device, by its address.
    name_of: Callable[[str], str]
    know: Callable[[str], object]
    order: Callable[[str], object]
    #: The action that asks whether there is an order.
    asks: str

    def calls_of(self, address: str) -> tuple[Counter[str], Counter[str]]:
        """Return the calls for a device up to the end of its update, and those after it, by action."""
        calls = [call for call in self.record.calls if call.device == self.name_of(address)]
        told = [number for number, call in enumerate(calls) if call.said]
        end = told[-1] + 1 if told else 0
        return Counter(call.action for call in calls[:end]), Counter(call.action for call in calls[end:])

    def later_calls_of(self, address: str) -> Counter[str]:
        """Return the calls for a device after it was asked about for the first time, by action."""
        actions = [call.action for call in self.record.calls if call.device == self.name_of(address)]
        return Counter(actions[actions.index(self.asks) + 1 :] if self.asks in actions else ())


@dataclass(frozen=True, slots=True)
class Group:
    """Devices of one kind and cloud."""

    cloud: Cloud
    kind: str
    addresses: Sequence[str]

    def during(self) -> Counter[str]:
        """Count calls of updates, by action."""
        return _sum(self.cloud.calls_of(address)[0] for address in self.addresses)

    def after(self) -> Counter[str]:
        """Count calls that belong to no update, by action."""
        return _sum(self.cloud.calls_of(address)[1] for address in self.addresses)


def main() -> None:
    """Measure what the command line asks for and print the tables."""
    options = _options().parse_args()
    console = Console(width=None if os.isatty(1) else WIDTH)
    groups = asyncio.run(_campaign(options.devices, options.idle, options.slow_seconds, console))
    for name in CLOUDS:
        console.print(_updates([group for group in groups if group.cloud.name == name], options.slow_seconds))
    days = []
    for devices in options.fleets:
        console.print(f"a day of {devices} idle devices", style="dim")
        days.append(day(devices, options.hours))
    console.print(
        _idle(days, {group.cloud.name: _per_poll(group) for group in groups if group.kind == "idle"})
    )


async def _campaign(devices: int, idle: int, slow_s: float, console: Console) -> list[Group]:
    """Let the clouds order, all devices obey, and return what was heard."""
    counts = {"quick": devices, "slow": devices, "idle": idle}
    names = {f"{kind}-{cloud}": kind for cloud in CLOUDS for kind in counts}
    products = "".join(_product(name, counts[kind]) for name, kind in names.items())
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        async with (
            _clouds() as (clouds, config),
            site(Path(directory), products, config, extra=firmware_table(free_port())) as made,
        ):
            groups = [
                Group(cloud, kind, [f"{kind}-{cloud.name}/d{n}" for n in range(count)])
                for cloud in clouds
                for kind, count in counts.items()
            ]
            await made.start()
            await _play(made, groups, slow_s, console)
    return groups


def _product(name: str, devices: int) -> str:
    """Write the configuration of a product that one cloud orders for."""
    cloud = name.partition("-")[2]
    lines = [
        f"[products.{name}]",
        f'dialect = "plain"\nauthentication = "password"\nclouds = ["{cloud}"]\ntasks = "poll"',
        f"[products.{name}.devices]",
    ]
    for number in range(devices):
        codes = f'dev_id = "{dev_id(name, f"d{number}")}", manuf = "100", model = "10001"'
        known = f", onenet = {{ {codes} }}" if cloud == "onenet" else ""
        lines.append(f'd{number} = {{ secret = "{SECRET}"{known} }}')
    return "\n".join(lines) + "\n"


async def _play(made: Site, groups: Sequence[Group], slow_s: float, console: Console) -> None:
    manners = {"quick": Manner(), "slow": Manner(part=PART, part_pause=slow_s / PARTS), "idle": Manner()}
    for group in groups:
        for address in group.addresses:
            group.cloud.know(address)
            if group.kind != "idle":
                group.cloud.order(address)
    fleet = OrderedFleet(
        _device(made, address, manners[group.kind]) for group in groups for address in group.addresses
    )
    busy = [group for group in groups if group.kind != "idle"]
    console.print(f"{sum(len(group.addresses) for group in busy)} updates", style="dim")
    async with fleet.powered(), asyncio.timeout(DEADLINE_S):
        for group in busy:
            for address in group.addresses:
                await fleet.devices[address].until_reported("2.0", within_s=DEADLINE_S)
        await made.settled(within_s=DEADLINE_S)
        await asyncio.sleep(SETTLE_S)


def _device(made: Site, address: str, manner: Manner) -> OrderedDevice:
    kind, _, name = address.partition("/")
    told = Device(product=kind, name=name, secret=SECRET, dialect="plain", version="1.0")
    return OrderedDevice(told, ("127.0.0.1", made.mqtt_port), manner)


@asynccontextmanager
async def _clouds() -> AsyncIterator[tuple[list[Cloud], str]]:
    """Serve both clouds; the text is their part of the configuration."""
    tencent, onenet = TencentCloud(), OneNetCloud()
    tencent.admits_any_device = True
    tencent.tokens = {TOKEN: float(1 << 40)}

    def number_of(address: str) -> str:
        return dev_id(*address.split("/"))

    def know_at_tencent(address: str) -> None:
        tencent.devices[address] = TencentDevice(version="1.0")

    def know_at_onenet(address: str) -> None:
        onenet.devices[number_of(address)] = OneNetDevice({2: "1.0"})

    def order_of_tencent(address: str) -> None:
        tencent.create_task(address, "2.0")
        tencent.firmware[f"{address.partition('/')[0]}/2.0"] = IMAGES["tencent"]

    def order_of_onenet(address: str) -> None:
        onenet.create_task(number_of(address), "2.0").firmware = IMAGES["onenet"]

    async with serve(tencent) as tencent_url, serve(onenet) as onenet_url:
        config = (
            f'[clouds.tencent]\nadapter = "tencent"\n{RATES}url = "{tencent_url}{PATH}"\naccess_token = "{TOKEN}"\n'
            f'[clouds.onenet]\nadapter = "onenet"\n{RATES}url = "{onenet_url}"\nresource = "{RESOURCE}"\n'
            f'access_key = "{KEY}"\n'
        )
        clouds = [
            Cloud("tencent", tencent.record, str, know_at_tencent, order_of_tencent, "AppGetDeviceOTAInfo"),
            Cloud("onenet", onenet.record, number_of, know_at_onenet, order_of_onenet, "check"),
        ]
        yield clouds, config


def _updates(groups: Sequence[Group], slow_s: float) -> Table:
    """Show calls for each completed update."""
    busy = [group for group in groups if group.kind != "idle"]
    cloud = groups[0].cloud
    times = {"quick": "download at once", "slow": f"download in {slow_s:g} s"}
    columns = [f"{len(group.addresses)} devices, {times[group.kind]}" for group in busy]
    table = Table("calls for each update", *columns, title=f"{cloud.name}: a campaign")
    during = [group.during() for group in busy]
    for action in sorted(set().union(*during)):
        table.add_row(action, *(_each(calls[action], g) for calls, g in zip(during, busy, strict=True)))
    table.add_row("all", *(_each(c.total(), g) for c, g in zip(during, busy, strict=True)), style="bold")
    after = [group.after().total() for group in busy]
    table.add_row(
        "idle polling of those that are done", *(_each(c, g) for c, g in zip(after, busy, strict=True))
    )
    fetched = sum(download.requests for download in cloud.record.downloads.values())
    table.add_row("requests for the image, for all devices together", str(fetched))
    return table


def _each(calls: int, group: Group) -> str:
    return f"{calls / len(group.addresses):.2f}"


def _per_poll(group: Group) -> float:
    """Return how many calls it takes to learn that there is nothing for an idle device, after the first time."""
    calls = _sum(group.cloud.later_calls_of(address) for address in group.addresses)
    return calls.total() / max(calls[group.cloud.asks], 1)


def _idle(days: Sequence[Day], per_poll: dict[str, float]) -> Table:
    """Show calls for each idle device and hour."""
    table = Table("idle devices", *(f"{each.devices:,}" for each in days), title="A day without orders")
    table.add_row("polls of a device in its first hour", *(f"{each.first_hour:.2f}" for each in days))
    table.add_row("polls of a device in an hour, later", *(f"{each.steady:.2f}" for each in days))
    for cloud, calls in per_poll.items():
        table.add_row(
            f"calls to {cloud} for a device in an hour, later ({calls:.2f} a poll)",
            *(f"{each.steady * calls:.2f}" for each in days),
            style="bold",
        )
    table.add_row("polls of all in the busiest minute", *(f"{each.most_in_a_minute}" for each in days))
    table.add_row("longest wait for a poll", *(f"{each.longest_wait_h:.2f} h" for each in days))
    return table


def _sum(counters: Iterable[Counter[str]]) -> Counter[str]:
    return sum(counters, Counter())


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.calls", description=__doc__)
    parser.add_argument("--devices", type=int, default=100, help="updates of each kind and cloud")
    parser.add_argument("--idle", type=int, default=20, help="idle devices of the campaign, for each cloud")
    parser.add_argument("--slow-seconds", type=float, default=60.0, help="how long a slow download takes")
    parser.add_argument("--fleets", type=int, nargs="*", default=[1000, 10_000], help="idle for a day")
    parser.add_argument("--hours", type=int, default=24)
    return parser


if __name__ == "__main__":
    main()
