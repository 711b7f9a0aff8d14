"""``python -m tests.simulators.fleet``: a fleet as a process of its own, for any broker.

The only line on standard output is the ledger, as JSON, when everything is acknowledged; ``--list`` prints the
devices as the CSV that the gateway's ``devices_file`` takes instead, and connects to nobody.
"""

import argparse
import csv
import json
import sys
from typing import Any

import uvloop

from tests.simulators.fleet.cast import cast
from tests.simulators.fleet.device import Device
from tests.simulators.fleet.fleet import Fleet


def main() -> None:
    """Play, and print the ledger."""
    options = _parser().parse_args()
    devices = cast(
        options.product,
        options.devices,
        dialect=options.dialect,
        prefix=options.prefix,
        success=options.success,
        targets=tuple(options.targets.split(",")),
    )
    if options.list:
        _print_csv(devices)
        return
    uvloop.run(_play(options, devices))


async def _play(options: argparse.Namespace, devices: list[Device]) -> None:
    fleet = Fleet(
        (options.host, options.port),
        devices,
        seed=options.seed,
        pace=options.pace,
        spread=options.spread,
        window=options.window,
    )
    await fleet.run()
    print(json.dumps(_ledger(fleet)))


def _ledger(fleet: Fleet) -> dict[str, Any]:
    return {
        "sent": fleet.sent,
        "resent": fleet.resent,
        "acknowledged": fleet.acknowledged,
        "garbage": fleet.garbage,
        "truth": {
            device: {
                version: {
                    "state": result.ending.state,
                    "tencent": result.ending.tencent,
                    "onenet": result.ending.onenet,
                    "why": result.ending.why,
                }
                for version, result in versions.items()
                if result.ending is not None
            }
            for device, versions in fleet.truth.items()
        },
    }


def _print_csv(devices: list[Device]) -> None:
    rows = csv.writer(sys.stdout)
    rows.writerow(["name", "secret"])
    rows.writerows([device.name, device.secret] for device in devices)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.fleet", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--product", default="METER")
    parser.add_argument("--dialect", choices=("plain", "tencent"), default="plain")
    parser.add_argument("--devices", type=int, default=25)
    parser.add_argument("--prefix", default="dev", help="devices are named PREFIX01 and so on")
    parser.add_argument("--targets", default="2.0", help="versions, one after the other, with commas")
    parser.add_argument(
        "--success",
        choices=("on_version_match", "on_done"),
        default="on_version_match",
        help="as the product has it",
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed tells the same stories")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds that an update takes, about")
    parser.add_argument("--spread", type=float, default=0.0, help="seconds over which the devices begin")
    parser.add_argument("--window", type=int, default=1, help="publishes of a device that may be in flight")
    parser.add_argument(
        "--list", action="store_true", help="print the devices and their secrets, and do nothing"
    )
    return parser


main()
