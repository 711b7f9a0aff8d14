"""The habit of the original to close a connection after a number of calls (FAQ of the vendor's SDK)."""

from collections.abc import Callable
from weakref import WeakKeyDictionary

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware


def limiter(calls_per_connection: Callable[[], int]) -> Middleware:
    """Return a middleware that closes a connection with the reply to its last call."""
    counts: WeakKeyDictionary[object, int] = WeakKeyDictionary()

    @web.middleware
    async def limit(request: web.Request, handler: Handler) -> web.StreamResponse:
        transport = request.transport
        response = await handler(request)
        if transport is not None:
            counts[transport] = counts.get(transport, 0) + 1
            if counts[transport] >= calls_per_connection() and not response.prepared:
                response.force_close()
        return response

    return limit
