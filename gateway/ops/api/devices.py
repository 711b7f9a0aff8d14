"""The API's devices: who is there, what runs on them, what is under way."""

from collections.abc import Iterator
from typing import Any

from aiohttp import web

from gateway.core.desk import UnknownError
from gateway.model.identity import DeviceId
from gateway.model.update import Update
from gateway.ops.api import parameters
from gateway.ops.api.answering import answer, paged
from gateway.ops.api.outlook import Outlook
from gateway.ops.api.views import order_view, site_times, update_view
from gateway.ports.history import UpdateQuery

_ONE = "/api/v1/devices/{product}/{device}"
#: Updates that are shown of a device; all of them are in the list of updates.
LAST_UPDATES = 20


class DeviceRoutes:
    """`/api/v1/devices`."""

    def __init__(self, outlook: Outlook) -> None:
        self._outlook = outlook

    def routes(self) -> Iterator[web.RouteDef]:
        """Yield the routes."""
        yield web.get("/api/v1/devices", self._list)
        yield web.get(_ONE, self._show)
        yield web.post(f"{_ONE}/ask", self._ask)

    async def _list(self, request: web.Request) -> web.Response:
        parameters.only(request, ("product", "present", "limit", "cursor"))
        product, present = request.query.get("product"), parameters.flag(request, "present")
        wanted = {
            str(device): device
            for device in await self._all()
            if product in (None, device.product_id) and present in (None, self._outlook.is_present(device))
        }
        page, following = paged(request, wanted)
        return answer({"devices": [self._view(device) for device in page], "next": following})

    async def _show(self, request: web.Request) -> web.Response:
        device = parameters.device_id(request)
        if device not in await self._all():
            raise UnknownError(f"there is no device {device}; list them with: ota-gateway devices")
        query = UpdateQuery(product=device.product_id, device=device.name, limit=LAST_UPDATES)
        updates = await self._outlook.history.updates(query)
        when = site_times(self._outlook.clock)
        return answer(
            {
                **self._view(device),
                "orders": [
                    order_view(row) for row in self._outlook.orders.all() if row.command.device == device
                ],
                "updates": [
                    update_view(newest, self._outlook.baton(newest), when)
                    for newest in map(self._outlook.newest, updates)
                ],
            }
        )

    async def _ask(self, request: web.Request) -> web.Response:
        device = parameters.device_id(request)
        await self._outlook.desk.ask(device)
        return answer(self._view(device))

    async def _all(self) -> set[DeviceId]:
        return {*self._outlook.known(), *await self._outlook.history.devices()}

    def _view(self, device: DeviceId) -> dict[str, Any]:
        record = self._outlook.record
        return {
            "id": str(device),
            "product": device.product_id,
            "device": device.name,
            "present": self._outlook.is_present(device),
            "versions": {module: record.running(device, module) for module in sorted(record.modules(device))},
            "open": [_brief(update) for update in record.of(device) if not update.state.is_terminal],
        }


def _brief(update: Update) -> dict[str, Any]:
    return {
        "id": update.id,
        "state": update.state.value,
        "percent": update.percent,
        "target": update.target,
        "stalled": update.stalled,
    }
