"""The door of the image server: how many may come in, and how long one may stand in it without a word."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway.config import Address
from gateway.doorman import Doorman, Places
from gateway.firmware.waits import Waits

_BACKLOG = 1024

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Front:
    """Listens, and hands connections to aiohttp, without its router: there is one kind of path."""

    def __init__(self, handler: Handler, listen: Address, waits: Waits) -> None:
        self._handler = handler
        self._listen = listen
        self._waits = waits
        self._runner: web.ServerRunner | None = None
        self._places: Places | None = None
        self._listener: asyncio.Server | None = None
        #: Connections on which no request has come yet; each leaves at the latest when its time is up.
        self._silent: set[RequestHandler] = set()

    @property
    def address(self) -> Address:
        """Where it listens now; the port is the real one when 0 was asked for."""
        if self._listener is None:
            raise RuntimeError("the server is asked for its address before it is entered")
        host, port = self._listener.sockets[0].getsockname()[:2]
        return Address(host, port)

    async def start(self) -> None:
        """Listen."""
        server = web.Server(
            self._handler,
            access_log=None,
            auto_decompress=False,  # nobody need send anything at all
            keepalive_timeout=self._waits.idle.total_seconds(),
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=self._waits.shutdown.total_seconds())
        self._places = Places(server, self._waits.connections)
        await self._runner.setup()
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                lambda: Doorman(self._welcome),
                self._listen.host,
                self._listen.port,
                backlog=_BACKLOG,
                reuse_address=True,
            )
        except BaseException:
            await self._runner.cleanup()
            raise

    async def stop(self) -> None:
        """Stop listening, then give transfers a moment to end."""
        if self._listener is not None:
            self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def heard(self, request: web.BaseRequest) -> None:
        """Take note that a request has come."""
        self._silent.discard(request.protocol)

    def _welcome(self, address: str) -> RequestHandler | None:
        visitor = self._places.take(address) if self._places is not None else None
        if visitor is not None:
            self._silent.add(visitor)
            asyncio.get_running_loop().call_later(
                self._waits.first_request.total_seconds(), self._show_out, visitor
            )
        return visitor

    def _show_out(self, visitor: RequestHandler) -> None:
        if visitor in self._silent:
            self._silent.discard(visitor)
            visitor.force_close()
            if visitor.transport is not None:
                visitor.transport.abort()
