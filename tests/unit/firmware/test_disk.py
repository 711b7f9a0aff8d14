"""Small files that are there whole or not at all, and work that is never left running."""

import asyncio
import gc
import stat
import threading
import weakref
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.firmware.disk import Disk, read_object, write_whole


async def test_who_is_canceled_waits_for_the_work_to_end() -> None:
    """However often: two threads must never touch one file, nor one a descriptor that was closed."""
    disk, begun, go = Disk(), threading.Event(), threading.Event()
    ended = []

    def work() -> None:
        begun.set()
        go.wait(10)
        ended.append(True)
        raise OSError("nobody hears it")

    task = asyncio.create_task(disk.run(work))
    await asyncio.to_thread(begun.wait, 10)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]
    disk.close()


class GoneError(OSError):
    """A device that hung up."""


async def test_what_failed_is_forgotten_with_its_end() -> None:
    """A device that hangs up leaves nothing of its transfer to the garbage collector, a rare guest here."""
    disk = Disk()
    left: list[weakref.ref[GoneError]] = []

    def fail() -> None:
        error = GoneError()
        left.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error

    async def transfer() -> None:
        with suppress(GoneError):
            await disk.run(fail)

    gc.collect()
    gc.disable()
    try:
        await transfer()
        await asyncio.to_thread(disk.close)
        assert [error() for error in left] == [None]
    finally:
        gc.enable()


def test_a_small_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Private, and without a draft left behind."""
    path = tmp_path / "note.json"
    write_whole(path, b"one")
    write_whole(path, b'{"proven": 2}')
    assert read_object(path) == {"proven": 2}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_no_draft(tmp_path: Path) -> None:
    """What was there stays."""
    path = tmp_path / "taken"
    path.mkdir()
    with pytest.raises(OSError, match="taken"):
        write_whole(path, b"x")
    assert [each.name for each in tmp_path.iterdir()] == ["taken"]
