"""The operators' side of one running gateway, joined: the desk, and the API that leads to it."""

from collections.abc import Awaitable, Callable, Iterator

from aiohttp import web

from gateway.assembly import Gateway
from gateway.core.dead_letters import DeadLetters
from gateway.core.desk import Desk
from gateway.core.reconciler import Drift
from gateway.model.identity import DeviceId
from gateway.ops import api, reference
from gateway.ops.outcome import Outcome
from gateway.ports.history import History


def routes(
    gateway: Gateway, history: History, reload: Callable[[], Awaitable[Outcome]] | None = None
) -> list[web.RouteDef]:
    """Return the routes of the API."""
    down = gateway.down
    desk = Desk(
        gateway.record,
        gateway.orders,
        ledger=gateway.ledger,
        clock=gateway.clock,
        is_present=lambda device: device in gateway.link.devices,
        ask=down.ask if down is not None else None,
    )
    outlook = api.Outlook(
        clock=gateway.clock,
        record=gateway.record,
        orders=gateway.orders,
        history=history,
        desk=desk,
        letters=DeadLetters(
            history, lanes=gateway.lanes.gates.keys(), ledger=gateway.ledger, record=gateway.record
        ),
        is_present=lambda device: device in gateway.link.devices,
        known=lambda: {*_configured(gateway), *gateway.link.devices},
        drift=lambda: _drift(gateway),
        reload=reload,
        images=down.images if down is not None else None,
        shelf=down.cache if down is not None else None,
    )
    return [*api.routes(outlook), *reference.routes()]


def _configured(gateway: Gateway) -> Iterator[DeviceId]:
    for product, settings in gateway.config.products.items():
        for name in settings.devices:
            yield DeviceId(product, name)


def _drift(gateway: Gateway) -> Iterator[Drift]:
    if gateway.down is not None:
        for reconciler in gateway.down.reconcilers.values():
            yield from reconciler.drift()
