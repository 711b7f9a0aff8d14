"""The writer's thread breaks by what is no failure of the store, or is gone: never a gateway that only looks ready."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from gateway.core import ledger as ledgers
from gateway.core.clock import Clock
from gateway.core.ledger import Ledger
from gateway.metrics import Metrics
from gateway.ops.notify import commits_end
from gateway.store import database, records
from gateway.store.database import Database
from tests.integration.store.scene import QUOTA, Scene


def ledger_of(scene: Scene) -> tuple[Ledger, CollectorRegistry]:
    """Return a ledger that writes into the store."""
    registry = CollectorRegistry()
    return Ledger(scene.store, Clock(), Metrics(registry)), registry


async def test_a_writer_that_breaks_ends_the_gateway(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw ends the ledger, and with it the process, which is started again; nothing is acknowledged."""

    def break_down(*_: Any) -> None:
        raise MemoryError

    ledger, _ = ledger_of(scene)
    settled: list[bool] = []
    monkeypatch.setattr(records, "write_clock", break_down)
    ledger.settle_later(settled.append)
    with pytest.raises(MemoryError):
        await asyncio.wait_for(ledger.run(), 10)
    assert settled == []


class _Deadly:
    """Work that takes its thread with it."""

    def run(self) -> None:
        raise MemoryError


async def test_a_writer_that_is_gone_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No commit ends any more: the gateway is not ready, and its watchdog is not fed; but it can end."""
    monkeypatch.setattr(ledgers, "LATE", 0.1)
    monkeypatch.setattr(database, "PATIENCE", 0.5)
    url = f"sqlite:///{tmp_path}/gateway.db"
    scene = Scene(url, await Database.open(url, lane_quota=QUOTA))
    ledger, registry = ledger_of(scene)
    deadly: Any = _Deadly()
    scene.store._writer._work_queue.put(deadly)
    async with asyncio.TaskGroup() as group:
        committing = group.create_task(ledger.run())
        ledger.request()
        assert not await commits_end(ledger, registry, within_s=0.5)
        assert ledger.trouble == "a commit has not ended for 0.1 s"
        committing.cancel()
    with capture_logs() as logs:
        await scene.store.close()
    assert [line["event"] for line in logs] == ["store_not_closed"]
    scene.store._engine.dispose()
