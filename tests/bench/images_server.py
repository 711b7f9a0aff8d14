"""Our image server as a process: `python -m tests.bench.images_server DIRECTORY PORT DEVICES SOURCE…`.

A source is an image's path or URL. The process says that it idles, waits for a line, takes the images into its cache,
and prints where each lies and a link for every device.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import uvloop

from gateway.config import Address
from gateway.firmware.cache import FirmwareCache
from gateway.firmware.fetch import HttpSource
from gateway.firmware.guard import Guard, read_networks
from gateway.firmware.links import load_key
from gateway.firmware.server import FirmwareServer
from gateway.model.firmware import Firmware
from gateway.model.identity import Version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.model.firmware import Image

QUOTA = 4 * 2**30
LINK_VALID = timedelta(hours=6)


class FileSource:
    """Images that lie on this machine; a firmware's URL is the path."""

    async def fetch(self, firmware: Firmware, start: int) -> AsyncIterator[bytes]:
        """Read the file; see ImageSource."""
        with Path(firmware.url).open("rb") as file:  # noqa: ASYNC230 - nobody is served yet
            file.seek(start)
            while block := file.read(2**20):
                yield block


async def serve(directory: Path, port: int, devices: int, sources: list[str]) -> None:
    """Serve until the process is ended."""
    address = Address("127.0.0.1", port)
    guard = Guard(networks=read_networks(["127.0.0.0/8"]), ports=None)
    async with (
        FirmwareCache(directory / "cache", quota=QUOTA) as cache,
        HttpSource(guard) as http,
        FirmwareServer(
            listen=address, public_url=f"http://{address}", firmwares=cache, key=load_key(directory / "key")
        ) as server,
    ):
        print("idle", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        found = []
        for name in sources:
            image = await cache.obtain(
                Firmware(version=Version("1"), url=name),
                http if name.startswith("http:") else FileSource(),
                key=name,
            )
            found.append({"file": str(cache._shelf.path(image)), "links": _links(server, image, devices)})
        print(json.dumps(found), flush=True)
        await asyncio.Event().wait()


def _links(server: FirmwareServer, image: Image, devices: int) -> list[str]:
    return [server.link(image, f"P/{device}", LINK_VALID) for device in range(devices)]


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    uvloop.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
