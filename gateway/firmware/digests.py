"""Both digests of an image, taken on one way through its bytes."""

import hashlib
import os
from pathlib import Path

from gateway.model.firmware import Image, Md5, Sha256

BLOCK = 256 * 1024  # bytes read, hashed and written at once


class Digests:
    """What has been seen of an image so far."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self.size = 0

    def update(self, block: bytes | bytearray | memoryview) -> None:
        """Take the next bytes."""
        self._sha256.update(block)
        self._md5.update(block)
        self.size += len(block)

    def image(self) -> Image:
        """Return what the bytes so far amount to."""
        return Image(sha256=Sha256(self._sha256.hexdigest()), md5=Md5(self._md5.hexdigest()), size=self.size)


def measure(path: Path) -> Image:
    """Read a whole file."""
    digests = Digests()
    with path.open("rb", buffering=0) as file:
        take(file.fileno(), digests, None)
    return digests.image()


def take(descriptor: int, digests: Digests, limit: int | None) -> None:
    """Feed the digests from the descriptor's position, up to `limit` bytes or the end."""
    block = bytearray(BLOCK)
    view = memoryview(block)
    left = limit
    while left is None or left > 0:
        count = os.readv(descriptor, [view if left is None else view[: min(left, BLOCK)]])
        if not count:
            return
        digests.update(view[:count])
        left = None if left is None else left - count
