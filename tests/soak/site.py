"""The site of the soak: who is there, the gateway's files, and its process, which comes and goes."""

import asyncio
import csv
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp

from tests.e2e.site import Site
from tests.integration.broker.certificates import authority
from tests.simulators import onenet, tencent
from tests.simulators.demo.clouds import Cloud
from tests.simulators.demo.site import (
    CLOUDS,
    LAMP,
    PLAIN,
    PUMP,
    SDK,
    Member,
    members,
    write_devices,
    write_secret,
)
from tests.simulators.fleet import Device, secret_of
from tests.simulators.ports import free_port

#: Whom the hostile peers say to be, and the one good device among them, which is timed.
HOSTILE, HOSTILES, TIMED = "P", 500, "good0"
CHUNKY = 3  # every third pump has no HTTP stack
STOP = 30.0  # seconds
CONFIG = """\
[gateway]
name = "soak"
data_dir = "{data}"

[mqtt]
listen = "127.0.0.1:{mqtt}"
tls_listen = "127.0.0.1:{tls}"
tls_certificate = "{certificate}"
tls_key = "{key}"

[mqtt.limits]
connects_per_second = 2000
connect_timeout = "3s"
max_connections = 2000

[http]
listen = "127.0.0.1:{http}"

[store]
{store}

[firmware]
listen = "127.0.0.1:{firmware}"
public_url = "http://127.0.0.1:{firmware}"
allowed_networks = ["127.0.0.0/8"]
allowed_ports = []
quota = "16MiB"

"""
PACE = """\
requests_per_second = 60
progress_interval = "3s"
poll_minimum = "1s"
poll_interval = "4s"
polls_per_second = 20
"""
PRODUCT = """
[products.{name}]
dialect = "{dialect}"
authentication = "{authentication}"
clouds = {clouds}
success = "{success}"
tasks = "{tasks}"
devices_file = "{name}.csv"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The devices: those that report by themselves, and those that take orders."""

    reporting: Sequence[Member]
    taking: Sequence[Member]

    @property
    def all(self) -> list[Member]:
        """Everybody but the hostile."""
        return [*self.reporting, *self.taking]


def people(reporting: int, taking: int) -> People:
    """Return a site of so many of each; of those that take orders, half are plain."""
    return People(reporting=members(reporting), taking=list(_takers(taking)))


def _takers(count: int) -> Iterator[Member]:
    for number in range(count):
        product, name = (PUMP, f"pump{number:02d}") if number % 2 == 0 else (LAMP, f"lamp{number:02d}")
        device = Device(
            product=product,
            name=name,
            secret=secret_of(product, name),
            dialect="plain" if product == PUMP else "tencent",
        )
        yield Member(device=device, dev_id=f"65{number:06d}", has_task=True)


def write(house: "House", site: People, *, tencent_url: str, onenet_url: str, store: str = "") -> None:
    """Write the configuration, its secrets and its lists of devices."""
    directory = house.directory
    write_secret(directory / "tencent-token", tencent.TOKEN)
    write_secret(directory / "onenet-key", onenet.KEY)
    certificate, key = authority(directory, "own").issue("server", "/CN=localhost")
    text = (CONFIG + CLOUDS).format(
        data=house.data,
        mqtt=house.mqtt_port,
        tls=house.tls_port,
        certificate=certificate,
        key=key,
        http=house.http_port,
        firmware=house.image_port,
        store=f'url = "{store}"' if store else "",
        tencent=tencent_url + tencent.PATH,
        onenet=onenet_url,
        resource=onenet.RESOURCE,
        pace=PACE,
    )
    for name in (PLAIN, SDK, PUMP, LAMP):
        write_devices(directory / f"{name}.csv", [each for each in site.all if each.device.product == name])
        is_plain = name in (PLAIN, PUMP)
        text += PRODUCT.format(
            name=name,
            dialect="plain" if is_plain else "tencent",
            authentication="password" if is_plain else "tencent",
            clouds='["tencent", "onenet"]',
            success="on_version_match",
            tasks="poll" if name in (PUMP, LAMP) else "off",
        )
    _write_hostile(directory / f"{HOSTILE}.csv")
    text += PRODUCT.format(
        name=HOSTILE,
        dialect="plain",
        authentication="password",
        clouds='["tencent"]',
        success="on_done",
        tasks="off",
    )
    house.config.write_text(text)


def hostile_names() -> list[str]:
    """Return the hostile devices, and the good one among them."""
    return [TIMED, *(f"bad{number}" for number in range(HOSTILES))]


def _write_hostile(path: Path) -> None:
    path.touch(mode=0o600)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["name", "secret"])
        rows.writerows([name, f"secret-{name}"] for name in hostile_names())


@dataclass
class House(Site):
    """The gateway's process, and how long it took to be ready each time."""

    data: Path = Path()
    #: Where images are to be had, and where the devices' port with TLS is, to which only strangers come.
    image_port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)
    #: Seconds to readiness, start by start.
    readiness: list[float] = field(default_factory=list)
    #: When it was ready, by the monotonic clock.
    began: float = 0.0

    @property
    def pid(self) -> int | None:
        """Its process while that lives."""
        process = self.process
        return process.pid if process is not None and process.returncode is None else None

    async def begin(self) -> None:
        """Start it as a service manager does, again while it ends; TimeoutError if it is not ready in time."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.patience):
                while not await self._comes_up():
                    await asyncio.sleep(0.5)
        except TimeoutError as error:
            said = self.log().splitlines()[-3:]
            raise TimeoutError(
                f"it is not ready after {self.patience:g} s; its last words: {said}"
            ) from error
        self.readiness.append(time.monotonic() - began)
        self.began = time.monotonic()

    async def end(self) -> int:
        """End it by SIGTERM, and by force after half a minute; return its exit code."""
        try:
            async with asyncio.timeout(STOP):
                return await self.stop()
        except TimeoutError:
            await self.kill()
            return -9

    async def _comes_up(self) -> bool:
        try:
            await self.start()
        except AssertionError:
            return False  # it ended: a full disk, a locked store
        while self.pid is not None:
            if await self.is_ready():
                return True
            await asyncio.sleep(0.05)
        return False

    async def is_ready(self) -> bool:
        """Ask /readyz."""
        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
                address = f"http://127.0.0.1:{self.http_port}/readyz"
                async with session.get(address) as answer:
                    return answer.status == 200
        return False

    def memory_mb(self) -> tuple[float, float] | None:
        """Return what the process holds, and the most that it ever held; None while there is none."""
        try:
            said = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return None
        found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", said, re.MULTILINE))
        return (int(found["VmRSS"]) / 1024, int(found["VmHWM"]) / 1024) if len(found) == 2 else None


async def introduce(site: People, tencent_cloud: Cloud, onenet_cloud: Cloud) -> None:
    """Make everybody known to the clouds."""
    await tencent_cloud.introduce([each.device.address for each in site.all])
    await tencent_cloud.introduce([f"{HOSTILE}/{name}" for name in hostile_names()])
    await onenet_cloud.introduce(
        [each.dev_id for each in site.all if each.dev_id], manuf="100", model="10001"
    )


def at(member: Member, version: str, target: str, **more: object) -> Device:
    """Return the device as it is at the beginning of an update."""
    return replace(member.device, version=version, targets=(target,), **more)  # type: ignore[arg-type]
