"""How long a peer may be silent: until it has logged in, and from then on by its keep-alive."""

import asyncio
from collections.abc import Callable

from gateway.devices.broker.brakes import Brake, Brakes
from gateway.devices.broker.errors import Ending


class Pulse:
    """Ends the connection of a peer that says nothing; `heard_at` is set with every packet."""

    __slots__ = ("_brakes", "_close", "_limit_s", "_loop", "_timer", "heard_at")

    def __init__(
        self,
        brakes: Brakes,
        close: Callable[[Ending], None],
        loop: asyncio.AbstractEventLoop,
        connect_timeout_s: float,
    ) -> None:
        self._brakes = brakes
        self._close = close
        self._loop = loop
        self._limit_s = 0.0
        self.heard_at = loop.time()
        self._timer = loop.call_later(connect_timeout_s, close, Ending.CONNECT_TIMEOUT)

    def keep_alive(self, keep_alive_s: float) -> None:
        """[MQTT-3.1.2-24] allow one and a half times the keep-alive without a packet; 0: any time."""
        self._timer.cancel()
        self._limit_s = keep_alive_s * 1.5
        self.heard_at = self._loop.time()
        if self._limit_s:
            self._check()

    def stop(self) -> None:
        """Watch no more."""
        self._timer.cancel()

    def _check(self) -> None:
        held = self._brakes.held
        # A device is not to blame for what we do not read, but it is for what it does not read.
        silent_s = 0 if held and Brake.WRITING not in held else self._loop.time() - self.heard_at
        if silent_s >= self._limit_s:
            self._close(Ending.KEEP_ALIVE)
        else:
            self._timer = self._loop.call_later(self._limit_s - silent_s, self._check)
