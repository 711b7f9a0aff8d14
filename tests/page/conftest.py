"""One browser, one gateway for all tests that only look, and one for those that act on what is theirs alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.page.box import Box, box
from tests.page.browser import chromium
from tests.page.stock import Stock


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Return a browser."""
    async with chromium() as started:
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def busy(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Box]:
    """Return a gateway with forty devices amid their updates, for those who only look."""
    directory: Path = tmp_path_factory.mktemp("busy")
    async with box(directory, Stock(devices=40, letters=3, aside=2, lines=400)) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def acted(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Box]:
    """Return a gateway with eighty devices; consent is waited for by d0017, d0037, d0057 and d0077."""
    async with box(tmp_path_factory.mktemp("acted"), Stock(devices=80, letters=3)) as running:
        yield running
