"""The site of the demo: who is there, which cloud has a task for whom, and the gateway's files."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.simulators import onenet, tencent
from tests.simulators.fleet import Device, cast
from tests.simulators.ports import free_port

#: Devices that update by themselves and report, and devices that take orders; of each kind the plain ones first.
PLAIN, SDK = "METER", "CAMERA"
PUMP, LAMP = "PUMP", "LAMP"
VERSION, TARGET = "1.0", "2.0"
PUMP_TARGET, LAMP_TARGET = "2.1", "3.0"
MANUF, MODEL = "100", "10001"

#: Both clouds, each at its URL and at the pace of who writes it.
CLOUDS = """\
[clouds.tencent]
adapter = "tencent"
url = "{tencent}"
access_token = {{ file = "tencent-token" }}
{pace}
[clouds.onenet]
adapter = "onenet"
url = "{onenet}"
resource = "{resource}"
access_key = {{ file = "onenet-key" }}
{pace}"""
CONFIG = """\
[gateway]
name = "demo"
data_dir = "data"

[mqtt]
listen = "127.0.0.1:0"

[http]
listen = "127.0.0.1:{http_port}"        # the command line finds the gateway by it

[firmware]
listen = "127.0.0.1:{firmware_port}"
public_url = "http://127.0.0.1:{firmware_port}"
allowed_networks = ["127.0.0.0/8"]      # the simulated clouds are on this machine
allowed_ports = []

"""
#: Much faster than for a real cloud, whose console nobody watches for a minute.
PACE = """\
requests_per_second = 50
progress_interval = "3s"
poll_minimum = "1s"
poll_interval = "2s"
polls_per_second = 20
"""
PRODUCT = """
[products.{name}]
dialect = "{dialect}"
authentication = "{authentication}"
clouds = ["tencent", "onenet"]
success = "on_version_match"
rollback_after = "2s"
tasks = "{tasks}"
devices_file = "{name}.csv"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A device of the site, as OneNET sees it."""

    device: Device
    #: Empty: OneNET does not know it.
    dev_id: str
    has_task: bool


def members(count: int) -> list[Member]:
    """Return the site: half plain, half speaking as Tencent's SDKs do; one in ten has nothing to do with OneNET."""
    halves = [
        cast(PLAIN, count - count // 2, prefix="meter", targets=(TARGET,)),
        cast(SDK, count // 2, dialect="tencent", prefix="cam", targets=(TARGET,)),
    ]
    return [
        Member(
            device=device,
            dev_id="" if number % 20 == 4 else f"{half + 61}{number + 1:06d}",
            has_task=number % 10 != 4,
        )
        for half, devices in enumerate(halves)
        for number, device in enumerate(devices)
    ]


def write(directory: Path, site: Sequence[Member], *, tencent_url: str, onenet_url: str) -> Path:
    """Write the configuration, its secrets and its lists of devices; return the configuration's path."""
    write_secret(directory / "tencent-token", tencent.TOKEN)
    write_secret(directory / "onenet-key", onenet.KEY)
    text = (CONFIG + CLOUDS).format(
        http_port=free_port(),
        firmware_port=free_port(),
        tencent=tencent_url + tencent.PATH,
        onenet=onenet_url,
        resource=onenet.RESOURCE,
        pace=PACE,
    )
    for product in (PLAIN, SDK, PUMP, LAMP):
        listed = [each for each in site if each.device.product == product]
        write_devices(directory / f"{product}.csv", listed)
        text += _product(product)
    config = directory / "gateway.toml"
    config.write_text(text)
    return config


def _product(name: str) -> str:
    dialect, authentication = ("plain", "password") if name in (PLAIN, PUMP) else ("tencent", "tencent")
    tasks = "poll" if name in (PUMP, LAMP) else "off"
    return PRODUCT.format(name=name, dialect=dialect, authentication=authentication, tasks=tasks)


def write_secret(path: Path, secret: str) -> None:
    """Write it for its owner alone."""
    path.touch(mode=0o600)
    path.write_text(secret + "\n")


def write_devices(path: Path, listed: Sequence[Member]) -> None:
    """Write the list of a product."""
    path.touch(mode=0o600)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["name", "secret", "onenet_dev_id", "onenet_manuf", "onenet_model"])
        for each in listed:
            fit = (MANUF, MODEL) if each.dev_id else ("", "")
            rows.writerow([each.device.name, each.device.secret, each.dev_id, *fit])
