"""A cache on a disk, and a source that may follow loopback; on asyncio's own event loop and on uvloop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
import uvloop

from gateway.firmware.cache import FirmwareCache
from gateway.firmware.fetch import HttpSource
from gateway.firmware.guard import Guard, read_networks
from gateway.firmware.pace import Pace
from tests.integration.firmware.origin import Origin, content_of, serving

LOOPBACK = Guard(networks=read_networks(["127.0.0.0/8"]), ports=None)
QUICK = Pace(silence=timedelta(seconds=1), answer=timedelta(seconds=1), connect=timedelta(seconds=3))
SIZE = 1_000_003
QUOTA = 4_000_000


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Name the loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    """An origin with an image of a million bytes."""
    async with serving(content_of(SIZE)) as origin:
        yield origin


@pytest.fixture
async def source() -> AsyncIterator[HttpSource]:
    """A source with little patience."""
    async with HttpSource(LOOPBACK, pace=QUICK) as source:
        yield source


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the cache lies."""
    return tmp_path / "firmware"


@pytest.fixture
async def cache(directory: Path) -> AsyncIterator[FirmwareCache]:
    """A cache for four such images, less three bytes each."""
    async with FirmwareCache(directory, quota=QUOTA) as cache:
        yield cache


def files(directory: Path) -> dict[str, int]:
    """Return what lies in the cache, notes apart: relative names and sizes."""
    return {
        str(path.relative_to(directory)): path.stat().st_size
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.suffix != ".json"
    }
