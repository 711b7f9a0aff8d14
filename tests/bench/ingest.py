"""Compare the gateway's ingest with stock amqtt and Mosquitto: `python -m tests.bench.ingest`.

Same machine, same run, same generator; the server on one core, the generator on another.
It prints, it never asserts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import signal
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from rich.console import Console
from rich.markup import escape

from tests.bench.cells import CELLS, QUICK_CELLS, sample
from tests.bench.comparison import Comparison
from tests.bench.fleet import KINDS
from tests.bench.peers import PEERS
from tests.bench.server import MissingError, Peer, separate_cores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.cells import Cell
    from tests.bench.fleet import Kind

WIDEST = 190
CAVEAT = (
    "Acknowledged is not the same for all: the gateway acknowledges what it has committed and fsynced; "
    "amqtt and Mosquitto acknowledge what they hold in memory."
)


def main() -> None:
    """Measure what the command line asks for, print the table, and write the JSON."""
    options = _options().parse_args()
    console = Console() if os.isatty(1) else Console(width=WIDEST)
    _allow_many_files()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unwinding ends the servers
    peers = [peer for peer in PEERS if peer.name in options.peers]
    cells = QUICK_CELLS if options.quick else CELLS
    seconds, rounds = (1.5, 2) if options.quick else (options.seconds, options.rounds)
    comparison = compare(peers, cells, seconds=seconds, rounds=rounds, kind=options.kind, console=console)
    missing = [f"{peer} is missing: {escape(why)}" for peer, why in comparison.missing.items()]
    console.print(comparison.table(), *missing, CAVEAT, _conditions(), sep="\n")
    if options.json:
        report = {
            "conditions": _conditions(),
            "kind": options.kind,
            "seconds": seconds,
            **comparison.as_json(),
        }
        options.json.write_text(json.dumps(report, indent=1))


def compare(
    peers: Sequence[Peer], cells: Sequence[Cell], *, seconds: float, rounds: int, kind: Kind, console: Console
) -> Comparison:
    """Run every cell on every peer, the peers taking turns so that the machine's noise falls on all."""
    comparison = Comparison([peer.name for peer in peers])
    for cell in cells:
        for turn in range(rounds):
            for peer in peers:
                if peer.name not in comparison.missing:
                    console.print(f"{cell}, round {turn + 1}: {peer.name}", style="dim")
                    _add_sample(comparison, peer, cell, seconds, kind)
    return comparison


def _add_sample(comparison: Comparison, peer: Peer, cell: Cell, seconds: float, kind: Kind) -> None:
    try:
        comparison.add(cell, peer.name, sample(peer, cell, seconds, kind))
    except MissingError as error:
        comparison.missing[peer.name] = str(error)
    except (OSError, psutil.Error) as error:
        comparison.fail(cell, peer.name, f"failed: {error}")


def _conditions() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cores": os.cpu_count(),
        "separate_cores": separate_cores(),
        "load_average": os.getloadavg(),
        "amqtt": version("amqtt"),
    }


def _allow_many_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ingest", description=__doc__)
    names = [peer.name for peer in PEERS]
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each cell; the median counts")
    parser.add_argument("--quick", action="store_true", help="three cells, two short rounds")
    parser.add_argument("--kind", choices=KINDS, default="progress", help="what the devices report")
    parser.add_argument("--peers", nargs="+", choices=names, default=names)
    parser.add_argument("--json", type=Path, help="write every sample to this file")
    return parser


if __name__ == "__main__":
    main()
