"""Files that survive a power cut, and the threads in which they are touched: the event loop never waits for a disk."""

import asyncio
import contextlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

_THREADS = 4
_Result = TypeVar("_Result")


class Disk:
    """A few threads for work on files."""

    def __init__(self, threads: int = _THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="firmware")

    async def run(self, work: Callable[..., _Result], *args: Any) -> _Result:
        """Call `work` in a thread; a canceled caller still waits for its end, so that no two touch one file."""
        future = asyncio.get_running_loop().run_in_executor(self._pool, work, *args)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            while not future.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([future])
            future.exception()  # nobody else will ask for it
            raise
        finally:
            # What failed knows its error, which knows where it was raised: here. Only the collector would part them.
            del future

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()


def sync_directory(path: Path) -> None:
    """Make renames and removals in the directory last."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, data: bytes) -> None:
    """Write a small file so that it is there as a whole or not at all; only we may read it."""
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def read_object(path: Path) -> dict[str, Any]:
    """Read a small JSON object; raises ValueError when it is missing, torn or no object."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, RecursionError) as error:
        raise ValueError(f"{path.name} cannot be read") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path.name} is no JSON object")  # noqa: TRY004 - the file is wrong, not the program
    return value
