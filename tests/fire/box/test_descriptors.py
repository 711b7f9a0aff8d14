"""File descriptors run out: a flood of connections, under a limit that is too small for it."""

import asyncio
import resource
from pathlib import Path

import psutil

from tests.fire.box.box import box
from tests.fire.box.injuries import flood, limit

DESCRIPTORS = 80


async def test_a_flood_that_takes_every_descriptor_is_survived(tmp_path: Path) -> None:
    """Who is connected goes on, clouds are told, the processor rests, and afterwards all is as before."""
    async with box(tmp_path, pace=6, wrapper=("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")) as sick:
        await sick.acknowledges(10)
        heard = len(sick.tencent.record.calls)
        process = psutil.Process(sick.pid)
        with flood(sick.site.mqtt_port, 2 * DESCRIPTORS):
            await sick.acknowledges(40)
            spent = sum(process.cpu_times()[:2])
            await asyncio.sleep(1)
            assert sum(process.cpu_times()[:2]) - spent < 0.5
            assert process.num_fds() <= DESCRIPTORS
            assert await sick.is_ready()
        assert len(sick.tencent.record.calls) > heard
        before = process.num_fds()
        limit(sick.pid, resource.RLIMIT_NOFILE, before)
        with flood(sick.site.mqtt_port, 4):
            await sick.says("accept_failed")
            spent = sum(process.cpu_times()[:2])
            await asyncio.sleep(1)
            assert sum(process.cpu_times()[:2]) - spent < 0.5
        limit(sick.pid, resource.RLIMIT_NOFILE, DESCRIPTORS)
    assert sick.deaths == []
    assert sick.said("connections_limited") == 1
    assert not sick.said("cloud_unavailable")


async def test_a_flood_of_the_operators_listener_takes_nothing_from_devices(tmp_path: Path) -> None:
    """Whoever reaches it needs no token to connect: devices go on, clouds are told, and descriptors are left."""
    async with box(tmp_path, pace=6, wrapper=("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")) as sick:
        await sick.acknowledges(10)
        heard = len(sick.tencent.record.calls)
        process = psutil.Process(sick.pid)
        with flood(sick.site.http_port, 2 * DESCRIPTORS):
            await sick.acknowledges(40)
            assert process.num_fds() <= DESCRIPTORS * 3 // 4
        assert len(sick.tencent.record.calls) > heard
    assert sick.deaths == []
    assert not sick.said("accept_failed")
