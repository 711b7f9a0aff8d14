"""Binding a simulated cloud to a port of the loopback, for a test or for a process of its own."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import Protocol

import uvloop
from aiohttp import web


class Serveable(Protocol):
    """What can be served: whatever makes an application."""

    def application(self) -> web.Application:
        """Return a fresh application over the same state."""
        ...


def dated(app: web.Application, now: Callable[[], float]) -> None:
    """Let every answer carry the time of the cloud's own clock."""

    async def date(_: web.Request, response: web.StreamResponse) -> None:
        response.headers["Date"] = formatdate(now(), usegmt=True)

    app.on_response_prepare.append(date)


@asynccontextmanager
async def serve(cloud: Serveable, *, port: int = 0) -> AsyncIterator[str]:
    """Serve on 127.0.0.1 and yield the base URL; the state outlives the port and can be served again."""
    runner = web.AppRunner(cloud.application(), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def run(cloud: Serveable, *, port: int) -> None:
    """Serve until SIGTERM or SIGINT; the only line on standard output says where."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(cloud, port))


async def _run(cloud: Serveable, port: int) -> None:
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    async with serve(cloud, port=port) as url:
        print(json.dumps({"url": url, "port": int(url.rpartition(":")[2])}), flush=True)
        await stop.wait()
