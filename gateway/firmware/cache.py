"""The images of the site: content-addressed, fetched once, proven whenever they are opened, within a quota."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from gateway.firmware.catalogue import Catalogue
from gateway.firmware.disk import Disk
from gateway.firmware.figures import Figures, Tally
from gateway.firmware.flight import Flight
from gateway.firmware.opened import OpenedImage
from gateway.firmware.proofs import Proofs
from gateway.firmware.room import Room
from gateway.firmware.shelf import Held, Shelf, touch
from gateway.firmware.troubles import trouble_with_disk
from gateway.firmware.workshop import Workshop
from gateway.model.firmware import Firmware, Image, Sha256
from gateway.ports.firmware import ImageGoneError, ImageSource, Progress, Trouble, UnfitError

#: An image that nothing speaks against is read again after this.
PROOF_VALID = timedelta(days=1)
#: The time of last use is written down this often.
TOUCH_SECONDS = 60.0

log = structlog.get_logger()


class FirmwareCache:
    """`Firmwares` on a disk; use it as an async context manager. One process per directory."""

    def __init__(
        self,
        directory: Path,
        *,
        quota: int,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        proof_valid: timedelta = PROOF_VALID,
    ) -> None:
        self.tally = Tally()
        self._now = now
        self._shelf = Shelf(directory)
        self._disk = Disk()
        self._catalogue = Catalogue()
        self._proofs = Proofs(self._shelf, self._disk, valid=proof_valid, monotonic=monotonic)
        self._room = Room(
            quota,
            catalogue=self._catalogue,
            shelf=self._shelf,
            disk=self._disk,
            tally=self.tally,
            now=now,
        )
        self._shop = Workshop(
            shelf=self._shelf,
            disk=self._disk,
            catalogue=self._catalogue,
            proofs=self._proofs,
            room=self._room,
            tally=self.tally,
            now=now,
        )
        self._flights: dict[str, Flight] = {}

    async def __aenter__(self) -> Self:
        try:
            await self._disk.run(self._shelf.prepare)
            for held in await self._disk.run(self._shelf.scan):
                self._catalogue.add(held)
            self._room.idle = await self._disk.run(self._shelf.scan_partials)
        except BaseException:
            self._disk.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*(flight.task for flight in flights), return_exceptions=True)
        await self._proofs.close()
        self._disk.close()

    async def obtain(self, firmware: Firmware, source: ImageSource, *, key: str) -> Image:
        """Return the image, proven and pinned under the key; see Firmwares."""
        while True:
            held = self._catalogue.find(firmware)
            if held is not None:
                with self._kept(held.image.sha256):
                    if not await self._is_sound(held):
                        continue  # it was removed
                    await self._use(held)
                    self.tally.hits += 1
                    return self._give(held.image, firmware, key)
            flight = self._flights.get(firmware.identity)
            if flight is None or not flight.is_ending:
                break
            await asyncio.wait([flight.task])
        image = await (flight or self._start(firmware)).wait(firmware, source, key)
        return self._give(image, firmware, key)

    async def open(self, sha256: Sha256) -> OpenedImage:
        """Open an image to serve it; see Firmwares."""
        held = self._catalogue.get(sha256)
        if held is None:
            raise ImageGoneError(Trouble.GONE, sha256)
        with self._kept(sha256):
            if not await self._is_sound(held):
                raise ImageGoneError(Trouble.DAMAGED, sha256)
            await self._use(held)
            try:
                return OpenedImage(held.image, self._shelf.path(held.image), self._catalogue, self._disk)
            except FileNotFoundError as error:
                raise ImageGoneError(Trouble.GONE, sha256) from error
            except OSError as error:
                raise trouble_with_disk(error) from error

    def find(self, sha256: Sha256) -> Image | None:
        """Return what is known of the image; see Firmwares."""
        held = self._catalogue.get(sha256)
        return held.image if held is not None else None

    def pin(self, sha256: Sha256, key: str) -> bool:
        """Keep the image for the key; see Firmwares."""
        if self._catalogue.get(sha256) is None:
            return False
        self._catalogue.pin(sha256, key)
        return True

    def keep(self, firmware: Firmware, key: str) -> bool:
        """Keep the image that a cloud means; see Firmwares."""
        held = self._catalogue.find(firmware)
        return held is not None and self.pin(held.image.sha256, key)

    def unpin(self, key: str) -> None:
        """Let go of all that the key wants; see Firmwares."""
        self._catalogue.unpin(key)

    def progress(self, key: str) -> Progress | None:
        """Tell how far the fetch is that the key waits for; see Firmwares."""
        for flight in self._flights.values():
            if flight.is_awaited_by(key):
                return flight.progress
        return None

    def held(self) -> list[Held]:
        """Return the images, the one used last first."""
        return self._catalogue.all()

    @property
    def figures(self) -> Figures:
        """What the cache holds now."""
        return Figures(
            quota=self._room.quota,
            taken=self._room.taken,
            images=len(self._catalogue.all()),
            partials=len(self._room.idle),
            fetching=len(self._flights),
        )

    def _start(self, firmware: Firmware) -> Flight:
        flight = Flight(firmware, self._shop)
        self._flights[firmware.identity] = flight
        flight.task.add_done_callback(lambda _: self._flights.pop(firmware.identity))
        return flight

    def _give(self, image: Image, firmware: Firmware, key: str) -> Image:
        """Hand over what was found or fetched, unless this cloud says something else of it than the first did."""
        misfit = image.misfit(firmware)
        if misfit is not None:
            raise UnfitError(Trouble(misfit), f"the image has md5 {image.md5} and {image.size} bytes")
        self._catalogue.pin(image.sha256, key)
        return image

    async def _is_sound(self, held: Held) -> bool:
        """Prove an image that is kept; one that is damaged is removed."""
        image = held.image
        if await self._proofs.is_sound(image):
            return True
        async with self._room.lock:
            if await self._proofs.is_sound(image):
                return True  # fetched anew in the meantime
            if self._catalogue.get(image.sha256) is not None:
                self.tally.damaged += 1
                log.error("firmware_damaged", sha256=image.sha256, version=held.version)
                self._catalogue.remove(image.sha256)
                await self._shop.work(self._shelf.remove, image)
        return False

    async def _use(self, held: Held) -> None:
        now = self._now()
        self._catalogue.use(held.image.sha256, now)
        if now - held.used_at >= TOUCH_SECONDS:
            await self._disk.run(touch, self._shelf.path(held.image), now)

    @contextmanager
    def _kept(self, sha256: Sha256) -> Iterator[None]:
        self._catalogue.opened(sha256)
        try:
            yield
        finally:
            self._catalogue.closed(sha256)
