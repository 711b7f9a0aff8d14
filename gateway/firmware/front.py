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
        #: Connections on which no request has come yet, and when each is shown out; some may have gone by themselves.
        self._silent: dict[RequestHandler, asyncio.TimerHandle] = {}

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
        self._forget(request.protocol)

    def _welcome(self, address: str) -> RequestHandler | None:
        visitor = self._places.take(address) if self._places is not None else None
        if visitor is not None:
            if len(self._silent) >= self._waits.connections:
                for gone in [each for each in self._silent if each.transport is None]:
                    self._forget(gone)
            self._silent[visitor] = asyncio.get_running_loop().call_later(
                self._waits.first_request.total_seconds(), self._show_out, visitor
            )
        return visitor

    def _forget(self, visitor: RequestHandler) -> None:
        timer = self._silent.pop(visitor, None)
        if timer is not None:
            timer.cancel()

    def _show_out(self, visitor: RequestHandler) -> None:
        self._forget(visitor)
        transport = visitor.transport  # which a visitor who is closed has no more
        visitor.force_close()
        if transport is not None:
            transport.abort()
