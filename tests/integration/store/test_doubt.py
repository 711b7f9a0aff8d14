"""A COMMIT whose reply was lost counts as what it was: done or not done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.errors import StoreError
from gateway.store import doubt
from gateway.store.database import Database
from tests.integration.store.scene import LANE, QUOTA, Scene, said, terminal, transition
from tests.integration.store.test_room import counted, summed
from tests.integration.store.wire import Cut, Wire, wired

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.integration.store.postgresql import Cluster


@pytest.fixture
def wire(cluster: Cluster) -> Iterator[Wire]:
    """Lay a wire to PostgreSQL."""
    with wired(cluster.socket) as wire:
        yield wire


@pytest.fixture
async def far(cluster: Cluster, wire: Wire) -> AsyncIterator[Scene]:
    """Open a store behind the wire."""
    url = f"postgresql+psycopg://postgres@127.0.0.1:{wire.port}/{cluster.database()}?sslmode=disable"
    scene = Scene(url, await Database.open(url, lane_quota=QUOTA))
    await scene.store.load()
    await scene.tell(transition("a"))
    yield scene
    await scene.store.close()


@pytest.mark.parametrize("cut", [Cut.AFTER, Cut.LATE])
async def test_a_commit_that_happened_is_a_success(far: Scene, wire: Wire, cut: Cut) -> None:
    """Otherwise memory would forget what the store holds, and the device's second try would be told as news."""
    wire.cut = cut

    committed = await far.tell(terminal("a"))

    assert committed.messages == {LANE: 2}
    assert summed(committed) == counted(far)
    assert summed(await far.tell(transition("b"))) == counted(far)
    assert len(said(await far.drain())) == 3


async def test_a_commit_that_never_arrived_is_a_failure(far: Scene, wire: Wire) -> None:
    """Nothing of it is there, although the clocks stand where they stood."""
    wire.cut = Cut.BEFORE

    with pytest.raises(StoreError):
        await far.tell(terminal("a"))

    assert summed(await far.tell(transition("b"))) == counted(far)
    assert [device for device, *_ in said(await far.drain())] == ["a", "b"]


async def test_a_server_that_stays_away_is_a_failure(
    far: Scene, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question is asked for a while, not for ever."""
    monkeypatch.setattr(doubt, "PATIENCE", 0.5)
    wire.cut = Cut.AFTER
    wire.close()

    with pytest.raises(StoreError):
        await far.tell(terminal("a"))
