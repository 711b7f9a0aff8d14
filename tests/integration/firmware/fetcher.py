"""A process that obtains one image and says so; it is there to be killed."""

import asyncio
import sys
from pathlib import Path

import uvloop

from gateway.firmware.cache import FirmwareCache
from gateway.firmware.fetch import HttpSource
from gateway.firmware.guard import Guard, read_networks
from gateway.model.firmware import Firmware, Md5
from gateway.model.identity import Version


async def fetch(directory: Path, url: str, size: int, md5: str) -> None:
    """Obtain, and print the digest."""
    guard = Guard(networks=read_networks(["127.0.0.0/8"]), ports=None)
    firmware = Firmware(version=Version("2.0"), url=url, size=size, md5=Md5(md5))
    async with FirmwareCache(directory, quota=2 * size) as cache, HttpSource(guard) as source:
        image = await cache.obtain(firmware, source, key="a")
        print(image.sha256, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(fetch(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]))
