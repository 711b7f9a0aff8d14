"""Compare the image server with nginx, and measure its memory: `python -m tests.bench.images`.

Same files, same run, same clients; each server alone at work on one core, the clients on another. It prints, it
never asserts.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median

from rich.console import Console
from rich.table import Table

from tests.bench.images_load import Load, digest_of
from tests.bench.images_memory import phases
from tests.bench.images_peers import gateway, nginx
from tests.bench.server import GENERATOR_CORE, MissingError, Server, pinned_to, separate_cores

DEVICES = 50
WARM_UP_S = 0.5
KIBIBYTE, MEBIBYTE, GIBIBYTE = 2**10, 2**20, 2**30
WIDTH = 140
CAVEAT = (
    "The gateway checks a signature, opens a proven image, counts and reports for every answer; nginx does none of "
    "that. Clients throw bodies away inside the kernel and have compared the SHA-256 of what both servers send. Where "
    "neither server nor clients were busy, waking up or other work on the machine was the limit: then only CPU tells."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One load: how many devices fetch an image of how many MiB, as a whole or in parts of some bytes."""

    devices: int
    mebibytes: int
    part: int | None = None

    def __str__(self) -> str:
        how = "whole" if self.part is None else f"in parts of {self.part // KIBIBYTE} KiB"
        return f"{self.mebibytes} MiB {how}, {self.devices} device" + "s" * (self.devices > 1)


CELLS = [
    Cell(devices=devices, mebibytes=mebibytes, part=part)
    for mebibytes, part in ((16, None), (256, None), (16, 64 * KIBIBYTE), (16, 4 * KIBIBYTE))
    for devices in (1, DEVICES)
]


@dataclass(frozen=True, slots=True)
class Peer:
    """A running server and, by size in MiB, what each device fetches from it."""

    name: str
    server: Server
    links: dict[int, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one run of one cell showed."""

    mib_per_second: float
    cpu_s_per_gib: float
    server_busy: float
    generator_busy: float

    @property
    def generator_could(self) -> float:
        """MiB/s at which the clients would have used up their core."""
        return self.mib_per_second / max(self.generator_busy, 0.01)


def main() -> None:
    """Measure what the command line asks for and print the tables."""
    options = _options().parse_args()
    console = Console(width=None if os.isatty(1) else WIDTH)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unwinding ends the servers
    if not options.no_speed:
        with peers() as found:
            table = compare(found, options.seconds, options.rounds, console)
        console.print(table, CAVEAT, sep="\n")
    if not options.no_memory:
        table = Table(
            "one image", "peak above idle", "MiB/s", title=f"Memory: an image of {options.mebibytes} MiB"
        )
        for phase in phases(options.mebibytes * MEBIBYTE, DEVICES, options.slow * MEBIBYTE):
            table.add_row(phase.name, f"{phase.above_idle_mib:.1f} MiB", f"{phase.mib_per_second:,.0f}")
        console.print(table)
    console.print(f"separate cores: {separate_cores()}, load average {os.getloadavg()[0]:.1f}", style="dim")


@contextmanager
def peers() -> Iterator[list[Peer]]:
    """Run ours, and nginx where there is one, each with both images."""
    sizes = sorted({cell.mebibytes for cell in CELLS})
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        sources = [make_image(directory / f"{size}.bin", size) for size in sizes]
        with gateway(directory, DEVICES, [str(source) for source in sources]) as ours:
            images = ours.fill()
            found = [
                Peer("gateway", ours.server, dict(zip(sizes, [each.links for each in images], strict=True)))
            ]
            try:
                with nginx(directory, [image.file for image in images]) as (server, urls):
                    links = {size: [url] * DEVICES for size, url in zip(sizes, urls, strict=True)}
                    yield [*found, Peer("nginx", server, links)]
            except MissingError as missing:
                print(f"nginx is missing: {missing}")
                yield found


def make_image(path: Path, mebibytes: int) -> Path:
    """Write a file in which no mebibyte is like another."""
    random = Random(mebibytes)
    with path.open("wb") as file:
        for _ in range(mebibytes):
            file.write(random.randbytes(MEBIBYTE))
    return path


def compare(found: Sequence[Peer], seconds: float, rounds: int, console: Console) -> Table:
    """Run every cell, the peers taking turns so that the machine's noise falls on all."""
    ratios = ["gateway / nginx"] if len(found) > 1 else []
    table = Table(
        "load",
        *(peer.name for peer in found),
        *ratios,
        "clients could",
        title="Images, medians",
        show_lines=True,
    )
    prove(found)
    for cell in CELLS:
        samples: list[list[Sample]] = [[] for _ in found]
        for turn in range(rounds):
            console.print(f"{cell}, round {turn + 1}", style="dim")
            for peer, own in zip(found, samples, strict=True):
                own.append(sample(peer, cell, seconds))
        table.add_row(str(cell), *map(_figures, samples), *_ratio(samples), _could(samples))
    return table


def prove(found: Sequence[Peer]) -> None:
    """Raise unless all servers send the same bytes."""
    for mebibytes in found[0].links:
        if len({digest_of(peer.links[mebibytes][0]) for peer in found}) > 1:
            raise ValueError(f"the servers send different images of {mebibytes} MiB")


def sample(peer: Peer, cell: Cell, seconds: float) -> Sample:
    """Put the cell's load on the server."""
    urls, size = peer.links[cell.mebibytes][: cell.devices], cell.mebibytes * MEBIBYTE
    with pinned_to(GENERATOR_CORE), Load(urls, size, cell.part) as load:
        load.run(WARM_UP_S)
        before = peer.server.cpu_seconds()
        taken = load.run(seconds)
        cost = peer.server.cpu_seconds() - before
    return Sample(
        mib_per_second=taken.body_bytes / MEBIBYTE / taken.seconds,
        cpu_s_per_gib=cost * GIBIBYTE / max(taken.body_bytes, 1),
        server_busy=cost / taken.seconds,
        generator_busy=taken.generator_busy,
    )


def _median(samples: Sequence[Sample], name: str) -> float:
    return float(median(getattr(each, name) for each in samples))


def _figures(samples: Sequence[Sample]) -> str:
    return (
        f"{_median(samples, 'mib_per_second'):,.0f} MiB/s\n{_median(samples, 'cpu_s_per_gib'):.3g} s CPU/GiB\n"
        f"{_median(samples, 'server_busy'):.0%} busy, clients {_median(samples, 'generator_busy'):.0%}"
    )


def _ratio(samples: Sequence[Sequence[Sample]]) -> list[str]:
    if len(samples) < 2:
        return []
    names = {"mib_per_second": "rate", "cpu_s_per_gib": "CPU"}
    ours, theirs = samples
    return [
        "\n".join(
            f"{_median(ours, name) / _median(theirs, name):.2f} × {word}" for name, word in names.items()
        )
    ]


def _could(samples: Sequence[Sequence[Sample]]) -> str:
    """Tell what the clients' core would have taken, and whether that was the limit of any server."""
    could = max(_median(own, "generator_could") for own in samples)
    limited = any(_median(own, "generator_busy") > 0.95 for own in samples)
    return f"{could:,.0f} MiB/s" + "\nand were the limit" * limited


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.images", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each cell; the median counts")
    parser.add_argument("--mebibytes", type=int, default=1024, help="size of the image for the memory")
    parser.add_argument("--slow", type=int, default=64, help="MiB/s of the slow origin")
    parser.add_argument("--no-speed", action="store_true")
    parser.add_argument("--no-memory", action="store_true")
    return parser


if __name__ == "__main__":
    main()
