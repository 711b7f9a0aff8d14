"""What one large image costs in memory, while it comes and while fifty devices take it at once."""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.images_load import Load
from tests.bench.images_peers import Gateway, ServedImage, ending, gateway
from tests.bench.server import GENERATOR_CORE, pinned_to

SETTLE_S = 1.0
PART = 64 * 1024
MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What was done, and the most memory that it took above idle."""

    name: str
    above_idle_mib: float
    mib_per_second: float


def phases(size: int, devices: int, slow: int) -> Iterator[Phase]:
    """Fetch an image from a slow origin, then another process does from a fast one and serves it to all devices."""
    with _fresh(size, devices, slow) as ours:
        watch = Watch(ours)
        yield watch.phase(f"fetch at {slow / MEBIBYTE:.0f} MiB/s", lambda: _fetched(ours)[1])
    with _fresh(size, devices) as ours:
        watch, images = Watch(ours), list[ServedImage]()

        def fetch() -> int:
            found, taken = _fetched(ours)
            images.append(found)
            return taken

        yield watch.phase("fetch as fast as it can", fetch)
        for part in (None, PART):
            how = "whole" if part is None else f"in parts of {part // 1024} KiB"
            yield watch.phase(
                f"serve {how} to {devices} devices at once", functools.partial(_served, images[0], part)
            )


class Watch:
    """The memory of one server, from when it idled."""

    def __init__(self, ours: Gateway) -> None:
        time.sleep(SETTLE_S)
        self._of = Path(f"/proc/{ours.server.process.pid}")
        self._idle = self._read("VmRSS")

    def phase(self, name: str, work: Callable[[], int]) -> Phase:
        """Do the work, which returns how many bytes it moved; the kernel remembers the peak."""
        (self._of / "clear_refs").write_text("5")
        begun = time.monotonic()
        moved = work()
        seconds = time.monotonic() - begun
        return Phase(
            name=name,
            above_idle_mib=self._read("VmHWM") - self._idle,
            mib_per_second=moved / MEBIBYTE / seconds,
        )

    def _read(self, name: str) -> float:
        lines = (self._of / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def _fetched(ours: Gateway) -> tuple[ServedImage, int]:
    (image,) = ours.fill()
    return image, image.size


def _served(image: ServedImage, part: int | None) -> int:
    """Serve until as much went out as all devices together want, or some seconds of parts."""
    taken = 0
    with pinned_to(GENERATOR_CORE), Load(image.links, image.size, part) as load:
        for _ in range(5 if part else 600):
            taken += load.run(1.0).body_bytes
            if taken >= len(image.links) * image.size:
                break
    return taken


@contextmanager
def _fresh(size: int, devices: int, rate: int | None = None) -> Iterator[Gateway]:
    with (
        _origin(size, rate) as url,
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        gateway(Path(name), devices, [url]) as ours,
    ):
        yield ours


@contextmanager
def _origin(size: int, rate: int | None) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.bench.images_origin", str(size), *([str(rate)] if rate else [])]
    with pinned_to(GENERATOR_CORE):
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
    with ending(process):
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()
