"""What the clouds want, what they believe that is not so, and the images for it, as the API shows them."""

from collections.abc import Iterator

from aiohttp import web

from gateway.ops.api import parameters
from gateway.ops.api.answering import answer, paged
from gateway.ops.api.outlook import Outlook
from gateway.ops.api.views import drift_view, held_view, image_view, order_view
from gateway.ops.problems import BadRequestError

STATES = ("open", "closed", "conflict")


class OrderRoutes:
    """`/api/v1/orders`, `/api/v1/drift` and `/api/v1/firmware`."""

    def __init__(self, outlook: Outlook) -> None:
        self._outlook = outlook

    def routes(self) -> Iterator[web.RouteDef]:
        """Yield the routes."""
        yield web.get("/api/v1/orders", self._orders)
        yield web.get("/api/v1/drift", self._drift)
        yield web.get("/api/v1/firmware", self._firmware)

    async def _orders(self, request: web.Request) -> web.Response:
        parameters.only(request, ("state", "lane", "product", "device", "limit", "cursor"))
        state = request.query.get("state")
        if state not in (None, *STATES):
            raise BadRequestError(f"state is {state[:40]!r}; it must be one of {', '.join(STATES)}")
        wanted = {}
        for row in self._outlook.orders.all():
            view = order_view(row)
            if all(
                request.query.get(key) in (None, view[key]) for key in ("state", "lane", "product", "device")
            ):
                wanted[f"{row.command.device}/{row.command.module} {row.lane}"] = view
        page, following = paged(request, wanted)
        return answer({"orders": page, "next": following})

    async def _drift(self, request: web.Request) -> web.Response:
        parameters.only(request, ())
        return answer({"drift": [drift_view(drift) for drift in self._outlook.drift()]})

    async def _firmware(self, request: web.Request) -> web.Response:
        parameters.only(request, ())
        shelf, images = self._outlook.shelf, self._outlook.images
        missing = images.missing if images is not None else []
        return answer(
            {
                "quota": shelf.figures.quota if shelf is not None else 0,
                "taken": shelf.figures.taken if shelf is not None else 0,
                "images": [held_view(held) for held in shelf.held()] if shelf is not None else [],
                "fetches": [
                    image_view(wanted.row, wanted, self._outlook.progress(wanted.row)) for wanted in missing
                ],
            }
        )
