"""A server for what no simulator of a cloud does."""

from collections.abc import Awaitable, Callable

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """A server with one handler for everything."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def application(self) -> web.Application:
        """Answer every path."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handler)
        return app
