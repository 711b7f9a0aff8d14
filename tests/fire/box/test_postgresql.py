"""The PostgreSQL server is killed, shut down, paused, and hangs up, under load."""

import asyncio
from pathlib import Path

import psycopg

from tests.fire.box.box import box
from tests.fire.box.injuries import frozen, slay
from tests.integration.store.postgresql import Cluster, cluster

__all__ = ["cluster"]


async def test_a_server_that_goes_and_comes_is_survived(tmp_path: Path, cluster: Cluster) -> None:
    """SIGKILL, a shutdown, a pause, lost connections: reports wait with their devices, and all is told."""
    url = cluster.url(cluster.database())
    try:
        async with box(tmp_path, extra=f'[store]\nurl = "{url}"\n', pace=6) as sick:
            await sick.acknowledges(10)
            slay(cluster.pid)
            cluster.has_died()
            await sick.becomes(ready=False)
            await asyncio.to_thread(cluster.start)
            await sick.acknowledges(10)
            with frozen(cluster.pid):
                await sick.becomes(ready=False)
            await sick.acknowledges(10)
            for _ in range(3):
                hang_up(cluster)
                await sick.acknowledges(5)
            await asyncio.to_thread(cluster.kill)
            await asyncio.sleep(0.5)
            await asyncio.to_thread(cluster.start)
    finally:
        cluster.start()
    assert sick.deaths == []


def hang_up(cluster: Cluster) -> None:
    """End every connection, as an administrator does."""
    with psycopg.connect(cluster.url("postgres").replace("+psycopg", ""), autocommit=True) as server:
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
