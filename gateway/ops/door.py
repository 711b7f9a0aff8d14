"""The door of the operators' listener: how many may stand in it, and how long without a word.

Whoever can reach the address may connect, before any token is asked for: without a bound a stranger takes the last
descriptor of this process, and devices, clouds and the store go without.
"""

import asyncio
import socket
from typing import Final

from aiohttp import web

from gateway.config import Address
from gateway.doorman import Doorman, Places
from gateway.ops import descriptors

#: Connections at once, half of them from one network: operators, monitoring and pushes are few.
MOST: Final = 200
#: Seconds without a whole request, the first one or the next; and without a reader taking anything of his answer.
PATIENCE: Final = 75.0


class Door:
    """Listens, and hands connections to aiohttp as long as there is room."""

    def __init__(self, application: web.Application, listen: Address, *, shutdown_timeout: float) -> None:
        self._listen = listen
        self._runner = web.AppRunner(
            application,
            access_log=None,
            auto_decompress=False,  # nobody need send anything packed
            handle_signals=False,
            keepalive_timeout=PATIENCE,
            shutdown_timeout=shutdown_timeout,
        )
        self._listener: asyncio.Server | None = None

    @property
    def address(self) -> Address:
        """Where it listens now; the port is the real one when 0 was asked for."""
        if self._listener is None:
            raise RuntimeError("the server is asked for its address before it is entered")
        host, port = self._listener.sockets[0].getsockname()[:2]
        return Address(host, port)

    async def open(self) -> None:
        """Listen."""
        await self._runner.setup()
        if self._runner.server is None:
            raise RuntimeError("aiohttp has made no server")
        most = descriptors.for_listener(MOST, available=descriptors.take_all())
        places = Places(self._runner.server, most)
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                lambda: Doorman(places.take), self._listen.host, self._listen.port, reuse_address=True
            )
        except BaseException:
            await self._runner.cleanup()
            raise
        for each in self._listener.sockets:
            # Every connection has it from here: the kernel ends those whose other end takes nothing.
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(PATIENCE * 1000))

    async def close(self) -> None:
        """Stop listening, then give answers a moment to end."""
        if self._listener is not None:
            self._listener.close()
        await self._runner.cleanup()
