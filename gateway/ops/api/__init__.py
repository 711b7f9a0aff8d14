"""`/api/v1`: what people and programs look up, and what they may do."""

from aiohttp import web

from gateway.ops.api.devices import DeviceRoutes
from gateway.ops.api.letters import LetterRoutes
from gateway.ops.api.orders import OrderRoutes
from gateway.ops.api.outlook import Outlook
from gateway.ops.api.updates import UpdateRoutes

__all__ = ["Outlook", "routes"]


def routes(outlook: Outlook) -> list[web.RouteDef]:
    """Return every route beside the status."""
    parts = (UpdateRoutes, DeviceRoutes, OrderRoutes, LetterRoutes)
    return [route for part in parts for route in part(outlook).routes()]
