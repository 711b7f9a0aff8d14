"""Most tests of this room run in a loop without real time: hours of silence, and days of outage, cost nothing."""

import shutil
import tempfile
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import uvloop

from tests.unit.core.timeless import CreepingLoop

_REAL = {"test_line.py"}
"""What needs threads, or other processes, and so real time."""

_MEMORY = Path("/dev/shm")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], AbstractEventLoop]]:
    """Give the tests the timeless loop, or the one that the gateway itself runs on."""
    return {"uvloop": uvloop.new_event_loop} if item.path.name in _REAL else {"timeless": CreepingLoop}


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory in memory where there is one: thousands of commits, and none of them is to survive."""
    directory = Path(tempfile.mkdtemp(dir=_MEMORY if _MEMORY.is_dir() else None))
    yield directory
    shutil.rmtree(directory)
