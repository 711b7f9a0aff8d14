"""The API's stream: what happens, told as server-sent events to programs that would otherwise ask again and again."""

import asyncio
from contextlib import suppress
from typing import Any

from aiohttp import web
from typing_extensions import TypedDict

from gateway.model.states import Owner, State
from gateway.ops.api import parameters
from gateway.ops.api.operation import EVENTS, Operation
from gateway.ops.api.outlook import Outlook
from gateway.ops.api.parameters import Asked
from gateway.ops.api.shapes import Instant, Percent, documented
from gateway.ops.live.hub import Hub, Reader
from gateway.ops.problems import TOO_MANY_READERS, problem

#: Seconds between signs of life; for a frame to be taken; and until a reader has to show its token again.
HEARTBEAT, PATIENCE, LIFE = 10.0, 30.0, 900.0
#: Seconds after which one who was not let in may ask again.
AGAIN = "10"


@documented
class MovedUpdate(TypedDict):
    """An update in which something changed."""

    id: str
    state: State
    percent: Percent | None
    target: str
    stalled: bool
    next: Owner


@documented
class EventData(TypedDict, total=False):
    """What an event carries."""

    at: Instant
    """When it was, by the gateway's clock."""
    picture: dict[str, Any]
    """With `start`: how everything stands, in large; its members may change between versions."""
    patch: dict[str, Any]
    """With `change`: what makes the picture of now of the one before (RFC 7396)."""
    updates: list[MovedUpdate]
    """With `change`: a few of the updates that moved."""
    more: int
    """With `change`: how often others moved."""


class Stream(Operation[Outlook]):
    """An operation that answers with events, for as long as its reader stays."""

    def route(self, context: Outlook) -> web.RouteDef:
        """Return the route that lets one more read along."""

        async def handle(request: web.Request) -> web.StreamResponse:
            parameters.read(self.asked, request.match_info, request.query)
            return await _followed(context.hub, request)

        return web.get(self.path, handle, allow_head=False)


async def follow_events(_outlook: Outlook, _asked: Asked) -> EventData:
    """Read along, as server-sent events: `start`, then `change` for each change, and `end` when the gateway stops.

    Changes are gathered: two events a second at most. A comment comes at least every ten seconds. Whoever comes back
    with `Last-Event-ID` soon enough is told what was missed, anybody else `start` again; so is a reader who reads too
    slowly. After a quarter of an hour the stream ends, and is to be asked for anew.
    """
    raise NotImplementedError  # the stream's own route sees to it


async def _followed(hub: Hub, request: web.Request) -> web.StreamResponse:
    reader = hub.join(request.headers.get("Last-Event-ID"), lambda: _is_gone(request))
    if reader is None:
        return problem(
            TOO_MANY_READERS, "close one of those that read along, or ask again", {"Retry-After": AGAIN}
        )
    headers = {
        "Content-Type": f"{EVENTS}; charset=utf-8",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    response = web.StreamResponse(headers=headers)
    try:
        # A reader who leaves, or who takes nothing, is no error.
        with suppress(ConnectionError, TimeoutError):
            await response.prepare(request)
            await _stream(hub, reader, response)
    finally:
        hub.leave(reader)
    return response


async def _stream(hub: Hub, reader: Reader, response: web.StreamResponse) -> None:
    await response.write(b"retry: 2000\n\n")
    async with asyncio.timeout(LIFE):
        while frame := await hub.frame(reader, HEARTBEAT):
            async with asyncio.timeout(PATIENCE):
                await response.write(frame)


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


OPERATIONS = (Stream("GET", "/api/v1/events", follow_events, (TOO_MANY_READERS,), EVENTS),)
