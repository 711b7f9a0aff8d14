"""The composition root: every part is made here, joined to its neighbours, started and stopped in order.

Stopping goes down the road: no new connections, devices off (what is not acknowledged they send again), lanes
finish the request in hand, the last commit, the store.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import structlog
from aiohttp import web_response

from gateway import locks, wiring
from gateway.assembly import Gateway
from gateway.clouds import registry
from gateway.clouds.line import Resolver
from gateway.config import Config
from gateway.core.clock import Clock
from gateway.errors import StoreError
from gateway.firmware.fetch import HttpSource
from gateway.operators import Operators
from gateway.ops import memory, notify
from gateway.ops.http import OpsServer
from gateway.reload import Reload
from gateway.store.database import Database
from gateway.store.reading import Reading

log = structlog.get_logger()

#: Seconds that each step of stopping may take.
PATIENCE = 3.0


@asynccontextmanager
async def assembled(config: Config, clock: Clock | None = None) -> AsyncIterator[Gateway]:
    """Open the store and make every part; no device and no person is heard yet."""
    prepared = registry.prepare(config.clouds)
    async with AsyncExitStack() as stack:
        stack.enter_context(_only_one(config.gateway.data_dir))
        store = await Database.open(
            config.database_url(), lane_quota=config.store.lane_quota, keep=wiring.keep(config)
        )
        stack.push_async_callback(store.close)
        clock = clock or Clock()
        loaded = await store.load()
        clock.resume(loaded.clock)
        source = HttpSource(wiring.guard(config), resolver=Resolver())
        downloads = await stack.enter_async_context(source)
        gateway = Gateway(config, store=store, loaded=loaded, clock=clock, downloads=downloads)
        stack.push_async_callback(gateway.lanes.close)
        for each in prepared:
            gateway.lanes.take_on(gateway.lanes.crew(each, config))
        if config.firmware is not None:
            await stack.enter_async_context(gateway.make_road_down(config.firmware))
        yield gateway


async def run(config: Config, *, config_path: Path) -> None:
    """Serve until SIGTERM or SIGINT; at SIGHUP, read the configuration again."""
    stopping = _told_by(signal.SIGTERM, signal.SIGINT)
    manager = notify.Manager.of(os.environ)
    # What is no HTTP aiohttp answers by itself, before any handler of ours, and would sign with its version.
    web_response.SERVER_SOFTWARE = "ota-gateway"  # type: ignore[attr-defined]  # nor is there another
    async with (
        assembled(config) as gateway,
        Reading(config.database_url()) as reading,
        asyncio.TaskGroup() as group,
    ):
        committing = group.create_task(gateway.ledger.run(), name="ledger")
        for lane in gateway.lanes.dispatchers:
            gateway.lanes.begin(lane, group, gateway.lane_works(lane))
        reload = Reload(
            gateway, path=config_path, wanted=_told_by(signal.SIGHUP), group=group, manager=manager
        )
        people = Operators(gateway, reading, reload.ask)
        works = (*gateway.works(), *people.works())
        periodic = [group.create_task(work, name=name) for name, work in works]
        async with _ops_server(gateway, people) as ops, _listening(gateway, manager, stopping):
            rereading = group.create_task(reload.run(), name="reload")
            memory.settle()
            _say_started(gateway, config_path, ops)
            await stopping.wait()
            log.info("gateway_stopping")
            await _end(rereading)
            await gateway.broker.stop()
            await _within(gateway.lanes.finish())
            await gateway.lanes.cut()
            await _end(*periodic)
            await _within(gateway.ledger.drain())
        await _end(committing)
    log.info("gateway_stopped")


def _say_started(gateway: Gateway, config_path: Path, ops: OpsServer) -> None:
    log.info(
        "gateway_started",
        config=str(config_path),
        store=gateway.store.name,
        mqtt=[f"{host}:{port}" for host, port in gateway.broker.addresses],
        http=str(ops.address),
        firmware=str(gateway.down.server.address) if gateway.down else "",
        clouds=sorted(gateway.config.clouds),
    )


def _ops_server(gateway: Gateway, people: Operators) -> OpsServer:
    server = OpsServer(
        listen=gateway.config.http.listen,
        token=gateway.config.http.token,
        registry=gateway.registry,
        checks=gateway.observer.checks,
        status=gateway.observer.status,
        routes=[*people.routes(), *gateway.push_routes()],
    )
    gateway.on_config = lambda config: server.guard_with(config.http.token)
    return server


@asynccontextmanager
async def _listening(
    gateway: Gateway, manager: notify.Manager, stopping: asyncio.Event
) -> AsyncIterator[None]:
    """Let devices in, and have the service manager know."""
    service = notify.Service(
        ledger=gateway.ledger, registry=gateway.registry, checks=gateway.observer.checks, stopping=stopping
    )
    await gateway.broker.start()
    try:
        async with notify.supervised(manager, service):
            yield
    finally:
        await gateway.broker.stop()


async def _within(*awaitables: Awaitable[None]) -> None:
    """Give them a moment; what is not done then is safe in the store, or with its device."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*awaitables)


async def _end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _told_by(*signals: signal.Signals) -> asyncio.Event:
    """Return an event that these signals set."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in signals:
        loop.add_signal_handler(number, told.set)
    return told


@contextmanager
def _only_one(data_dir: Path) -> Iterator[None]:
    """Hold the data directory: two gateways on one store would each believe their own memory."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        release = locks.hold(data_dir / "gateway.lock")
    except BlockingIOError as err:
        raise StoreError(f"{data_dir} is in use by another gateway; stop that one first") from err
    try:
        yield
    finally:
        release()
