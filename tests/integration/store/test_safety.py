"""What kill -9 cannot show: the fsync itself, the lock, and rows that make no sense."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, event, text

from gateway.errors import StoreError
from gateway.model.identity import DeviceId, Version
from gateway.model.update import Update
from gateway.ports.store import Changes, Quarantined
from gateway.store.database import Database
from gateway.store.keeping import Keep
from tests.integration.store.scene import LANE, QUOTA, Scene


def _synchronous(seen: list[str]) -> Callable[[Connection], None]:
    pragma = {"sqlite": "PRAGMA synchronous", "postgresql": "SHOW synchronous_commit"}
    return lambda connection: seen.append(
        str(connection.exec_driver_sql(pragma[connection.dialect.name]).scalar_one())
    )


async def test_a_commit_is_synchronous_and_a_claim_need_not_be(scene: Scene) -> None:
    """A power cut takes back nothing that was acknowledged: FULL for SQLite, on for PostgreSQL."""
    seen: list[str] = []
    engine = scene.store._engine
    event.listen(engine, "commit", _synchronous(seen))
    await scene.commit(Changes())
    await scene.store.claim(LANE, limit=1, now=scene.now, lease_until=scene.now + 60)
    assert seen == {"sqlite": ["2", "1"], "postgresql": ["on", "off"]}[engine.dialect.name]


async def test_a_store_serves_one_gateway(url: str, scene: Scene) -> None:
    """A second one is refused in words, whatever its data directory, until the first has ended."""
    with pytest.raises(StoreError, match="in use by another gateway"):
        await Database.open(url, lane_quota=QUOTA)
    await scene.restart()


async def test_an_update_that_makes_no_sense_does_not_prevent_the_start(tmp_path: Path) -> None:
    """A flipped bit in a cell passes the file's own check; the other updates are read."""
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    good, bad = (Update(device=DeviceId("P", name), target=Version("2.0")) for name in ("good", "bad"))
    store = await Database.open(url, lane_quota=QUOTA)
    await store.commit(Changes(updates={good.id: good, bad.id: bad}), now=1, wall=1)
    await store.close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE updates SET state = 'downloadyng' WHERE device = 'bad'"))
    engine.dispose()

    store = await Database.open(url, lane_quota=QUOTA)
    assert (await store.load()).updates == [good]
    await store.close()


async def test_quarantine_is_bounded_at_once(url: str) -> None:
    """A device that babbles all day fills no disk between two prunings."""
    store = await Database.open(url, lane_quota=QUOTA, keep=Keep(quarantine_rows=10))
    babble = Quarantined(device=DeviceId("P", "d"), topic="t", payload=b"?", reason="bad_json", detail="")
    await store.commit(Changes(quarantine=[babble] * 50), now=1, wall=1)
    with store._engine.connect() as connection:
        assert 0 < connection.execute(text("SELECT count(*) FROM quarantine")).scalar_one() <= 10
    await store.close()
