"""Answers requests for chunks: from the cache, without blocking, no more at once than the box can bear."""

from collections import Counter
from collections.abc import Callable
from typing import Final

from gateway.firmware.chunks import (
    MAX_LENGTH,
    MAX_TOTAL,
    BadRequestError,
    Request,
    Status,
    read_request,
    write_chunk,
    write_error,
)
from gateway.model.firmware import Sha256
from gateway.model.identity import DeviceId
from gateway.ports.firmware import Firmwares, ImageGoneError, NotNowError, Report, Served

#: The image of the device's own order with this id; UNKNOWN_ID, NOT_READY or GONE when there is none to be read.
Orders = Callable[[DeviceId, str], Sha256 | Status]

MAX_AT_ONCE: Final = 64
#: Requests that one device may have open: a window to hide the round trip, no flood.
MAX_PER_DEVICE: Final = 4


class ChunkResponder:
    """One for the site."""

    def __init__(
        self,
        firmwares: Firmwares,
        orders: Orders,
        *,
        report: Report,
        max_chunk: int = MAX_LENGTH,
        max_at_once: int = MAX_AT_ONCE,
    ) -> None:
        self._firmwares = firmwares
        self._orders = orders
        self._report = report
        self._max_chunk = max_chunk
        self._free = max_at_once
        self._answering: Counter[DeviceId] = Counter()
        self.bytes_sent = 0

    async def answer(self, device: DeviceId, payload: bytes) -> bytes:
        """Return the packet for a request: whatever a device asks, it gets an answer.

        Beyond the limits it is `busy`, at once: a flood of requests holds nothing.
        """
        try:
            request = read_request(payload, limit=self._max_chunk)
        except BadRequestError as error:
            return write_error(Status.BAD_REQUEST, id=error.id, offset=error.offset)
        if not self._free or self._answering[device] >= MAX_PER_DEVICE:
            return _error(Status.BUSY, request)
        self._free -= 1
        self._answering[device] += 1
        try:
            return await self._serve(device, request)
        finally:
            self._answering -= Counter({device: 1})
            self._free += 1

    async def _serve(self, device: DeviceId, request: Request) -> bytes:
        found = self._orders(device, request.id)
        if isinstance(found, Status):
            return _error(found, request)
        try:
            opened = await self._firmwares.open(found)
        except ImageGoneError:
            return _error(Status.GONE, request)
        except NotNowError:
            return _error(Status.BUSY, request)
        with opened:
            total = opened.image.size
            if request.offset >= total or total > MAX_TOTAL:
                return _error(Status.OUT_OF_RANGE, request, min(total, MAX_TOTAL))
            data = await opened.read(request.offset, request.length)
        self.bytes_sent += len(data)
        self._report(
            Served(subject=str(device), sha256=found, start=request.offset, sent=len(data), size=total)
        )
        return write_chunk(request, total, data)


def _error(status: Status, request: Request, total: int = 0) -> bytes:
    return write_error(status, id=request.id, offset=request.offset, total=total)
