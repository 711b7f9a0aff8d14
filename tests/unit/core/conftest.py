"""Every test of this room runs in a loop without real time."""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping

import pytest

from tests.unit.core.timeless import TimelessLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], AbstractEventLoop]]:
    """Give the tests the timeless loop."""
    return {"timeless": TimelessLoop}
