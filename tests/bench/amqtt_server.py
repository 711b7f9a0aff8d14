"""Stock amqtt under uvloop, as its documentation shows it: `python amqtt_server.py PORT [default]`."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import signal
import sys
from typing import Any

import uvloop

ALLOW_ALL = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}


async def serve(port: int, *, default_plugins: bool) -> None:
    """Serve on loopback until SIGTERM."""
    config: dict[str, Any] = {"listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}}
    if not default_plugins:
        config["plugins"] = ALLOW_ALL
    broker = importlib.import_module("amqtt.broker").Broker(config)  # amqtt ships no types
    await broker.start()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(broker.shutdown(), timeout=3)


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    uvloop.run(serve(int(sys.argv[1]), default_plugins=sys.argv[2:] == ["default"]))
