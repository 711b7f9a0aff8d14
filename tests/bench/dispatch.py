"""Measure the way from the outbox to a cloud: `python -m tests.bench.dispatch`.

The gateway drains a backlog to the simulated Tencent cloud; a bare aiohttp loop posts the same bodies with the
same concurrency to the same simulator. The loop reads no store, remembers nothing, counts nothing and knows no
rate: it is what HTTP alone costs, and no ratio can reach 1. Sender on one core, cloud on the other; where other
work shares the machine, the processor time for a message says more than the rate. Then memory and start-up with a
small and with a large backlog, while the cloud is away. It prints, it never asserts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
from rich.console import Console
from rich.table import Table

from tests.bench.backlog import fill
from tests.bench.fleet import PRODUCT
from tests.bench.peers import FLEET, write_devices
from tests.bench.server import GENERATOR_CORE, SERVER_CORE, pinned_to
from tests.simulators.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

CONCURRENCY = 32
DEADLINE_S = 300.0
CONFIG = """\
[gateway]
name = "bench"
data_dir = "{directory}"
[mqtt]
listen = "127.0.0.1:{mqtt_port}"
[http]
listen = "127.0.0.1:{http_port}"
[store]
lane_quota = "8GiB"
[clouds.tencent]
adapter = "tencent"
url = "{url}"
access_token = "bench"
requests_per_second = 100000
concurrency = {concurrency}
[products.{product}]
dialect = "plain"
authentication = "password"
clouds = ["tencent"]
devices_file = "{directory}/devices.csv"
"""


def main() -> None:
    """Measure what the command line asks for and print the table."""
    options = _options().parse_args()
    console = Console(width=None if os.isatty(1) else 120)
    table = Table("measure", "figure", title="Outbox to cloud")
    found: dict[str, list[Drained]] = {"bare loop": [], "gateway": []}
    for turn in range(options.rounds):
        console.print(f"round {turn + 1} of {options.rounds}: {options.messages} messages", style="dim")
        found["bare loop"].append(_bare(options.messages))
        found["gateway"].append(_gateway_drains(options.messages))
    for name, rounds in found.items():
        rate, cost = median(each.rate for each in rounds), median(each.cost for each in rounds)
        table.add_row(f"{name}, messages/s, median of {options.rounds}", f"{rate:,.0f}")
        table.add_row(f"{name}, processor time for a message", f"{cost * 1e6:.0f} µs")
    pairs = list(zip(found["gateway"], found["bare loop"], strict=True))
    rate, cost = median(a.rate / b.rate for a, b in pairs), median(b.cost / a.cost for a, b in pairs)
    table.add_row("gateway / bare loop, by messages/s", f"{rate:.2f}")
    table.add_row("gateway / bare loop, by processor time", f"{cost:.2f}")
    for waiting in options.waiting:
        console.print(f"a backlog of {waiting}", style="dim")
        started_s, resident_mb = _with_backlog(waiting)
        table.add_row(f"{waiting:,} waiting: start to ready", f"{started_s:.2f} s")
        table.add_row(f"{waiting:,} waiting: resident after 10 s", f"{resident_mb:.1f} MB")
    console.print(table)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000, help="backlog that is drained (20,000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--waiting", type=int, nargs="*", default=[10_000, 1_000_000])
    return parser


class Drained(NamedTuple):
    """One backlog told: messages a second as the cloud heard them, and the sender's processor seconds for each."""

    rate: float
    cost: float


def _bare(messages: int) -> Drained:
    with _cloud() as url, pinned_to(SERVER_CORE):
        command = [sys.executable, "-m", "tests.bench.bare_loop", url, str(messages), str(CONCURRENCY)]
        seconds = float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        return Drained(_heard_rate(url, messages), seconds / messages)


def _gateway_drains(messages: int) -> Drained:
    """Let the gateway drain; what it spends before it is ready is its start-up."""
    with _cloud() as url, _directory(url, messages) as directory, _gateway(directory) as process:
        before = _processor_seconds(process)
        rate = _heard_rate(url, messages)
        return Drained(rate, (_processor_seconds(process) - before) / messages)


def _processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _with_backlog(waiting: int) -> tuple[float, float]:
    closed = f"http://127.0.0.1:{free_port()}"
    with _directory(closed, waiting) as directory:
        started = time.monotonic()
        with _gateway(directory) as process:
            ready = time.monotonic() - started
            time.sleep(10)
            return ready, process.memory_info().rss / 2**20


def _heard_rate(url: str, messages: int) -> float:
    """Wait until the cloud has heard them all; its own clock tells how fast they came."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        summary = _get(f"{url}/_sim/summary?devices=no")
        if summary["heard"] >= messages:
            assert summary["illegal"] == 0, summary["illegal_by_reason"]
            return messages / float(summary["last_at"] - summary["first_at"])
        time.sleep(0.1)
    raise TimeoutError(f"the cloud heard {summary['heard']} of {messages} messages in {DEADLINE_S:.0f} s")


@contextlib.contextmanager
def _cloud() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.simulators.tencent", "--token", "bench", "--any-device"]
    with pinned_to(GENERATOR_CORE):
        process = subprocess.Popen([*command, "--record", "summary"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        _stop(process)


@contextlib.contextmanager
def _directory(cloud: str, messages: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        asyncio.run(fill(directory / "gateway.db", messages))
        write_devices(directory, FLEET)
        config = CONFIG.format(
            directory=directory,
            mqtt_port=free_port(),
            http_port=free_port(),
            url=f"{cloud}/api/exploreropen/tokenapi",
            concurrency=CONCURRENCY,
            product=PRODUCT,
        )
        (directory / "gateway.toml").write_text(config)
        yield directory


@contextlib.contextmanager
def _gateway(directory: Path) -> Iterator[psutil.Process]:
    """Start the gateway and wait until it is ready."""
    with pinned_to(SERVER_CORE), (directory / "gateway.log").open("wb") as log:
        command = [sys.executable, "-m", "gateway", "run", "--config", str(directory / "gateway.toml")]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    port = (directory / "gateway.toml").read_text().split('[http]\nlisten = "127.0.0.1:')[1].split('"')[0]
    try:
        _await_ready(process, f"http://127.0.0.1:{port}/readyz")
        yield psutil.Process(process.pid)
    finally:
        _stop(process)


def _await_ready(process: subprocess.Popen[bytes], url: str) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the gateway ended with {process.returncode}")
        with contextlib.suppress(OSError):
            _get(url)
            return
        time.sleep(0.01)
    raise TimeoutError("the gateway was not ready within 30 s")


def _get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
