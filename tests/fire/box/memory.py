"""Little memory: a control group of the kernel's, version 1 or 2, in which a process is killed that wants more."""

import contextlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

#: Where the memory controller is, by its version, and how its files are called.
VERSIONS = (
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control"),
    (Path("/sys/fs/cgroup"), "memory.max", "memory.current", "memory.events"),
)


@dataclass(frozen=True, slots=True)
class LittleMemory:
    """A group without a limit as yet; whoever is started by `wrapper` is in it from the beginning."""

    place: Path
    most: str
    now: str
    events: str

    @property
    def wrapper(self) -> tuple[str, ...]:
        """What a process is started by."""
        return ("sh", "-c", f'echo $$ > "{self.place}/cgroup.procs" && exec "$@"', "sh")

    def limit(self, most: int) -> None:
        """Let it have so many bytes from now on."""
        (self.place / self.most).write_text(str(most))

    def used(self) -> int:
        """Return how many bytes it has."""
        return int((self.place / self.now).read_text())

    def kills(self) -> int:
        """Count whom the kernel has killed for memory."""
        [count] = re.findall(r"^oom_kill (\d+)$", (self.place / self.events).read_text(), re.MULTILINE)
        return int(count)


@contextlib.contextmanager
def little_memory() -> Iterator[LittleMemory]:
    """Make the group, and take it away when all in it has ended; skips where that may not be done."""
    for root, *names in VERSIONS:
        place = root / f"ota-gateway-test-{os.getpid()}"
        with contextlib.suppress(OSError):
            place.mkdir()
        if all(os.access(place / name, os.R_OK) for name in names) and os.access(place / names[0], os.W_OK):
            break
        with contextlib.suppress(OSError):
            place.rmdir()
    else:
        pytest.skip("only root may make a control group for memory, and not in every container")
    for swap in ("memory.swap.max", "memory.swappiness"):
        with contextlib.suppress(OSError):
            (place / swap).write_text("0")
    try:
        yield LittleMemory(place, *names)
    finally:
        _remove(place)


def _remove(place: Path) -> None:
    end = time.monotonic() + 5
    while place.exists():
        try:
            place.rmdir()
        except OSError:
            # Whoever was killed in it is still being taken down.
            assert time.monotonic() < end, f"{place} is still in use"
            time.sleep(0.05)
