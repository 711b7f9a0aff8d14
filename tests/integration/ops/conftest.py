"""An office for every test that asks for one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.ops.office import Office, open_office


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """Return an open office."""
    async with open_office(tmp_path) as made:
        yield made
