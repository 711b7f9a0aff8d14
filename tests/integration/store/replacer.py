"""Open copies of a damaged store, each cut off at another point: `python -m tests.integration.store.replacer`.

Arguments: the directory of the damaged store, and a directory for the copies. A process is killed before each file that
it opens or renames, and in writes and syncs of its sick disk, or these fail. Says which copies it died in.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

from gateway.errors import StoreError
from gateway.store.database import Database
from tests.integration.store.scene import QUOTA

EVENTS = {"open", "os.rename", "sqlite3.connect"}
#: Of a hundred calls so many are hurt; which ones is the same each time.
INJURIES = (
    "write KILL 1",
    "write KILL 10",
    "write KILL 100",
    "fsync KILL 30",
    "fsync KILL 100",
    "write EIO 1",
    "fsync EIO 100",
)


def die(directory: Path, prepare: Callable[[], None]) -> bool:
    """Open the store in a process of its own; tell whether it died of that."""
    child = os.fork()
    if child == 0:
        prepare()
        try:
            asyncio.run(Database.open(f"sqlite:///{directory}/gateway.db", lane_quota=QUOTA))
        except StoreError:
            os._exit(4)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return status != 0


def kill_at(point: int, directory: Path) -> Callable[[], None]:
    """Return what lets this process die before it touches files for that time."""
    calls = count(1)

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        # Files that are only read have a mode.
        is_step = event in EVENTS and str(directory) in str(arguments[0]) and "r" not in arguments[1:2]
        if is_step and next(calls) == point:
            print(event, *arguments[:2], flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    return lambda: sys.addaudithook(hear)


def order(line: str) -> None:
    """Say what the disk is to do."""
    Path(os.environ["SICK_ORDERS"]).write_text(line)


def main(damaged: Path, work: Path) -> None:
    """Make a copy for each point, and stop where none is reached any more."""
    for point in count(1):
        copy = Path(shutil.copytree(damaged, work / str(point)))
        if not die(copy, kill_at(point, copy)):
            break
        print("died", copy.name, flush=True)
    for injury in INJURIES:
        copy = Path(shutil.copytree(damaged, work / injury))
        if die(copy, partial(order, f"{injury}\n")):
            print("died", copy.name, flush=True)
        order("")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
