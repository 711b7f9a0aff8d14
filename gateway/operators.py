"""The operators' side of one running gateway, joined: the desk, the API that leads to it, and the page over it."""

from collections.abc import Awaitable, Callable, Iterator

from aiohttp import web

from gateway import __version__
from gateway.assembly import Gateway
from gateway.core.dead_letters import DeadLetters
from gateway.core.desk import Desk
from gateway.core.reconciler import Drift
from gateway.lanes import Work
from gateway.model.identity import DeviceId
from gateway.ops import api, dashboard, reference
from gateway.ops.live.minutes import Minutes
from gateway.ops.live.watch import Watch
from gateway.ops.outcome import Outcome
from gateway.ports.history import History

#: Reads the configuration again.
Reload = Callable[[], Awaitable[Outcome]]


class Operators:
    """What people look up, what they watch, and what they may do."""

    def __init__(self, gateway: Gateway, history: History, reload: Reload | None = None) -> None:
        self._outlook = _outlook(gateway, history, reload)
        self._watch = Watch(
            self._outlook,
            name=gateway.config.gateway.name,
            version=__version__,
            store=gateway.store,
            ledger=gateway.ledger,
            engine=gateway.engine,
            gates=gateway.lanes.gates,
            present=lambda: gateway.link.devices,
        )
        gateway.on_committed = self._watch.committed

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the API, of the page, and of the API's own description."""
        return [*api.routes(self._outlook), *dashboard.routes(), *reference.routes()]

    def works(self) -> Iterator[Work]:
        """Yield what has to run for ever beside the gateway's own works, with its name."""
        yield "watch", self._watch.run()
        yield "minutes", self._outlook.minutes.run()


def _outlook(gateway: Gateway, history: History, reload: Reload | None) -> api.Outlook:
    down = gateway.down
    desk = Desk(
        gateway.record,
        gateway.orders,
        ledger=gateway.ledger,
        clock=gateway.clock,
        is_present=lambda device: device in gateway.link.devices,
        ask=down.ask if down is not None else None,
    )
    return api.Outlook(
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
        minutes=Minutes(gateway.metrics, wall=gateway.clock.wall, oldest=gateway.observer.oldest),
    )


def _configured(gateway: Gateway) -> Iterator[DeviceId]:
    for product, settings in gateway.config.products.items():
        for name in settings.devices:
            yield DeviceId(product, name)


def _drift(gateway: Gateway) -> Iterator[Drift]:
    if gateway.down is not None:
        for reconciler in gateway.down.reconcilers.values():
            yield from reconciler.drift()
