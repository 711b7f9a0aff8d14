"""Measure the memory of fetching and serving one image: `python -m tests.integration.firmware.memory 1024` (MiB).

Prints peak resident memory above idle while the image is fetched over HTTP and while it is served to some devices, and
the longest time for which the event loop did not turn.
"""

import asyncio
import hashlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import uvloop
from aiohttp import web

from gateway.config import Address
from gateway.firmware.cache import FirmwareCache
from gateway.firmware.fetch import HttpSource
from gateway.firmware.guard import Guard, read_networks
from gateway.firmware.links import load_key
from gateway.firmware.server import FirmwareServer
from gateway.model.firmware import Firmware, Md5
from gateway.model.identity import Version

PIECE = bytes(range(256)) * 256
DEVICES = 8


class Watch:
    """Samples the process's resident memory from a thread, and the loop's turns from the loop."""

    def __init__(self) -> None:
        self.peak = 0
        self.longest = 0.0
        self._running = True
        threading.Thread(target=self._sample, daemon=True).start()

    def _sample(self) -> None:
        while self._running:
            self.peak = max(self.peak, resident())
            time.sleep(0.002)

    async def turn(self) -> None:
        """Note how late the loop is."""
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            await asyncio.sleep(0.001)
            self.longest = max(self.longest, loop.time() - begun - 0.001)

    def stop(self) -> None:
        """End the thread."""
        self._running = False

    def reset(self) -> None:
        """Begin a new measurement."""
        self.peak, self.longest = 0, 0.0


def resident() -> int:
    """Return the resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


async def origin(size: int) -> None:
    """Serve `size` bytes to whoever asks; runs in a process of its own."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = size
        await response.prepare(request)
        for _ in range(size // len(PIECE)):
            await response.write(PIECE)
        return response

    application = web.Application()
    application.router.add_get("/a", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


async def measure(size: int, port: int) -> dict[str, float]:
    """Fetch, then serve."""
    digest = hashlib.md5()
    for _ in range(size // len(PIECE)):
        digest.update(PIECE)
    firmware = Firmware(
        version=Version("1"), url=f"http://127.0.0.1:{port}/a", size=size, md5=Md5(digest.hexdigest())
    )
    guard = Guard(networks=read_networks(["127.0.0.0/8"]), ports=None)
    with tempfile.TemporaryDirectory() as name:
        async with (
            FirmwareCache(Path(name), quota=2 * size) as cache,
            HttpSource(guard) as source,
            FirmwareServer(
                listen=Address("127.0.0.1", 0),
                public_url="http://127.0.0.1",
                firmwares=cache,
                key=load_key(Path(name) / "key"),
            ) as server,
        ):
            return await _phases(size, firmware, cache, source, server)


async def _phases(
    size: int, firmware: Firmware, cache: FirmwareCache, source: HttpSource, server: FirmwareServer
) -> dict[str, float]:
    watch, idle, figures = Watch(), resident(), {}
    turning = asyncio.create_task(watch.turn())
    await asyncio.sleep(1)
    figures["idle_longest_turn_ms"] = round(watch.longest * 1000, 1)
    for phase in ("fetch", "serve"):
        watch.reset()
        begun = time.monotonic()
        if phase == "fetch":
            image = await cache.obtain(firmware, source, key="a")
        else:
            url = f"http://{server.address}{urlsplit(server.link(image, 'P/d', timedelta(hours=1))).path}"
            await asyncio.gather(*(_device(url) for _ in range(DEVICES)))
        seconds = time.monotonic() - begun
        figures[f"{phase}_above_idle_mib"] = round((watch.peak - idle) / 2**20, 2)
        figures[f"{phase}_longest_turn_ms"] = round(watch.longest * 1000, 1)
        figures[f"{phase}_mib_per_s"] = round(size * (1 if phase == "fetch" else DEVICES) / 2**20 / seconds)
    turning.cancel()
    watch.stop()
    return figures


async def _device(url: str) -> None:
    process = await asyncio.create_subprocess_exec("curl", "-sf", "-o", "/dev/null", url)
    if await process.wait() != 0:
        raise RuntimeError("a device did not get its image")


def run(mebibytes: int) -> dict[str, float]:
    """Measure against an origin in another process."""
    size = mebibytes * 2**20
    other = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.firmware.memory", "origin", str(size)],
        stdout=subprocess.PIPE,
    )
    with other:
        try:
            assert other.stdout is not None
            return uvloop.run(measure(size, int(other.stdout.readline())))
        finally:
            other.kill()


if __name__ == "__main__":
    if sys.argv[1:2] == ["origin"]:
        uvloop.run(origin(int(sys.argv[2])))
    else:
        print(json.dumps(run(int(sys.argv[1])), indent=1))
