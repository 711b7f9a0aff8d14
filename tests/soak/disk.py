"""The disk of the gateway: one of its own that can be filled, where the system lets us have one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fire.box.injuries import SmallDisk, small_disk

SIZE = 768 * 2**20


@dataclass(frozen=True, slots=True)
class Disk:
    """Where the gateway's data lies."""

    path: Path
    #: None: it is the machine's, and nobody fills it.
    small: SmallDisk | None


@contextmanager
def own_disk(path: Path) -> Iterator[Disk]:
    """Mount a small disk if we are root and may, and make a plain directory otherwise."""
    with ExitStack() as stack:
        try:
            small = stack.enter_context(small_disk(path, SIZE))
        except pytest.skip.Exception:
            small = None
        yield Disk(path, small)
