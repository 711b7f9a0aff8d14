"""The composition root: every part is made here, joined to its neighbours, started and stopped in order.

Stopping goes down the road: no new connections, devices off (what is not acknowledged they send again), lanes
finish the request in hand, the last commit, the store.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from gateway import __version__, wiring
from gateway.clouds import registry
from gateway.clouds.session import HttpSession
from gateway.config import Config
from gateway.core.clock import Clock
from gateway.core.dispatcher import Dispatcher
from gateway.core.engine import Engine
from gateway.core.gate import Gate
from gateway.core.ledger import Ledger
from gateway.core.orders import Orders
from gateway.core.record import Record
from gateway.devices.access import DeviceAccess
from gateway.devices.broker import MqttBroker
from gateway.devices.link import Link
from gateway.errors import ConfigError, StoreError
from gateway.metrics import Metrics
from gateway.model.identity import Lane, Version
from gateway.ops.http import OpsServer
from gateway.ops.observer import Observer
from gateway.ports.cloud import CloudAdapter, Site
from gateway.ports.store import Changes, Committed, LaneState, Loaded
from gateway.store.database import Database
from gateway.store.lock import hold_file

log = structlog.get_logger()

EXPIRE_EVERY = 1.0
PRUNE_EVERY = 3600.0
#: Seconds that each step of stopping may take.
PATIENCE = 3.0


class Gateway:
    """All parts of one running gateway."""

    def __init__(self, config: Config, *, store: Database, loaded: Loaded, clock: Clock) -> None:
        self.config = config
        self.store = store
        self.clock = clock
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.metrics = Metrics(self.registry)
        self.ledger = Ledger(store, clock, self.metrics)
        self.ledger.on_commit = self._committed
        self.adapters: dict[Lane, CloudAdapter] = {}
        common: dict[str, Any] = {"ledger": self.ledger, "clock": clock, "metrics": self.metrics}
        self.record = Record(wiring.product_rules(config), **common)
        self.orders = Orders(self.record, objection=self._objection, **common)
        self.engine = Engine(self.record, lane_quota=config.store.lane_quota, **common)
        self.record.load(loaded)
        self.orders.load(loaded.orders)
        self.engine.load(loaded)
        self.link, self.broker = self._site_side()
        self.gates: dict[Lane, Gate] = {}
        self.dispatchers: dict[Lane, Dispatcher] = {}
        self.observer = Observer(
            name=config.gateway.name,
            version=__version__,
            store=store,
            clock=clock,
            metrics=self.metrics,
            ledger=self.ledger,
            engine=self.engine,
            record=self.record,
            gates=self.gates,
            clients=lambda: self.link.present,
        )
        self._saved_lanes = loaded.lanes
        wiring.initialise_metrics(self.metrics, config)
        if store.set_aside is not None:
            self.metrics.store_set_aside.inc()

    def _site_side(self) -> tuple[Link, MqttBroker]:
        """Make the link and the broker, which need each other."""
        link = Link(
            inbox=self.engine,
            dialects=wiring.dialects(self.config),
            downlink=lambda: self.broker,
            metrics=self.metrics,
        )
        broker = MqttBroker(
            wiring.listeners(self.config),
            access=DeviceAccess(wiring.products(self.config), wall_clock=self.clock.wall),
            receiver=link,
            limits=wiring.limits(self.config),
            metrics=self.metrics,
        )
        return link, broker

    async def add_cloud(self, prepared: registry.Prepared, session: HttpSession) -> None:
        """Make the lane of one cloud."""
        lane = wiring.lane_of(prepared.name)
        cloud = self.config.clouds[prepared.name]
        gate = Gate(
            lane,
            self._saved_lanes.get(lane, LaneState()),
            ledger=self.ledger,
            clock=self.clock,
            metrics=self.metrics,
        )
        site = Site(
            session=session,
            now=self.clock.wall,
            credential_expires=lambda name, at: self.metrics.credential_expiry.labels(lane, name).set(at),
            data_dir=self.config.gateway.data_dir,
        )
        self.gates[lane] = gate
        self.adapters[lane] = prepared.make(site)
        self.dispatchers[lane] = Dispatcher(
            lane,
            self.adapters[lane],
            store=self.store,
            ledger=self.ledger,
            gate=gate,
            clock=self.clock,
            metrics=self.metrics,
            settings=wiring.lane_settings(cloud),
            external=wiring.directory(self.config),
            learn=self.orders.learn,
        )

    def _objection(self, lane: Lane, version: Version) -> str | None:
        return self.adapters[lane].objection(version)

    def _committed(self, changes: Changes, committed: Committed) -> None:
        self.engine.committed(committed)
        self.orders.told(changes)
        if changes.messages or changes.progress or changes.settlements or changes.woken:
            for dispatcher in self.dispatchers.values():
                dispatcher.notify()

    async def expire_for_ever(self) -> None:
        """Let time act on open updates."""
        while True:
            self.engine.expire()
            await asyncio.sleep(EXPIRE_EVERY)

    async def prune_for_ever(self) -> None:
        """Forget what is too old."""
        while True:
            try:
                await self.store.prune(wall=self.clock.wall())
            except StoreError as err:
                log.warning("prune_failed", error=str(err))
            await asyncio.sleep(PRUNE_EVERY)


@asynccontextmanager
async def assembled(config: Config) -> AsyncIterator[Gateway]:
    """Open the store and make every part; nothing listens yet."""
    prepared = registry.prepare(config.clouds)
    async with AsyncExitStack() as stack:
        stack.enter_context(_only_one(config.gateway.data_dir))
        store = await Database.open(
            config.database_url(), lane_quota=config.store.lane_quota, keep=wiring.keep(config)
        )
        stack.push_async_callback(store.close)
        clock = Clock()
        loaded = await store.load()
        clock.resume(loaded.clock)
        gateway = Gateway(config, store=store, loaded=loaded, clock=clock)
        for each in prepared:
            lane = wiring.lane_of(each.name)
            session = HttpSession(lane, config.clouds[each.name], gateway.metrics, now=clock.wall)
            await gateway.add_cloud(each, await stack.enter_async_context(session))
        yield gateway


async def run(config: Config, *, config_path: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopping = _stop_signal()
    async with assembled(config) as gateway, asyncio.TaskGroup() as group:
        committing = group.create_task(gateway.ledger.run(), name="ledger")
        lanes = [
            group.create_task(dispatcher.run(), name=lane) for lane, dispatcher in gateway.dispatchers.items()
        ]
        periodic = [
            group.create_task(gateway.expire_for_ever(), name="deadlines"),
            group.create_task(gateway.prune_for_ever(), name="prune"),
            group.create_task(gateway.observer.observe_for_ever(), name="observer"),
            group.create_task(gateway.observer.measure_lag(), name="loop-lag"),
        ]
        ops_server = OpsServer(
            listen=config.http.listen,
            token=config.http.token,
            registry=gateway.registry,
            checks=gateway.observer.checks,
            status=gateway.observer.status,
        )
        async with ops_server as ops, _listening(gateway.broker):
            wiring.settle_memory()
            log.info(
                "gateway_started",
                config=str(config_path),
                store=gateway.store.name,
                mqtt=[f"{host}:{port}" for host, port in gateway.broker.addresses],
                http=str(ops.address),
                clouds=sorted(config.clouds),
            )
            await stopping.wait()
            log.info("gateway_stopping")
            await gateway.broker.stop()
            await _within(*(dispatcher.finish() for dispatcher in gateway.dispatchers.values()))
            await _end(*lanes, *periodic)
            await _within(gateway.ledger.drain())
        await _end(committing)
    log.info("gateway_stopped")


@asynccontextmanager
async def _listening(broker: MqttBroker) -> AsyncIterator[None]:
    await broker.start()
    try:
        yield
    finally:
        await broker.stop()


async def check(config: Config) -> list[str]:
    """Return what only the installed adapters and the device credentials can tell is wrong."""
    problems: list[str] = []
    for attempt in (lambda: registry.prepare(config.clouds), lambda: DeviceAccess(wiring.products(config))):
        try:
            attempt()
        except ConfigError as err:
            problems += err.problems
    return problems


async def _within(*awaitables: Awaitable[None]) -> None:
    """Give them a moment; what is not done then is safe in the store, or with its device."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*awaitables)


async def _end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _stop_signal() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping


@contextmanager
def _only_one(data_dir: Path) -> Iterator[None]:
    """Hold the data directory: two gateways on one store would each believe their own memory."""
    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        release = hold_file(data_dir / "gateway.lock")
    except BlockingIOError as err:
        raise StoreError(f"{data_dir} is in use by another gateway; stop that one first") from err
    try:
        yield
    finally:
        release()
