"""An image over HTTP as SDKs of small devices fetch it: by Range, with a parser that takes header names literally.

Tencent's C and Python SDKs ask for all that is missing, with an end one beyond the last byte, and read it piece by
piece; a plain device asks for one part after the other. Both go on where they were after a broken connection.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.simulators.fleet.device import Dialect
from tests.simulators.fleet.ordered.behaviour import Manner
from tests.simulators.fleet.ordered.fetching import EXPIRED, NOT_FOUND, TIMEOUT, FetchError, Progress
from tests.simulators.fleet.ordered.order import Order


class _Connection(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class _LaterError(Exception):
    """The server asks for patience."""


async def fetch_http(
    order: Order, image: bytearray, progress: Progress, *, dialect: Dialect, manner: Manner
) -> None:
    """Add what is missing to the image; raises FetchError."""
    left = manner.tries
    while len(image) < order.size:
        had = len(image)
        try:
            async with _connected(order.url, manner) as connection:
                while len(image) < order.size:
                    await _fetch_part(connection, order, image, progress, dialect=dialect, manner=manner)
        except (OSError, EOFError, TimeoutError, _LaterError):
            left = manner.tries if len(image) > had else left - 1
            if not left:
                raise FetchError(TIMEOUT) from None
            await asyncio.sleep(manner.retry_pause)
            await progress()


@asynccontextmanager
async def _connected(url: str, manner: Manner) -> AsyncIterator[_Connection]:
    parts = urlsplit(url)
    async with asyncio.timeout(manner.patience):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        yield _Connection(reader, writer)
    finally:
        writer.close()


async def _fetch_part(
    connection: _Connection,
    order: Order,
    image: bytearray,
    progress: Progress,
    *,
    dialect: Dialect,
    manner: Manner,
) -> None:
    start = len(image)
    end = order.size if dialect == "tencent" else min(start + manner.part, order.size) - 1
    connection.writer.write(_request(order.url, f"bytes={start}-{end}"))
    async with asyncio.timeout(manner.patience):
        status, headers = await _head(connection.reader)
    _judge(status)
    if status == 200:
        image.clear()  # The server does not know ranges: from the beginning.
    length = int(headers["Content-Length"])
    while length:
        async with asyncio.timeout(manner.patience):
            piece = await connection.reader.read(min(length, manner.part))
        if not piece:
            raise EOFError
        image += piece
        length -= len(piece)
        await asyncio.sleep(manner.part_pause)
        await progress()


def _request(url: str, asked: str) -> bytes:
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return (
        f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
        f"Range: {asked}\r\n\r\n"
    ).encode()


def _judge(status: int) -> None:
    match status:
        case 200 | 206:
            return
        case 403:
            raise FetchError(EXPIRED)
        case 404 | 410:
            raise FetchError(NOT_FOUND)
        case _:
            raise _LaterError


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Read status and headers; names stay as they came, and one blank follows the colon."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
    status = int(lines[0].split(" ", 2)[1])
    return status, dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
