"""Measure what good devices feel while others attack: `python -m tests.bench.fire --seconds 5`.

Four good devices report 25 times a second each and time every PUBACK, in peace and then under an attack, again for each
attack, so that a machine that slows down slows both. The gateway has its own limits and one core; good devices and
attackers share the other, where attackers come second, as if they were elsewhere. It prints, it never asserts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import uvloop
from rich.console import Console
from rich.table import Table

from gateway.devices.broker import TlsFiles
from tests.bench.server import GENERATOR_CORE, SERVER_CORE
from tests.fire.mqtt.attacks import Target
from tests.fire.mqtt.by_name import BEHIND_TLS, ENDED, attack_of
from tests.fire.mqtt.fort import TIMES_CALM, Fort, Watched, fort
from tests.fire.mqtt.test_fire import CASES
from tests.fire.mqtt.test_tls_fire import CASES as TLS_CASES
from tests.integration.broker.certificates import authority

if TYPE_CHECKING:
    from collections.abc import Iterator

CROWD = 1000
POLITE = 10  # niceness of attackers


class Felt(NamedTuple):
    """What good devices felt of one attack."""

    name: str
    calm: Watched
    fire: Watched

    @property
    def times_calm(self) -> float:
        """p99 under attack by p99 in peace."""
        return self.fire.quantile_ms(0.99) / self.calm.quantile_ms(0.99)


def main() -> None:
    """Measure, or be an attacker."""
    options = _parser().parse_args()
    if options.strike:
        os.nice(POLITE)
        uvloop.run(_strike(options.strike, Target(options.port, options.seconds, CROWD)))
        return
    if unknown := [name for name in options.attacks if name not in _names()]:
        raise SystemExit(f"there is no attack {', '.join(unknown)}; there are {', '.join(_names())}")
    felt = []
    with tempfile.TemporaryDirectory(prefix="fire") as name, _gateway(Path(name)) as made:
        for attack in options.attacks or _names():
            felt.append(_felt(made, attack, options.seconds))
            print(f"{attack}: {felt[-1].times_calm:.1f} times calm", file=sys.stderr)
    _print(felt)


def _names() -> list[str]:
    plain = [case.attack.__name__ for case in CASES]
    return plain + [f"{BEHIND_TLS}{case.attack.__name__}" for case in TLS_CASES]


@contextlib.contextmanager
def _gateway(directory: Path) -> Iterator[Fort]:
    own = authority(directory, "own")
    certificate, key = own.issue("server", "/CN=localhost")
    os.sched_setaffinity(0, {GENERATOR_CORE})
    with fort(directory, tls=TlsFiles(certificate=certificate, key=key, client_ca=own.certificate)) as made:
        for task in Path(f"/proc/{made.process.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {SERVER_CORE})
        yield made


def _felt(made: Fort, attack: str, seconds: float) -> Felt:
    with made.guarded() as seen:
        time.sleep(seconds)
    calm, before = seen(), made.held()
    port = made.tls_port if attack.startswith(BEHIND_TLS) else made.port
    command = [sys.executable, "-m", "tests.bench.fire", "--strike", attack]
    with made.guarded() as seen:
        subprocess.run([*command, "--port", str(port), "--seconds", str(seconds)], check=True)
    made.settles(before)
    return Felt(attack, calm, seen())


async def _strike(name: str, target: Target) -> None:
    """Attack, again whenever the gateway has put an end to it, until the time is up."""
    attack = attack_of(name)
    end = time.monotonic() + target.seconds
    while (left := end - time.monotonic()) > 0:
        with contextlib.suppress(*ENDED):
            await attack(target._replace(seconds=left))
        await asyncio.sleep(0.01)


def _print(felt: list[Felt]) -> None:
    table = Table("attack", "reports", "calm p99 ms", "p50 ms", "p99 ms", "times calm")
    for each in sorted(felt, key=lambda one: -one.times_calm):
        calm, fire = each.calm, each.fire
        shown = (calm.quantile_ms(0.99), fire.quantile_ms(0.5), fire.quantile_ms(0.99), each.times_calm)
        table.add_row(each.name, str(len(fire.latencies)), *(f"{value:.1f}" for value in shown))
    console = Console()
    console.print(table)
    within = sum(each.times_calm <= TIMES_CALM for each in felt)
    console.print(f"{within} of {len(felt)} attacks within {TIMES_CALM} times of calm")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fire", description=__doc__)
    parser.add_argument(
        "attacks", nargs="*", metavar="attack", help=f"all of them otherwise: {', '.join(_names())}"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="of peace, and of each attack")
    parser.add_argument("--strike", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
