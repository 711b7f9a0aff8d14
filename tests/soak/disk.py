"""The disk of the gateway: one of its own that can be filled, where the system lets us have one."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SIZE = "768m"
_STEP = 2**20


@dataclass(frozen=True, slots=True)
class Disk:
    """Where the gateway's data lies."""

    path: Path
    can_be_filled: bool

    @contextmanager
    def filled(self) -> Iterator[None]:
        """Take all that is free, to the last byte, and give it back."""
        ballast = self.path / "ballast"
        try:
            with ballast.open("wb", buffering=0) as file, suppress(OSError):
                free = os.statvfs(self.path)
                with suppress(OSError):
                    os.posix_fallocate(file.fileno(), 0, max(free.f_bavail * free.f_frsize - _STEP, 1))
                    file.seek(0, os.SEEK_END)
                while True:
                    file.write(bytes(4096))
            yield
        finally:
            ballast.unlink(missing_ok=True)


@contextmanager
def own_disk(path: Path) -> Iterator[Disk]:
    """Mount a small disk if we are root and may, and make a plain directory otherwise."""
    path.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(path)]
    is_ours = os.geteuid() == 0 and subprocess.run(command, check=False, capture_output=True).returncode == 0
    try:
        yield Disk(path, is_ours)
    finally:
        if is_ours:
            subprocess.run(["umount", "--lazy", str(path)], check=False, capture_output=True)
