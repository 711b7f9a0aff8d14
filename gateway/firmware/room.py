"""The quota: every byte on the disk, and every byte that a fetch was promised, counts against it.

Law: an image in use never goes, a fetch that was promised its room is not short of it, and the disk's last room is the
store's, whatever the quota says: a report that cannot be written down cannot be acknowledged.
"""

import asyncio
from collections.abc import Callable, Iterator

import structlog

from gateway.firmware.catalogue import Catalogue, Evictable, victims
from gateway.firmware.disk import Disk
from gateway.firmware.figures import Tally
from gateway.firmware.shelf import Shelf
from gateway.firmware.troubles import trouble_with_disk
from gateway.model.firmware import Sha256
from gateway.ports.firmware import NotNowError, Trouble, UnfitError

log = structlog.get_logger()

#: Bytes of the disk that images leave free: four times the store's reserve.
LEFT_FREE = 32 * 2**20


class Room:
    """Gives room to fetches and takes it from what was not used for longest."""

    def __init__(
        self,
        quota: int,
        *,
        catalogue: Catalogue,
        shelf: Shelf,
        disk: Disk,
        tally: Tally,
        now: Callable[[], float],
    ) -> None:
        self.quota = quota
        self._catalogue = catalogue
        self._shelf = shelf
        self._disk = disk
        self._tally = tally
        self._now = now
        #: Partial images that nobody fetches: bytes, and when the last fetch ended.
        self.idle: dict[str, tuple[int, float]] = {}
        self._promised: dict[str, int] = {}
        #: Held by whoever removes files, and by whoever puts one where another may just be going.
        self.lock = asyncio.Lock()

    @property
    def taken(self) -> int:
        """Bytes that count."""
        idle = sum(size for size, _ in self.idle.values())
        return self._catalogue.size + idle + sum(self._promised.values())

    async def begin(self, identity: str) -> None:
        """Count the partial image as a fetch that runs; it cannot be evicted any more."""
        async with self.lock:
            self._promised[identity] = self.idle.pop(identity, (0, 0.0))[0]

    def end(self, identity: str, left: int) -> None:
        """Count what a fetch left as idle; 0 when it left nothing, or its image is in the catalogue."""
        del self._promised[identity]
        if left:
            self.idle[identity] = (left, self._now())

    def refuse_too_large(self, size: int) -> None:
        """Raise UnfitError when no eviction could ever make room enough."""
        if size > self.quota:
            raise UnfitError(
                Trouble.TOO_LARGE,
                f"the image has {size} bytes or more, firmware.quota is {self.quota}; raise the quota",
            )

    async def promise(self, identity: str, size: int) -> None:
        """Let a fetch grow to `size` bytes; raises UnfitError or NotNowError and then promises nothing new."""
        self.refuse_too_large(size)
        async with self.lock:
            while (missing := self._missing(identity, size)) > 0:
                await self._evict(missing)
            self._promised[identity] = max(size, self._promised[identity])

    def _missing(self, identity: str, size: int) -> int:
        more = size - self._promised[identity]
        missing = self.taken + more - self.quota
        return max(missing, LEFT_FREE + more - self._shelf.free()) if more > 0 else missing

    async def _evict(self, missing: int) -> None:
        chosen = victims(self._candidates(), missing)
        if chosen is None:
            raise NotNowError(
                Trouble.NO_ROOM,
                f"{missing} bytes are missing and all images are in use; raise firmware.quota or free some disk",
            )
        for victim in chosen:
            try:
                await self._remove(victim)
            except OSError as error:
                raise trouble_with_disk(error) from error

    def _candidates(self) -> Iterator[Evictable]:
        for held in self._catalogue.all():
            if not self._catalogue.is_in_use(held.image.sha256):
                yield Evictable(held.image.sha256, False, held.image.size, held.used_at)
        for identity, (size, used_at) in self.idle.items():
            yield Evictable(identity, True, size, used_at)

    async def _remove(self, victim: Evictable) -> None:
        if victim.is_partial:
            del self.idle[victim.name]
            await self._disk.run(self._shelf.remove_partial, victim.name)
        else:
            held = self._catalogue.get(Sha256(victim.name))
            if held is None or self._catalogue.is_in_use(held.image.sha256):
                return  # somebody took it up while another went
            self._catalogue.remove(held.image.sha256)
            await self._disk.run(self._shelf.remove, held.image)
        self._tally.evicted += 1
        log.info("firmware_evicted", name=victim.name, partial=victim.is_partial, size=victim.size)
