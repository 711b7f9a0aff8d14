"""Who is connected: how many at the most, how many of one network that have not logged in, and how fast they come."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from gateway.core.networks import network_of
from gateway.devices.broker.errors import Ending
from gateway.devices.broker.limits import Limits
from gateway.devices.broker.turnstile import Turnstile
from gateway.model.identity import DeviceId

if TYPE_CHECKING:
    # The connection needs what stands here.
    from gateway.devices.broker.front import Connection


class Crowd:
    """The open connections, and the bounds on their coming."""

    def __init__(self, limits: Limits, now: float) -> None:
        self.limit(limits, now)
        self._connections: set[Connection] = set()
        #: The network of each that has not logged in, and how many each network has.
        self._strangers: dict[Connection, str] = {}
        self._counts: Counter[str] = Counter()
        #: Who has logged in, with the fingerprint of the certificate that was shown.
        self._devices: dict[Connection, tuple[DeviceId, str | None]] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    def limit(self, limits: Limits, now: float) -> None:
        """Set the bounds; nobody who is there goes for them."""
        self._max = limits.max_connections
        rate = limits.connects_per_second
        self._turnstile = Turnstile(rate, now) if rate else None

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._connections))

    def objection(self, address: str, now: float) -> Ending | None:
        """Say why nobody may come from there now; otherwise somebody has come."""
        network = network_of(address)
        if self._max and len(self._connections) >= self._max:
            return Ending.MAX_CONNECTIONS
        # Silent sockets of one network must leave places to devices.
        if self._max and self._counts[network] >= max(self._max // 2, 1):
            return Ending.MAX_CONNECTIONS
        if self._turnstile is not None and not self._turnstile.lets_in(network, now):
            return Ending.CONNECT_RATE
        return None

    def add(self, connection: Connection) -> None:
        """Count a connection until it is removed, and as a stranger's until it has logged in."""
        self._connections.add(connection)
        network = self._strangers[connection] = network_of(connection.peer[0])
        self._counts[network] += 1
        self._empty.clear()

    def know(self, connection: Connection, device: DeviceId, fingerprint: str | None) -> None:
        """Take note who has logged in there."""
        self._devices[connection] = device, fingerprint
        self._strange_no_more(connection)

    def those(self, are_meant: Callable[[DeviceId, str | None], bool]) -> list[Connection]:
        """Return the connections of these devices."""
        return [connection for connection, known in self._devices.items() if are_meant(*known)]

    @property
    def strangers(self) -> list[Connection]:
        """The connections on which nobody has logged in yet."""
        return [*self._strangers]

    def _strange_no_more(self, connection: Connection) -> None:
        network = self._strangers.pop(connection, None)
        if network is not None:
            self._counts[network] -= 1
            if not self._counts[network]:
                del self._counts[network]

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is gone entirely: socket, task and session."""
        self._strange_no_more(connection)
        self._devices.pop(connection, None)
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    async def empty(self) -> None:
        """Wait until nobody is left."""
        await self._empty.wait()
