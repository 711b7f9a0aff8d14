"""Whether an image on the disk still is what was proven: read again after a start, after a change, and once a day."""

import asyncio
import os
import time
from collections.abc import Callable
from datetime import timedelta

from gateway.firmware.disk import Disk
from gateway.firmware.shelf import Shelf
from gateway.model.firmware import Image, Sha256

#: Time of last change, size and inode; none of them betrays a flipped bit, hence the date.
Stamp = tuple[int, int, int]


class Proofs:
    """Remembers what was read and found right, and reads again what was not; one reader per image."""

    def __init__(
        self,
        shelf: Shelf,
        disk: Disk,
        *,
        valid: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shelf = shelf
        self._disk = disk
        self._valid = valid.total_seconds()
        self._monotonic = monotonic
        self._proven: dict[Sha256, tuple[Stamp, float]] = {}
        self._running: dict[Sha256, asyncio.Task[bool]] = {}

    def proven(self, image: Image) -> None:
        """Take note that the image was proven just now."""
        stamp = self._stamp(image)
        if stamp is not None:
            self._proven[image.sha256] = (stamp, self._monotonic())

    async def is_sound(self, image: Image) -> bool:
        """Tell whether the image can be served, from memory where nothing speaks against it."""
        known = self._proven.get(image.sha256)
        fresh = known is not None and self._monotonic() - known[1] < self._valid
        if known is not None and fresh and known[0] == self._stamp(image):
            return True
        task = self._running.get(image.sha256)
        if task is None:
            task = asyncio.create_task(self._read(image), name=f"firmware proof {image.sha256[:12]}")
            self._running[image.sha256] = task
            task.add_done_callback(lambda _: self._running.pop(image.sha256))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Wait for readers that run."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _read(self, image: Image) -> bool:
        before = self._stamp(image)
        sound = before is not None and await self._disk.run(self._shelf.is_sound, image)
        if sound and before is not None and before == self._stamp(image):
            self._proven[image.sha256] = (before, self._monotonic())
        else:
            self._proven.pop(image.sha256, None)
        return sound

    def _stamp(self, image: Image) -> Stamp | None:
        try:
            status = os.stat(self._shelf.path(image))  # noqa: PTH116 - in the kernel's memory, no disk is touched
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_size, status.st_ino)
