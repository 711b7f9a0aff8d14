"""Every part of one running gateway, made here and joined to its neighbours; starting and stopping is the app's."""

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from gateway import __version__, wiring
from gateway.config import Config, FirmwareConfig
from gateway.core.clock import Clock
from gateway.core.engine import Engine
from gateway.core.forgetting import Forgetting
from gateway.core.ledger import Ledger
from gateway.core.orders import Orders
from gateway.core.pruning import Pruning
from gateway.core.record import Record
from gateway.devices.broker import MqttBroker
from gateway.devices.link import Link
from gateway.lanes import Lanes, Work
from gateway.metrics import Metrics
from gateway.model.identity import DeviceId, Lane, Version
from gateway.ops import memory
from gateway.ops.observer import Observer
from gateway.ops.taken_up import TakenUp
from gateway.ports.firmware import Downloads
from gateway.ports.store import Changes, Committed, Loaded
from gateway.road_down import Parts, RoadDown
from gateway.store.at_rest import AtRest
from gateway.store.database import Database

if TYPE_CHECKING:
    from gateway.ops.home_assistant.publisher import HomeAssistant

log = structlog.get_logger()

EXPIRE_EVERY = 1.0
#: Seconds without a look at the deadlines after which devices are given time again.
STANDSTILL = 5.0


