"""Load an MQTT 3.1.1 broker on this machine: `python -m tests.bench.mqtt_load --connections 100`."""

from __future__ import annotations

import argparse
import dataclasses
import os
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tests.bench.fleet import KINDS, device, template
from tests.bench.load import Load, Measurement

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.fleet import Login


def main() -> None:
    """Run the load that the command line asks for and print what it showed."""
    options = _options().parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    login: Callable[[int], Login] = device
    if options.username is not None:
        login = template(
            client_id=options.client_id,
            username=options.username,
            password=options.password,
            topic=options.topic,
        )
    address = (options.host, options.port)
    with Load(address, options.connections, kind=options.kind, login=login, spin=not options.no_spin) as load:
        if options.warm_up:
            load.closed(options.window, options.warm_up)
        paced = options.rate is not None
        run = (
            load.paced(options.rate, options.seconds)
            if paced
            else load.closed(options.window, options.seconds)
        )
    Console().print(_table(run))


def _table(run: Measurement) -> Table:
    table = Table("what", "measured", title="QoS 1 publishes")
    for name, value in dataclasses.asdict(run).items():
        table.add_row(name, f"{value:,.3f}" if isinstance(value, float) else f"{value:,}")
    return table


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.mqtt_load", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--window", type=int, default=20, help="outstanding per connection (closed loop)")
    parser.add_argument("--rate", type=float, help="messages a second in all (open loop; overrides --window)")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument(
        "--warm-up", type=float, default=0.5, help="seconds of closed loop before; 0 for none"
    )
    parser.add_argument("--kind", choices=KINDS, default="progress")
    parser.add_argument("--core", type=int, help="pin the generator to this core")
    parser.add_argument("--no-spin", action="store_true", help="sleep between sends at a fixed rate")
    parser.add_argument("--client-id", default="BENCH-dev{index:04d}", help="used with --username")
    parser.add_argument("--username", help="a text with {index}; default: the benchmark's own fleet")
    parser.add_argument("--password", default="", help="used with --username")
    parser.add_argument("--topic", default="ota/BENCH/dev{index:04d}/report", help="used with --username")
    return parser


if __name__ == "__main__":
    main()
