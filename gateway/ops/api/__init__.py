"""`/api/v1`: what people and programs look up, what they may do, and the description of all of it."""

from typing import Any

from aiohttp import web

from gateway.ops.api import devices, events, letters, orders, plots, reloading, updates
from gateway.ops.api.document import document
from gateway.ops.api.operation import Operation, looks_up
from gateway.ops.api.outlook import Outlook
from gateway.ops.api.parameters import Asked
from gateway.ops.api.status import show_status

__all__ = ["OPERATIONS", "Outlook", "description", "routes"]

#: All that looks at an outlook or acts there.
OPERATIONS: tuple[Operation[Outlook], ...] = (
    *updates.OPERATIONS,
    *devices.OPERATIONS,
    *orders.OPERATIONS,
    *letters.OPERATIONS,
    *events.OPERATIONS,
    *plots.OPERATIONS,
    *reloading.OPERATIONS,
)


@looks_up("/api/v1/openapi.json")
async def describe_api(_outlook: Outlook, _asked: Asked) -> dict[str, Any]:
    """Describe this API in the form of OpenAPI 3.1."""
    return description()


def routes(outlook: Outlook) -> list[web.RouteDef]:
    """Return every route beside the status."""
    return [operation.route(outlook) for operation in (*OPERATIONS, describe_api)]


def description() -> dict[str, Any]:
    """Return the API's OpenAPI document."""
    return document((show_status, *OPERATIONS, describe_api))
