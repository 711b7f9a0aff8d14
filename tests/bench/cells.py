"""What is measured of every peer, one cell at a time, each on a freshly started server."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench.fleet import device
from tests.bench.load import Load, Measurement
from tests.bench.server import GENERATOR_CORE, pinned_to, running, separate_cores
from tests.bench.sessions import close_sessions, open_sessions

if TYPE_CHECKING:
    from tests.bench.fleet import Kind
    from tests.bench.server import Peer, Server

SETTLE_S = 1.5
WARM_UP_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One load: a window makes it closed, a rate open, neither idle."""

    connections: int
    window: int | None = None
    rate: int | None = None

    @property
    def idle(self) -> bool:
        """Say whether nothing is sent, so that only memory counts."""
        return self.window is None and self.rate is None

    def __str__(self) -> str:
        clients = f"{self.connections:,} connection" + "s" * (self.connections > 1)
        if self.window is not None:
            return f"{clients}, window {self.window}"
        return f"{clients}, {'idle' if self.rate is None else f'{self.rate:,}/s'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one run of one cell showed: traffic with its cost, or the memory of idle connections."""

    traffic: Measurement | None = None
    cpu_us_per_message: float = 0.0
    idle_kb_per_connection: float = 0.0

    @property
    def generator_limits(self) -> bool:
        """Say whether the generator was at its end and the server was not; the rate is then a lower bound."""
        if self.traffic is None:
            return False
        server_busy = self.cpu_us_per_message * self.traffic.per_second / 1e6
        return self.traffic.generator_busy > 0.95 and server_busy < 0.9


CELLS = (
    *(Cell(connections=count, window=window) for count in (1, 100, 1000) for window in (20, 1)),
    Cell(connections=200, rate=5000),
    Cell(connections=1000),
)
QUICK_CELLS = (
    Cell(connections=100, window=20),
    Cell(connections=200, rate=5000),
    Cell(connections=1000),
)


def sample(peer: Peer, cell: Cell, seconds: float, kind: Kind) -> Sample:
    """Start the peer, put the cell's load on it, and end it."""
    spin = separate_cores()
    with running(peer) as server, pinned_to(GENERATOR_CORE):
        if cell.idle:
            return Sample(idle_kb_per_connection=_idle_kb(server, cell.connections))
        return _traffic(server, cell, seconds, kind, spin=spin)


def _traffic(server: Server, cell: Cell, seconds: float, kind: Kind, *, spin: bool) -> Sample:
    with Load(server.address, cell.connections, kind=kind, spin=spin) as load:
        _run(load, cell, WARM_UP_S)
        before = server.cpu_seconds()
        traffic = _run(load, cell, seconds)
        cost = (server.cpu_seconds() - before) * 1e6 / max(1, traffic.acknowledged)
    return Sample(traffic=traffic, cpu_us_per_message=cost)


def _run(load: Load, cell: Cell, seconds: float) -> Measurement:
    if cell.rate is not None:
        return load.paced(cell.rate, seconds)
    return load.closed(cell.window or 1, seconds)


def _idle_kb(server: Server, connections: int) -> float:
    before = server.resident_kb()
    sessions = open_sessions(server.address, [device(index) for index in range(connections)])
    time.sleep(SETTLE_S)
    after = server.resident_kb()
    close_sessions(sessions)
    return (after - before) / connections
