"""kill -9 while an image comes, and in the moment in which it is put in its place."""

import asyncio
import contextlib
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from gateway.firmware.cache import FirmwareCache
from gateway.firmware.fetch import HttpSource
from gateway.firmware.transfer import CHECKPOINT_BYTES
from tests.integration.firmware.conftest import files
from tests.integration.firmware.origin import Origin, content_of, serving
from tests.integration.firmware.test_obtain import begun, content, until

SIZE = 48 * 2**20
IN_FLIGHT = 16 * 2**20
"""What sockets and buffers between origin and disk may hold, generously."""


@contextlib.asynccontextmanager
async def fetching(directory: Path, origin: Origin) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the process; kill it in the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.firmware.fetcher",
        str(directory),
        f"{origin.url}?sign={random.random()}",
        str(len(origin.content)),
        origin.md5,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        await process.communicate()


async def test_what_was_proven_is_never_fetched_again(directory: Path, source: HttpSource) -> None:
    """Three kills while it comes: each run goes on near where the last one died, and the image is right."""
    async with serving(content_of(SIZE)) as origin:
        for goal in (15, 25, 35):
            async with fetching(directory, origin):
                await until(lambda goal=goal: origin.served >= goal * 2**20)
        async with FirmwareCache(directory, quota=2 * SIZE) as cache:
            image = await cache.obtain(origin.firmware(), source, key="a")
            assert await content(cache, image.sha256) == origin.content
        starts = begun(origin)
        assert starts == sorted(starts)
        assert starts[1] >= 15 * 2**20 - CHECKPOINT_BYTES - IN_FLIGHT
        assert 0 < starts[2] < starts[3] < SIZE
        assert origin.served <= SIZE + 3 * (CHECKPOINT_BYTES + IN_FLIGHT)
        assert files(directory) == {f"objects/{image.sha256}": SIZE}


async def test_no_instant_of_the_end_is_a_bad_one(tmp_path: Path, source: HttpSource) -> None:
    """Killed between the last byte and the word that it is there: whole and right afterwards, at one fetch's cost."""
    chance = random.Random(7)
    async with serving(content_of(2**20)) as origin:
        for number in range(8):
            directory = tmp_path / str(number)
            origin.served, before = 0, len(origin.asked)
            async with fetching(directory, origin):
                await until(lambda: origin.served == 2**20)
                await asyncio.sleep(chance.uniform(0, 0.03))
            async with FirmwareCache(directory, quota=2**22) as cache:
                image = await cache.obtain(origin.firmware(), source, key="a")
                assert await content(cache, image.sha256) == origin.content
            assert len(origin.asked) - before <= 2
            assert files(directory) == {f"objects/{image.sha256}": 2**20}
