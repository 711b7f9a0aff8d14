"""A store that nobody runs, on both engines: looked at as it was left, and refused whoever would write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway.errors import StoreError
from gateway.model.identity import DeviceId, UpdateId
from gateway.ports.store import Changes, Entry
from gateway.store.at_rest import AtRest
from gateway.store.facts import facts, last_lines
from tests.integration.store.scene import LANE, transition

if TYPE_CHECKING:
    from tests.integration.store.scene import Scene

DEVICE = DeviceId("P", "a")


async def left(scene: Scene) -> AtRest:
    """Let something wait, with a lease on it, and close the store."""
    await scene.tell(transition("a"), transition("b"))
    entries = [
        Entry(device=DEVICE, update=UpdateId("P/a/default/1"), source="said", text=str(n)) for n in range(9)
    ]
    await scene.store.commit(Changes(journal=entries), now=scene.now, wall=scene.now)
    await scene.claim()
    await scene.store.close()
    return AtRest(scene.url)


async def test_it_is_as_the_next_start_will_find_it(scene: Scene) -> None:
    """What waits and what clouds had heard; the leases of the last run stay for the next one to take back."""
    async with await left(scene) as store:
        loaded = await store.load()
        assert loaded.messages == {LANE: 2}
        assert loaded.clock is not None
        assert (await store.figures())[LANE].messages == 2
    with scene.writing() as connection:
        assert (
            connection.execute(text("SELECT count(*) FROM queues WHERE leased_until > 0")).scalar_one() == 2
        )


async def test_facts_for_support(scene: Scene) -> None:
    """Schema, rows, what waits longest, and the end of the journal."""
    async with await left(scene) as store:
        found = await store.look(facts)
        lines = await store.look(lambda connection: last_lines(connection, 3))
    assert found["rows"]["messages"] == 2
    assert found["schema"] == found["schema"].zfill(4)
    assert {queue["device"] for queue in found["queues"]} == {"a", "b"}
    assert [line["text"] for line in lines] == ["6", "7", "8"]


async def test_nothing_can_be_written(scene: Scene) -> None:
    """Whoever tries is told what to do, and so is the database itself."""
    async with await left(scene) as store:
        with pytest.raises(StoreError, match="start it with: ota-gateway run"):
            await store.commit(Changes(), now=0, wall=0)
        with pytest.raises(StoreError, match="start it with: ota-gateway run"):
            await store.claim(LANE, limit=1, now=0, lease_until=1)
        with pytest.raises(StoreError, match=r"read-?only"):
            await store.look(lambda connection: connection.execute(text("DELETE FROM updates")))


async def test_a_newer_gateway_s_store_is_refused(scene: Scene) -> None:
    """In one sentence, on either engine, without the password of its URL."""
    store = await left(scene)
    with scene.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="written by a newer gateway; use that one's command line"):
        await store.__aenter__()
