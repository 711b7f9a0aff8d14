"""The load: many publishers on one epoll loop, closed by a window or open at a rate."""

from __future__ import annotations

import gc
import select
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.bench.connection import Connection
from tests.bench.fleet import device, payloads
from tests.bench.latency import Latencies
from tests.bench.packets import RING, ring_of
from tests.bench.sessions import close_sessions, open_sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from tests.bench.fleet import Kind, Login

LONGEST_RUN_S = 600.0
DRAIN_S = 15.0
NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one run showed; latencies count from when a message was meant to be sent."""

    connections: int
    seconds: float
    acknowledged: int
    per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    unanswered: int
    """Asked for, and not acknowledged after the drain."""
    unmatched: int
    """Packets that acknowledge nothing outstanding."""
    out_of_order: int
    lost_connections: int
    generator_busy: float
    """Share of the run in which the generator used its core; near 1 it may be the limit itself."""


class Load:
    """Publishing clients, logged in on construction; use it as a context."""

    def __init__(
        self,
        address: tuple[str, int],
        connections: int,
        *,
        kind: Kind = "progress",
        login: Callable[[int], Login] = device,
        spin: bool = True,
    ) -> None:
        """Open the sessions; `spin` trades a whole core for exact send times at a fixed rate."""
        logins = [login(index) for index in range(connections)]
        self._latencies = Latencies()
        self._spin = spin
        epoch = time.time_ns() // 1_000_000
        rings = [ring_of(each.topic, payloads(kind, epoch), epoch) for each in logins]
        self._epoll = select.epoll()
        sockets = open_sessions(address, logins)
        self._connections = [Connection(*pair, self._latencies) for pair in zip(sockets, rings, strict=True)]
        self._by_fd = {each.sock.fileno(): each for each in self._connections}
        for each in self._connections:
            each.sock.settimeout(0)
            self._epoll.register(each.sock, select.EPOLLIN)

    def __enter__(self) -> Self:
        """Collecting garbage in a run would be measured as the server's latency."""
        gc.collect()
        gc.disable()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        gc.enable()
        self._epoll.close()
        close_sessions([each.sock for each in self._connections])

    def closed(self, window: int, seconds: float) -> Measurement:
        """Keep `window` messages outstanding on every connection."""
        if not 1 <= window <= RING:
            raise ValueError(f"the window is {window}; it must be 1 to {RING}")

        def run(start: int) -> int:
            for each in self._connections:
                each.offer(window, time.perf_counter_ns())
            return self._pump(start + int(seconds * NANOSECONDS))

        return self._measured(run, seconds)

    def paced(self, rate: float, seconds: float) -> Measurement:
        """Send at a fixed total rate, one connection after the other, whatever the server does."""
        return self._measured(lambda start: self._pace(start, rate, int(rate * seconds)), seconds)

    def _measured(self, run: Callable[[int], int], seconds: float) -> Measurement:
        if not 0 < seconds <= LONGEST_RUN_S:
            raise ValueError(
                f"the run is {seconds} s; it must be more than 0 and at most {LONGEST_RUN_S:.0f}"
            )
        self._latencies.clear()
        start, busy = time.perf_counter_ns(), time.process_time_ns()
        in_time = run(start)
        elapsed, busy = time.perf_counter_ns() - start, time.process_time_ns() - busy
        late = self._drain()
        return self._measurement(in_time, late, elapsed, busy)

    def _pump(self, end: int) -> int:
        acked = 0
        while time.perf_counter_ns() < end:
            for ready in self._ready(0.01):
                fresh = ready.receive(time.perf_counter_ns())
                if fresh:
                    acked += fresh
                    ready.offer(fresh, time.perf_counter_ns())
        return acked

    def _pace(self, start: int, rate: float, total: int) -> int:
        connections, gap = self._connections, NANOSECONDS / rate
        sent = acked = 0
        while sent < total:
            due = min(total, int((time.perf_counter_ns() - start) / gap) + 1)
            for number in range(sent, due):
                connections[number % len(connections)].offer(1, start + int(number * gap))
            sent = due
            if not self._spin:  # epoll itself waits by the millisecond only
                select.select([self._epoll], [], [], gap / NANOSECONDS)
            acked += self._receive(0)
        return acked

    def _drain(self) -> int:
        acked, end = 0, time.perf_counter_ns() + int(DRAIN_S * NANOSECONDS)
        while any(each.waits for each in self._connections) and time.perf_counter_ns() < end:
            acked += self._receive(0.01)
        return acked

    def _receive(self, timeout_s: float) -> int:
        return sum(ready.receive(time.perf_counter_ns()) for ready in self._ready(timeout_s))

    def _ready(self, timeout_s: float) -> Iterator[Connection]:
        for fd, _ in self._epoll.poll(timeout_s, len(self._by_fd)):
            connection = self._by_fd[fd]
            if connection.lost:
                self._epoll.unregister(fd)
            else:
                yield connection

    def _measurement(self, in_time: int, late: int, elapsed: int, busy: int) -> Measurement:
        p50, p99, most = (self._latencies.percentile_ms(percent) for percent in (50, 99, 100))
        return Measurement(
            connections=len(self._connections),
            seconds=elapsed / NANOSECONDS,
            acknowledged=in_time + late,
            per_second=in_time * NANOSECONDS / elapsed,
            p50_ms=p50,
            p99_ms=p99,
            max_ms=most,
            unanswered=sum(each.owed + each.outstanding for each in self._connections),
            unmatched=sum(each.unmatched for each in self._connections),
            out_of_order=sum(each.out_of_order for each in self._connections),
            lost_connections=sum(each.lost for each in self._connections),
            generator_busy=busy / elapsed,
        )
