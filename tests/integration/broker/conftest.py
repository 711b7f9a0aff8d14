"""Every test runs on asyncio's own event loop and on uvloop."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from tests.integration.broker.site import House


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Name the loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A broker without rate limits."""
    house = House()
    await house.start()
    yield house
    await house.stop()
