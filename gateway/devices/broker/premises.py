"""What all connections of one broker share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.core.news import News
from gateway.devices.broker.brakes import RoomWatch
from gateway.devices.broker.errors import PROTOCOL_ERRORS, REFUSALS, Ending
from gateway.devices.broker.limits import Limits, TokenBucket
from gateway.devices.broker.registry import KeptSessions, Registry
from gateway.metrics import Metrics, initialise
from gateway.ports.devices import Access, Receiver

if TYPE_CHECKING:
    # The connection needs what stands here.
    from gateway.devices.broker.front import Connection


class Tally:
    """Counts endings where monitoring looks for them."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        initialise(metrics.connections_refused, REFUSALS)
        initialise(metrics.auth_failures, (Ending.REFUSED,))
        initialise(metrics.protocol_errors, PROTOCOL_ERRORS)

    def count(self, ending: Ending) -> None:
        """Count, if it is an ending that counts."""
        if ending in REFUSALS:
            self._metrics.connections_refused.labels(ending).inc()
        elif ending in PROTOCOL_ERRORS:
            self._metrics.protocol_errors.labels(ending).inc()
        elif ending is Ending.REFUSED:
            self._metrics.auth_failures.labels(ending).inc()


class Crowd:
    """The open connections, and the two bounds on their coming."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._max = limits.max_connections
        rate = limits.connects_per_second
        self._bucket = TokenBucket(rate, max(rate, 1), now) if rate else None
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._connections))

    def objection(self, now: float) -> Ending | None:
        """Say why nobody may come now; otherwise take a token."""
        if self._max and len(self._connections) >= self._max:
            return Ending.MAX_CONNECTIONS
        if self._bucket is not None:
            if self._bucket.wait_s(now):
                return Ending.CONNECT_RATE
            self._bucket.take()
        return None

    def add(self, connection: Connection) -> None:
        """Count a connection until it is removed."""
        self._connections.add(connection)
        self._empty.clear()

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is gone entirely: socket, task and session."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    async def empty(self) -> None:
        """Wait until nobody is left."""
        await self._empty.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """Everything that a connection needs besides its socket."""

    access: Access
    receiver: Receiver
    limits: Limits
    tally: Tally
    crowd: Crowd
    registry: Registry
    kept: KeptSessions
    rooms: RoomWatch
    #: What the log is told of devices.
    news: News
    #: What it is told of those who have not logged in; apart, so that they cannot silence the devices.
    strangers: News
    #: All sockets are read into it, one after the other.
    buffer: memoryview
    #: Let amqtt serve a connection that is logged in, until it ends.
    serve: Callable[[Connection], Awaitable[None]]
