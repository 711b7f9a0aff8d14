"""Bytes of a file straight from the kernel into a connection.

`sendfile` runs in a thread, for the file may have to come from the disk; waiting for a slow device holds no thread and
no memory. The event loop's own `sendfile` does not exist in uvloop, and elsewhere reads the disk in the loop.
"""

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from gateway.firmware.disk import Disk
from gateway.firmware.ranges import Span

#: Given to the kernel at once; what the device has not taken by then stays in the file.
PIECE: Final = 2 * 1024 * 1024  # bytes


class StalledError(TimeoutError):
    """The device took nothing for too long."""


async def send_file(
    transport: asyncio.Transport,
    file: int,
    span: Span,
    *,
    disk: Disk,
    patience: timedelta,
    sent: Callable[[int], None],
) -> None:
    """Send the span after what the transport still holds; `sent` is told how many bytes are out.

    Raises StalledError, or ConnectionError when the device went.
    """
    # A descriptor of our own: the loop lets nobody else wait on the transport's, and may close it under us.
    line = os.dup(transport.get_extra_info("socket").fileno())
    try:
        while transport.get_write_buffer_size():
            await _writable(line, patience)
            await asyncio.sleep(0)  # the transport's turn
        offset, end = span.first, span.last + 1
        while offset < end:
            piece = min(end - offset, PIECE)
            try:
                count = await disk.run(os.sendfile, line, file, offset, piece)
            except BlockingIOError:
                count = 0
            else:
                if not count:
                    raise ConnectionAbortedError("the file is shorter than it was")
                offset += count
                sent(offset - span.first)
            if count < piece and offset < end:
                await _writable(line, patience)
    finally:
        os.close(line)


async def _writable(line: int, patience: timedelta) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_writer(line, _settle, ready)
    try:
        async with asyncio.timeout(patience.total_seconds()):
            await ready
    except TimeoutError as error:
        raise StalledError from error
    finally:
        loop.remove_writer(line)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
