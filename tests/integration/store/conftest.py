"""The same store on SQLite and on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.store.database import Database
from tests.integration.store.postgresql import Cluster, cluster
from tests.integration.store.scene import QUOTA, Scene

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

__all__ = ["cluster"]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where an empty store may be made, on each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'gateway.db'}"
    server: Cluster = request.getfixturevalue("cluster")
    return server.url(server.database())


@pytest.fixture
async def scene(url: str) -> AsyncIterator[Scene]:
    """Open and load a store."""
    scene = Scene(url, await Database.open(url, lane_quota=QUOTA))
    await scene.store.load()
    yield scene
    await scene.store.close()
