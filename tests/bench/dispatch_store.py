"""Measure the store alone: `python -m tests.bench.dispatch_store [--waiting N] [--url postgresql+psycopg://…]`.

Batches of a thousand messages of a thousand devices, claims with their settlements, single commits, and a long
backlog: what each costs and what memory it takes. It prints, it never asserts.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from dataclasses import replace
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import psutil
from rich.console import Console
from rich.table import Table

from gateway.model.identity import DeviceId, Lane, Version
from gateway.model.states import State
from gateway.model.update import Update
from gateway.ports.store import Changes, Delivered, Kind, Message
from gateway.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

LANE = Lane("cloud/tencent")
DEVICES = 1000
#: What a dispatcher claims at once.
CLAIMS = 64
NOW = 1_780_000_000.25
MICROSECONDS = 1e6


def main() -> None:
    """Measure and print the table."""
    options = _options().parse_args()
    table = Table("measure", "figure", title="The store alone")
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        url = options.url or f"sqlite:///{Path(directory, 'gateway.db')}"
        for name, figure in asyncio.run(_measure(url, options.rounds, options.waiting)):
            table.add_row(name, figure)
    Console(width=100).print(table)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="an empty store to measure; a fresh SQLite file unless given")
    parser.add_argument("--directory", default=".", help="where the SQLite file is made")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--waiting", type=int, default=0, help="messages of the backlog")
    return parser


async def _measure(url: str, rounds: int, waiting: int) -> list[tuple[str, str]]:
    store = await Database.open(url, lane_quota=1 << 40)
    await store.load()
    ticks = (NOW + number for number in count())
    figures = [
        ("transition in a batch of 1000", await _batches(store, rounds, ticks, Kind.TRANSITION)),
        ("claim and settle", await _drain(store, ticks)),
        ("fresh progress in a batch of 1000", await _batches(store, 1, ticks, Kind.PROGRESS)),
        ("overtaking progress in a batch of 1000", await _batches(store, rounds, ticks, Kind.PROGRESS)),
        ("single commit of a transition", await _singles(store, ticks)),
        ("single commit of a journal line's size", await _empties(store, ticks)),
    ]
    if waiting:
        figures += await _backlog(store, url, waiting, ticks)
    else:
        await store.close()
    return figures


def _update(index: int, percent: int = 0) -> Update:
    device = DeviceId("PR0DUCT01", f"device-{index:04}")
    state = State.DOWNLOADING if percent else State.INSTALLING
    return Update(device=device, target=Version("2.0.1"), state=state, percent=percent or None, opened_at=NOW)


def _changes(devices: range, kind: Kind, percent: int) -> Changes:
    changes = Changes()
    for index in devices:
        update = _update(index, percent if kind is Kind.PROGRESS else 0)
        message = Message(lane=LANE, update=update.id, kind=kind, event=update.report())
        if kind is Kind.PROGRESS:
            changes.progressed[update.id] = update
            changes.progress[LANE, update.id] = message
        else:
            changes.updates[update.id] = update
            changes.messages.append(message)
    return changes


async def _timed(act: Callable[[], Awaitable[object]]) -> float:
    started = perf_counter()
    await act()
    return perf_counter() - started


async def _batches(store: Database, rounds: int, ticks: Iterator[float], kind: Kind) -> str:
    taken = []
    for number in range(1, rounds + 1):
        changes, now = _changes(range(DEVICES), kind, number), next(ticks)
        taken.append(await _timed(lambda c=changes, n=now: store.commit(c, now=n, wall=n)))  # type: ignore[misc]
    return f"{median(taken) / DEVICES * MICROSECONDS:.1f} µs"


async def _drain(store: Database, ticks: Iterator[float]) -> str:
    started, settled = perf_counter(), 0
    while settled < DEVICES * 5:
        now = next(ticks)
        claims = await store.claim(LANE, limit=CLAIMS, now=now, lease_until=now + 60)
        changes = Changes(settlements=[Delivered(claim=claim, state=claim.event.state) for claim in claims])
        await store.commit(changes, now=now, wall=now)
        settled += len(claims)
    return f"{(perf_counter() - started) / settled * MICROSECONDS:.1f} µs"


async def _singles(store: Database, ticks: Iterator[float]) -> str:
    taken = []
    for index in range(300):
        changes, now = _changes(range(index, index + 1), Kind.TRANSITION, 0), next(ticks)
        taken.append(await _timed(lambda c=changes, n=now: store.commit(c, now=n, wall=n)))  # type: ignore[misc]
    return f"{median(taken) * MICROSECONDS:.0f} µs"


async def _empties(store: Database, ticks: Iterator[float]) -> str:
    taken = []
    for _ in range(300):
        now = next(ticks)
        taken.append(await _timed(lambda n=now: store.commit(Changes(), now=n, wall=n)))  # type: ignore[misc]
    return f"{median(taken) * MICROSECONDS:.0f} µs"


async def _backlog(store: Database, url: str, waiting: int, ticks: Iterator[float]) -> list[tuple[str, str]]:
    process = psutil.Process()
    resident = process.memory_info().rss
    for number in range(waiting // DEVICES):
        changes = _changes(range(DEVICES), Kind.TRANSITION, 0)
        changes.updates = {key: replace(u, number=1 + number // 3) for key, u in changes.updates.items()}
        now = next(ticks)
        await store.commit(changes, now=now, wall=now)
    grown = process.memory_info().rss - resident
    await store.close()
    started = perf_counter()
    store = await Database.open(url, lane_quota=1 << 40)
    opened = perf_counter()
    await store.load()
    loaded = perf_counter()
    now = next(ticks)
    figures = [
        (f"{waiting} waiting: resident memory grew by", f"{grown / 1e6:.1f} MB"),
        ("open", f"{opened - started:.3f} s"),
        ("load", f"{loaded - opened:.3f} s"),
        ("next due", f"{await _timed(lambda: store.next_due(LANE)) * 1e3:.2f} ms"),
        ("figures", f"{await _timed(store.figures) * 1e3:.2f} ms"),
        (
            "claim of 200",
            f"{await _timed(lambda: store.claim(LANE, limit=200, now=now, lease_until=now)) * 1e3:.2f} ms",
        ),
        (
            "claim of 200 again",
            f"{await _timed(lambda: store.claim(LANE, limit=200, now=now, lease_until=now)) * 1e3:.2f} ms",
        ),
        ("batch of 1000 transitions", await _batches(store, 5, ticks, Kind.TRANSITION)),
        ("prune", f"{await _timed(lambda: store.prune(now=now)) * 1e3:.2f} ms"),
    ]
    started = perf_counter()
    await store.close()
    return [*figures, ("close", f"{perf_counter() - started:.3f} s")]


if __name__ == "__main__":
    main()
