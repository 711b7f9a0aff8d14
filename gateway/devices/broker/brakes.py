"""Why a connection is not read now, and the one wait for room that all connections share."""

import asyncio
from collections.abc import Callable
from enum import Enum, auto

from gateway.ports.devices import Receiver


class Brake(Enum):
    """A reason to read later."""

    LOGIN = auto()
    """Nothing follows a CONNECT until it is answered."""
    CONTROL = auto()
    """amqtt has not read the last packet yet."""
    TURN = auto()
    """The others come first."""
    RATE = auto()
    """The device publishes faster than it may."""
    UNACKNOWLEDGED = auto()
    """Enough of this connection waits for commit."""
    ROOM = auto()
    """Enough of all connections waits for commit."""
    WRITING = auto()
    """The device does not read what is written to it."""
    CLOSING = auto()
    """Nothing is taken any more."""


class Brakes:
    """The brakes of one connection; it is read while none is held."""

    __slots__ = ("_on_free", "_transport", "held")

    def __init__(self, on_free: Callable[[], None]) -> None:
        """`on_free` takes what was read before; it may hold a brake again."""
        self._on_free = on_free
        self._transport: asyncio.Transport | None = None
        self.held: set[Brake] = set()

    def attach(self, transport: asyncio.Transport) -> None:
        """Brake this transport."""
        self._transport = transport

    def detach(self) -> None:
        """Brake nothing any more: it is gone."""
        self._transport = None

    def hold(self, brake: Brake) -> None:
        """Stop reading."""
        if not self.held and self._transport is not None:
            self._transport.pause_reading()
        self.held.add(brake)

    def release(self, brake: Brake) -> None:
        """Read on, if this was the last brake."""
        if brake not in self.held:
            return
        self.held.discard(brake)
        if not self.held:
            self._on_free()
        if not self.held and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()


class RoomWatch:
    """Releases the connections that wait until the receiver has room."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._waiting: set[Brakes] = set()
        self._task: asyncio.Task[None] | None = None

    def hold(self, brakes: Brakes) -> None:
        """Stop reading until there is room."""
        brakes.hold(Brake.ROOM)
        self._waiting.add(brakes)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._watch(), name="mqtt_room")

    async def stop(self) -> None:
        """Leave those who wait to wait."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _watch(self) -> None:
        while self._waiting:
            await self._receiver.room()
            waiting, self._waiting = self._waiting, set()
            for brakes in waiting:
                brakes.release(Brake.ROOM)
            # Room that is taken again at once must not keep the loop from everything else.
            await asyncio.sleep(0)
        self._task = None