class Gateway:
    """All parts of one running gateway."""

    def __init__(
        self, config: Config, *, store: Database | AtRest, loaded: Loaded, clock: Clock, downloads: Downloads
    ) -> None:
        #: What is in force.
        self.config = config
        self.store = store
        self.clock = clock
        self.registry = _registry()
        self.metrics = Metrics(self.registry)
        self.ledger = Ledger(store, clock, self.metrics)
        self.ledger.on_commit = self._committed
        common: dict[str, Any] = {"ledger": self.ledger, "clock": clock, "metrics": self.metrics}
        named = wiring.is_named(lambda: self.config)
        self.record = Record(wiring.product_rules(config), is_named=named, **common)
        self.orders = Orders(
            self.record, objection=self._objection, names_modules=self._names_modules, **common
        )
        self.engine = Engine(self.record, lane_quota=config.store.lane_quota, **common)
        self.pruning = Pruning(store, clock)
        self.record.load(loaded)
        self.orders.load(loaded.orders)
        self.engine.load(loaded)
        common |= {"store": store, "downloads": downloads, "learn": self.orders.learn}
        self.lanes = Lanes(lambda: self.config, loaded, **common)
        self.access = wiring.access(config, clock)
        self.link, self.broker = self._site_side()
        #: None where nobody reads the configuration again.
        self.taken_up: TakenUp | None = None
        self.observer = self._observer()
        #: Called with the configuration when another one came into force; for what the app holds itself.
        self.on_config: Callable[[Config], None] = lambda _: None
        #: Only where the configuration says where devices fetch images.
        self.down: RoadDown | None = None
        self.home_assistant = self._home_assistant()
        #: Called with each commit; set by the operators' side.
        self.on_committed: Callable[[Changes, Committed], None] = lambda _changes, _committed: None
        wiring.initialise_metrics(self.metrics, config)
        self._note_damage(store)

    def _note_damage(self, store: Database | AtRest) -> None:
        if isinstance(store, Database):
            self.metrics.store_set_aside.inc(store.set_aside is not None)
            self.metrics.store_log_damaged.inc(store.has_lost)

    def _forgetting(self) -> Forgetting:
        return Forgetting(
            self.record,
            self.orders,
            engine=self.engine,
            ledger=self.ledger,
            clock=self.clock,
            present=lambda: self.link.devices,
        )

    def _observer(self) -> Observer:
        return Observer(
            name=self.config.gateway.name,
            version=__version__,
            store=self.store,
            clock=self.clock,
            metrics=self.metrics,
            ledger=self.ledger,
            engine=self.engine,
            record=self.record,
            gates=self.lanes.gates,
            clients=lambda: self.link.present,
            firmware=lambda: self.down.status() if self.down else None,
            configuration=lambda: self.taken_up.view() if self.taken_up else None,
        )

    def _home_assistant(self) -> "HomeAssistant | None":
        if self.config.home_assistant is None:
            return None
        # Its client is an extra, which `check` asks for.
        from gateway.ops.home_assistant.publisher import HomeAssistant  # noqa: PLC0415

        return HomeAssistant(self.config.home_assistant, site=self.config.gateway.name, record=self.record)

    def _site_side(self) -> tuple[Link, MqttBroker]:
        """Make the link and the broker, which need each other."""
        link = Link(
            inbox=self.engine,
            dialects=wiring.dialects(self.config),
            downlink=lambda: self.broker,
            metrics=self.metrics,
            on_listening=self._listening,
            on_gone=self._gone,
            chunks=self._chunk if self.config.firmware is not None else None,
        )
        broker = MqttBroker(
            wiring.listeners(self.config),
            access=self.access,
            receiver=link,
            limits=wiring.limits(self.config),
            metrics=self.metrics,
        )
        return link, broker

    def make_road_down(self, firmware: FirmwareConfig) -> RoadDown:
        """Make the road down and join it to what feeds it; the clouds have been added."""
        road = self.down = RoadDown(
            Parts(
                config=lambda: self.config,
                clock=self.clock,
                store=self.store,
                metrics=self.metrics,
                ledger=self.ledger,
                record=self.record,
                orders=self.orders,
                engine=self.engine,
                link=self.link,
                adapters=self.lanes.adapters,
                gates=self.lanes.gates,
            ),
            firmware,
        )
        self.engine.on_version = road.runs
        self.engine.on_canceled = road.courier.answer
        self.orders.on_withdrawn = road.courier.withdraw
        return road

    def push_routes(self) -> list[web.RouteDef]:
        """Return where clouds may push to."""
        return self.down.pushes.routes() if self.down is not None else []

    def _listening(self, device: DeviceId, _: str) -> None:
        if self.down is not None:
            self.down.listening(device)

    def _gone(self, device: DeviceId) -> None:
        if self.down is not None:
            self.down.gone(device)

    async def _chunk(self, device: DeviceId, payload: bytes) -> bytes:
        return b"" if self.down is None else await self.down.responder.answer(device, payload)

    def _objection(self, lane: Lane, version: Version) -> str | None:
        return self.lanes.adapters[lane].objection(version)

    def _names_modules(self, lane: Lane) -> bool:
        return self.lanes.adapters[lane].names_modules

    def _committed(self, changes: Changes, committed: Committed) -> None:
        self.engine.committed(changes, committed)
        self.orders.told(changes)
        self.pruning.committed(changes)
        if self.home_assistant is not None:
            self.home_assistant.changed(changes)
        if self.down is not None:
            self.down.committed(changes)
        self.on_committed(changes, committed)
        if changes.messages or changes.progress or changes.settlements or changes.woken:
            for dispatcher in self.lanes.dispatchers.values():
                dispatcher.notify()

    def works(self) -> Iterator[Work]:
        """Yield what has to run for ever beside the ledger and the lanes."""
        yield "deadlines", self.expire_for_ever()
        yield "prune", self.pruning.run()
        yield "forgetting", self._forgetting().run()
        yield "observer", self.observer.observe_for_ever()
        yield "loop-lag", self.observer.measure_lag()
        yield "memory", memory.tidy_for_ever()
        yield "memory-back", memory.give_back_for_ever()
        if self.home_assistant is not None:
            yield "home-assistant", self.home_assistant.run()
        if self.down is not None:
            yield from self.down.works()

    def lane_works(self, lane: Lane) -> Iterator[Work]:
        """Yield what has to run for a lane beside its dispatcher."""
        return self.down.lane_works(lane) if self.down is not None else iter(())

    async def expire_for_ever(self) -> None:
        """Let time act on open updates."""
        while True:
            self.engine.expire()
            looked_at = self.clock.now()
            await asyncio.sleep(EXPIRE_EVERY)
            gone = self.clock.now() - looked_at
            if gone > STANDSTILL:
                # The process was stopped, or its machine: what devices said meanwhile is still to be read.
                log.warning("gateway_stood_still", seconds=round(gone))
                self.engine.be_patient()


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry
