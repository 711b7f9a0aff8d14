"""An image in use."""

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.firmware.catalogue import Catalogue
from gateway.firmware.disk import Disk
from gateway.model.firmware import Image


class OpenedImage:
    """`OpenImage` on a file of the cache."""

    def __init__(self, image: Image, path: Path, catalogue: Catalogue, disk: Disk) -> None:
        self.image = image
        self._catalogue = catalogue
        self._disk = disk
        # In the kernel's memory since the proof was compared with it, so that no disk is touched.
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        catalogue.opened(image.sha256)

    def fileno(self) -> int:
        """Return the descriptor; see OpenImage."""
        return self._descriptor

    async def read(self, offset: int, length: int) -> bytes:
        """Take it from the kernel's memory at once, or from the disk in a thread; see OpenImage."""
        wanted = min(length, max(self.image.size - offset, 0))
        block = bytearray(wanted)
        with contextlib.suppress(OSError):  # not there, or not in this way on this file system
            if os.preadv(self._descriptor, [block], offset, os.RWF_NOWAIT) == wanted:
                return bytes(block)
        return await self._disk.run(os.pread, self._descriptor, length, offset)

    def close(self) -> None:
        """Let go of it; see OpenImage."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._catalogue.closed(self.image.sha256)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
