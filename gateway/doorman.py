"""Who stands at a listener before aiohttp: he looks where a connection comes from, and lets it in or hangs up.

Law: whatever one network does, as many places as it can take are left to others.
"""

import asyncio
from collections.abc import Callable
from operator import countOf
from typing import cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway.core.networks import network_of


class Places:
    """The connections to one server: so many at once, half of them at most from one network."""

    def __init__(self, server: web.Server, most: int) -> None:
        self._server = server
        self._most = most
        #: Of each connection, and of some that have gone: forgotten before there are as many as one network may have.
        self._networks: dict[RequestHandler, str] = {}

    def take(self, address: str) -> RequestHandler | None:
        """Return who serves one more connection from there; None when there is no place for it."""
        present = self._server.connections
        if len(present) >= self._most:
            return None
        network, half = network_of(address), max(self._most // 2, 1)
        if len(self._networks) >= half:
            self._networks = {each: self._networks[each] for each in present}
            if countOf(self._networks.values(), network) >= half:
                return None
        visitor = self._server()
        self._networks[visitor] = network
        return visitor


class Doorman(asyncio.Protocol):
    """Of one connection: he hands it over before a byte of it is read; `admit` says to whom, by the address."""

    def __init__(self, admit: Callable[[str], asyncio.Protocol | None]) -> None:
        self._admit = admit

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection that was accepted."""
        line = cast("asyncio.Transport", transport)
        peer = line.get_extra_info("peername")
        # Of one that is gone already nothing is known.
        visitor = self._admit(str(peer[0]) if peer else "")
        if visitor is None:
            line.abort()
            return
        line.set_protocol(visitor)
        visitor.connection_made(line)
