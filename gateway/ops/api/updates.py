"""The API's updates: listed, shown with all that happened to them, and acted upon."""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

from aiohttp import web

from gateway.core.desk import UnknownError
from gateway.model.identity import UpdateId
from gateway.model.update import Update
from gateway.ops.api import parameters
from gateway.ops.api.answering import answer
from gateway.ops.api.outlook import Outlook
from gateway.ops.api.views import image_view, line_view, order_view, site_times, update_view
from gateway.ports.history import UpdateQuery

MAX_LINES = 500
_ONE = "/api/v1/updates/{product}/{device}/{module}/{number:[1-9][0-9]*}"

Act = Callable[[UpdateId], Awaitable[Update]]


class UpdateRoutes:
    """`/api/v1/updates`."""

    def __init__(self, outlook: Outlook) -> None:
        self._outlook = outlook
        desk = outlook.desk
        self._acts: dict[str, Act] = {
            "confirm": partial(desk.confirm, accept=True),
            "refuse": partial(desk.confirm, accept=False),
            "cancel": desk.cancel,
            "retry": desk.retry,
            "pause": desk.pause,
            "resume": desk.resume,
        }

    def routes(self) -> Iterator[web.RouteDef]:
        """Yield the routes."""
        yield web.get("/api/v1/updates", self._list)
        yield web.get(_ONE, self._show)
        yield web.post(f"{_ONE}/{{action:{'|'.join(self._acts)}}}", self._act)

    async def _list(self, request: web.Request) -> web.Response:
        parameters.only(request, ("state", "open", "product", "device", "limit", "cursor"))
        limit = parameters.limit(request)
        found = await self._outlook.history.updates(
            UpdateQuery(
                states=parameters.states(request),
                product=request.query.get("product"),
                device=request.query.get("device"),
                after=parameters.place(request),
                limit=limit + 1,
            )
        )
        page = found[:limit]
        is_last = len(found) <= limit
        return answer(
            {
                "updates": [self._view(self._outlook.newest(update)) for update in page],
                "next": None if is_last else parameters.cursor((page[-1].opened_at, page[-1].id)),
            }
        )

    async def _show(self, request: web.Request) -> web.Response:
        name = parameters.update_id(request)
        update = await self._outlook.find(name)
        if update is None:
            raise UnknownError(f"there is no update {name}")
        lines = await self._outlook.history.timeline(name, limit=MAX_LINES)
        rows = self._outlook.orders.serving(update)
        wanted = self._outlook.wanted(rows[0]) if rows and not update.state.is_terminal else None
        return answer(
            {
                **self._view(update),
                "orders": [order_view(row) for row in rows],
                "image": image_view(rows[0], wanted, self._outlook.progress(rows[0])) if wanted else None,
                "timeline": [line_view(line) for line in lines],
            }
        )

    async def _act(self, request: web.Request) -> web.Response:
        act = self._acts[request.match_info["action"]]
        return answer(self._view(await act(parameters.update_id(request))))

    def _view(self, update: Update) -> dict[str, Any]:
        return update_view(update, self._outlook.baton(update), site_times(self._outlook.clock))
