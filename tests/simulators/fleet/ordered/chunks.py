"""An image in chunks over MQTT, as a device without an HTTP stack fetches it; written from the format's description.

A request is JSON on ``…/chunk/get``. An answer on ``…/chunk`` has 20 bytes, big-endian, before its data: "OC",
format 1, status, CRC-32 of the request's id, offset, bytes of the whole image, CRC-32 of the data.
"""

import asyncio
import json
import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple

from tests.simulators.fleet.ordered.behaviour import Manner
from tests.simulators.fleet.ordered.fetching import (
    TIMEOUT,
    WRONG,
    FetchError,
    OrderGoneError,
    Progress,
)
from tests.simulators.fleet.ordered.order import Order

HEADER = struct.Struct(">2sBBIIII")
OK, BAD_REQUEST, UNKNOWN_ID, OUT_OF_RANGE, NOT_READY, BUSY, GONE = range(7)


class _Chunk(NamedTuple):
    status: int
    total: int
    data: bytes


async def fetch_chunks(
    order: Order,
    image: bytearray,
    progress: Progress,
    *,
    ask: Callable[[bytes], None],
    answers: asyncio.Queue[bytes],
    manner: Manner,
) -> None:
    """Add what is missing to the image; raises FetchError or OrderGoneError."""
    left = manner.tries
    while len(image) < order.size:
        ask(_request(order, len(image), manner.part))
        chunk = await _answer(order, len(image), answers, manner.patience)
        if chunk is None or chunk.status in (NOT_READY, BUSY):
            left -= 1
            if not left:
                raise FetchError(TIMEOUT)
            await asyncio.sleep(manner.retry_pause)
        else:
            left = manner.tries
            image += _data(order, chunk)
            await asyncio.sleep(manner.part_pause)
        await progress()


def _request(order: Order, offset: int, length: int) -> bytes:
    return json.dumps({"id": order.id, "offset": offset, "length": length}).encode()


async def _answer(order: Order, offset: int, answers: asyncio.Queue[bytes], patience: float) -> _Chunk | None:
    """Wait for the answer to this very request; what is late, damaged or of another order is ignored."""
    try:
        async with asyncio.timeout(patience):
            while True:
                chunk = _read(await answers.get(), order, offset)
                if chunk is not None:
                    return chunk
    except TimeoutError:
        return None


def _read(packet: bytes, order: Order, offset: int) -> _Chunk | None:
    if len(packet) < HEADER.size:
        return None
    magic, form, status, tag, at, total, crc = HEADER.unpack_from(packet)
    data = packet[HEADER.size :]
    if (magic, form, tag, at) != (b"OC", 1, zlib.crc32(order.id.encode()), offset) or crc != zlib.crc32(data):
        return None
    return _Chunk(status, total, data)


def _data(order: Order, chunk: _Chunk) -> bytes:
    if chunk.status in (UNKNOWN_ID, GONE):
        raise OrderGoneError
    if chunk.status != OK or chunk.total != order.size or not chunk.data:
        raise FetchError(WRONG)
    return chunk.data
