"""The operators' side of a gateway that does not run: its API over the store as it was left, for looking only."""

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry

from gateway import wiring
from gateway.assembly import Gateway
from gateway.config import Config, HttpConfig
from gateway.core.clock import Clock
from gateway.firmware.fetch import HttpSource
from gateway.operators import Operators
from gateway.ops.client import Client
from gateway.ops.http import OpsServer
from gateway.store.at_rest import AtRest


@asynccontextmanager
async def opened(config: Config) -> AsyncIterator[Client]:
    """Yield who answers as the gateway would; raises FileNotFoundError without a store, or StoreError."""
    async with AtRest(config.database_url()) as store:
        loaded = await store.load()
        clock = Clock()
        clock.resume(loaded.clock)
        downloads = HttpSource(wiring.guard(config))
        gateway = Gateway(config, store=store, loaded=loaded, clock=clock, downloads=downloads)
        for cloud in config.clouds:
            gateway.lanes.look_on(wiring.lane_of(cloud))
        server = OpsServer(
            listen=config.http.listen,
            token=None,
            registry=CollectorRegistry(),
            checks=gateway.observer.checks,
            status=gateway.observer.status,
            routes=Operators(gateway, store).routes(),
        )
        async with _answering(server.application()) as socket:
            yield Client(HttpConfig(), socket=socket)


@asynccontextmanager
async def _answering(application: web.Application) -> AsyncIterator[Path]:
    """Listen where this user alone can ask."""
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    with tempfile.TemporaryDirectory(prefix="ota-gateway-") as name:
        # By its descriptor: the name of a socket may have no more than a hundred characters.
        directory = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
        socket = Path(f"/proc/self/fd/{directory}/api")
        try:
            await web.UnixSite(runner, str(socket)).start()
            yield socket
        finally:
            await runner.cleanup()
            os.close(directory)
