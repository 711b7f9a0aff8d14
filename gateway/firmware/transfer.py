"""How the bytes of one image come: from whichever source has them, in as many pieces as it takes, until proven."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Final

import structlog

from gateway.errors import CloudError, Rejected, Unavailable
from gateway.firmware.digests import BLOCK
from gateway.firmware.partial import Partial
from gateway.firmware.troubles import RANGE_REFUSED, trouble_with_source
from gateway.firmware.workshop import Workshop
from gateway.model.firmware import Firmware, Image
from gateway.ports.firmware import ImageSource, Trouble, UnfitError

#: A try that brought less has failed; one that brought more is followed by the next at once.
MIN_GAIN: Final = 64 * 1024  # bytes
#: Room is asked for in these steps where the size is unknown.
GROWTH: Final = 8 * 2**20  # bytes
#: What a power cut may cost at most.
CHECKPOINT_BYTES: Final = 8 * 2**20
CHECKPOINT_SECONDS: Final = 5.0
#: Sources that are tried for one image, each in its turn.
MAX_OFFERS: Final = 4

log = structlog.get_logger()


class Transfer:
    """Fills one partial image."""

    def __init__(self, firmware: Firmware, partial: Partial, shop: Workshop) -> None:
        self._firmware = firmware
        self._partial = partial
        self._shop = shop
        self._offers: deque[tuple[Firmware, ImageSource]] = deque()
        self._restarted = False
        self._promised = 0
        self._checkpoint_at = 0.0
        self.received = 0

    def offer(self, firmware: Firmware, source: ImageSource) -> None:
        """Keep a way to the image; the next is taken when the one before has failed."""
        if (firmware, source) not in self._offers and len(self._offers) < MAX_OFFERS:
            self._offers.append((firmware, source))

    async def bring(self) -> Image:
        """Fetch until the digests are right; wrong ones are believed when the whole image came twice."""
        await self._take_up()
        while True:
            await self._fill()
            image = await self._shop.work(self._partial.finish)
            misfit = image.misfit(self._firmware)
            if misfit is None:
                return image
            if self._restarted:
                raise UnfitError(Trouble(misfit), f"what came has md5 {image.md5} and {image.size} bytes")
            await self._restart(misfit)

    async def _take_up(self) -> None:
        """Ask for room first: what cannot be kept is not fetched."""
        if self._firmware.size is not None:
            await self._promise(self._firmware.size)
        await self._shop.work(self._partial.open)
        self.received = self._partial.received
        if self.received > (self._firmware.size or self.received):
            await self._restart("wrong_size")
        if self.received:
            self._shop.tally.resumed += 1
            log.info("firmware_resumed", version=self._firmware.version, start=self.received)

    async def _fill(self) -> None:
        """Take streams until the image is whole."""
        while self._partial.received != self._firmware.size:
            before = self._partial.received
            try:
                await self._take_stream()
            except CloudError as error:
                await self._overcome(error, before)
                continue
            if self._firmware.size is None and self._partial.received:
                return
            if self._partial.received not in (self._firmware.size, before) and self._gained(before):
                continue
            if self._partial.received != self._firmware.size:
                raise UnfitError(
                    Trouble.WRONG_SIZE,
                    f"the image ends after {self._partial.received} bytes, the cloud said {self._firmware.size}",
                )

    async def _overcome(self, error: CloudError, before: int) -> None:
        """Find the next thing to try; raises what the source meant when there is none."""
        if isinstance(error, Rejected) and error.code == RANGE_REFUSED and before:
            again = self._restarted
            await self._restart(RANGE_REFUSED)
            if not again:
                return
            error = Unavailable("the source breaks off and cannot go on", code=RANGE_REFUSED)
        if isinstance(error, Unavailable) and self._gained(before):
            return
        self._offers.popleft()
        if not self._offers:
            raise trouble_with_source(error) from error
        log.info("firmware_source_changed", version=self._firmware.version, code=error.code)

    def _gained(self, before: int) -> bool:
        return self._partial.received - before >= MIN_GAIN

    async def _take_stream(self) -> None:
        """Take one stream from where the image ends now; what came before an error is kept."""
        firmware, source = self._offers[0]
        start = self._partial.received
        block = bytearray()
        async with AsyncExitStack() as closing:
            chunks = source.fetch(firmware, start)
            closing.push_async_callback(_close, chunks)
            try:
                async for chunk in chunks:
                    block += chunk
                    self.received = self._partial.received + len(block)
                    self._shop.tally.bytes_fetched += len(chunk)
                    await self._bound()
                    if len(block) >= BLOCK:
                        full, block = block, bytearray()
                        await self._append(full)
            except (CloudError, asyncio.CancelledError):
                await self._append(block)  # these bytes are good; the next try begins behind them
                raise
            await self._append(block)

    async def _bound(self) -> None:
        size = self._firmware.size
        if size is not None and self.received > size:
            raise UnfitError(Trouble.ENDLESS, f"more than the {size} bytes came that the cloud had said")
        if self.received > self._promised:
            self._shop.room.refuse_too_large(self.received)
            await self._promise(min(self.received + GROWTH, self._shop.room.quota))

    async def _promise(self, size: int) -> None:
        await self._shop.room.promise(self._firmware.identity, size)
        self._promised = size

    async def _append(self, block: bytearray) -> None:
        if block:
            await self._shop.work(self._partial.append, block)
        late = time.monotonic() - self._checkpoint_at >= CHECKPOINT_SECONDS
        if late or self._partial.unproven >= CHECKPOINT_BYTES:
            await self._shop.work(self._partial.checkpoint)
            self._checkpoint_at = time.monotonic()

    async def _restart(self, why: str) -> None:
        log.warning("firmware_restarted", version=self._firmware.version, why=why)
        await self._shop.work(self._partial.restart)
        self._restarted = True
        self.received = 0
        self._shop.tally.restarted += 1


async def _close(chunks: AsyncIterator[bytes]) -> None:
    """Let a generator end its request now rather than when it is collected."""
    aclose = getattr(chunks, "aclose", None)
    if aclose is not None:
        await aclose()
