"""One fetch of one image, for however many want it."""

import asyncio
from collections import Counter

import structlog

from gateway.firmware.partial import Partial
from gateway.firmware.shelf import Held
from gateway.firmware.transfer import Transfer
from gateway.firmware.troubles import DiskFullError
from gateway.firmware.workshop import Workshop
from gateway.model.firmware import Firmware, Image
from gateway.ports.firmware import FirmwareError, ImageSource, NotNowError, Progress, Trouble, UnfitError

log = structlog.get_logger()


class Flight:
    """Runs as a task until the image is placed and in the catalogue, or cannot be had."""

    def __init__(self, firmware: Firmware, shop: Workshop) -> None:
        self.firmware = firmware
        self.is_ending = False
        self._shop = shop
        self._partial = Partial(shop.shelf.partial(firmware.identity))
        self._transfer = Transfer(firmware, self._partial, shop)
        self._waiters: Counter[str] = Counter()
        #: What the image is once it is placed.
        self._held: Held | None = None
        self.task = asyncio.create_task(self._run(), name=f"firmware {firmware.identity}")
        # Whoever waits hears of a failure; when nobody does any more, nobody needs to.
        self.task.add_done_callback(lambda task: task.cancelled() or task.exception())

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return Progress(self._transfer.received, self.firmware.size)

    def is_awaited_by(self, key: str) -> bool:
        """Tell whether the key waits for it."""
        return key in self._waiters

    async def wait(self, firmware: Firmware, source: ImageSource, key: str) -> Image:
        """Wait for the image; a waiter that gives up takes nothing from the others, the last one ends the fetch.

        What comes is kept in the catalogue until the waiter has run on to its next await.
        """
        self._waiters[key] += 1
        self._transfer.offer(firmware, source)
        try:
            return (await asyncio.shield(self.task)).image
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if self.task.cancelled() and not (me and me.cancelling()):
                raise NotNowError(Trouble.SOURCE_UNAVAILABLE, "the gateway is stopping") from None
            raise
        finally:
            self._leave(key)

    def cancel(self) -> None:
        """End it; what has come is kept."""
        self.is_ending = True
        self.task.cancel()

    def _leave(self, key: str) -> None:
        self._waiters -= Counter({key: 1})
        if self._held is not None:
            self._shop.catalogue.closed(self._held.image.sha256)
        elif not self._waiters and not self.task.done():
            self.cancel()

    async def _run(self) -> Held:
        identity = self.firmware.identity
        await self._shop.room.begin(identity)
        left = 0
        try:
            image = await self._transfer.bring()
            held = self._describe(image)
            await self._place(held)
        except BaseException as error:
            left = await self._put_down(error)
            raise
        finally:
            self._shop.room.end(identity, left)
        self._shop.tally.fetched += 1
        log.info("firmware_fetched", version=held.version, sha256=image.sha256, size=image.size)
        return held

    def _describe(self, image: Image) -> Held:
        known = self._shop.catalogue.get(image.sha256) or Held(image=image)
        held = Held(
            image=image,
            names=known.names,
            version=self.firmware.version,
            module=self.firmware.module,
            used_at=self._shop.now(),
        )
        return held if self.firmware.md5 else held.named(self.firmware.identity)

    async def _place(self, held: Held) -> None:
        async with self._shop.room.lock:
            try:
                await self._shop.work(self._shop.shelf.place, self._partial, held)
            finally:
                if self._partial.is_moved:  # even if nobody wants it any more by now
                    self._take_up(held)

    def _take_up(self, held: Held) -> None:
        self._held = held
        self._shop.catalogue.add(held)
        self._shop.proofs.proven(held.image)
        for _ in range(self._waiters.total()):
            self._shop.catalogue.opened(held.image.sha256)

    async def _put_down(self, error: BaseException) -> int:
        """Keep what can be resumed, and only that; return how many bytes it is."""
        if isinstance(error, FirmwareError):
            self._shop.tally.failed[error.reason] += 1
            log.warning("firmware_failed", version=self.firmware.version, reason=error.reason)
        if self._partial.is_moved:
            self._partial.close()
            return 0
        try:
            if isinstance(error, UnfitError | DiskFullError):
                await self._shop.disk.run(self._partial.discard)
                return 0
            return await self._shop.disk.run(self._partial.keep)
        except OSError:
            await self._shop.disk.run(self._partial.discard)
            return 0
