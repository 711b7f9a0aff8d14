"""Every test runs on asyncio's own event loop and on uvloop, against a broker without rate limits."""

from tests.integration.broker.conftest import house, pytest_asyncio_loop_factories

__all__ = ["house", "pytest_asyncio_loop_factories"]
