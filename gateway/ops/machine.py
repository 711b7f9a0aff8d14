"""What the machine says of itself: versions, clocks, disk, and who may read which file."""

import os
import platform
import shutil
import stat
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from gateway import __version__
from gateway.ops.kernel_clock import is_synchronised

#: Files of a directory that are listed.
MOST_FILES = 500
_JOURNAL_SECONDS = 20


def versions() -> dict[str, Any]:
    """Return what runs here."""
    return {
        "ota_gateway": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
        "user": os.geteuid(),
        "packages": {each.name: each.version for each in distributions()},
    }


def clocks() -> dict[str, Any]:
    """Return what time it is here, and whether the kernel trusts it."""
    return {
        "utc": datetime.now(UTC).isoformat(),
        "unix": time.time(),
        "monotonic": time.monotonic(),
        "synchronised": is_synchronised(),
        "zone": list(time.tzname),
    }


def disk(path: Path) -> dict[str, Any]:
    """Return how much room there is where the path lies."""
    room = os.statvfs(path)
    usage = shutil.disk_usage(path)
    return {
        "path": str(path),
        "bytes": usage.total,
        "free": usage.free,
        "files": room.f_files,
        "free_files": room.f_favail,
        "read_only": bool(room.f_flag & os.ST_RDONLY),
    }


def files(directory: Path) -> list[dict[str, Any]]:
    """List a directory's files with size, mode, owner and age; no content."""
    found = []
    for path in sorted(directory.rglob("*"))[:MOST_FILES]:
        status = path.lstat()
        found.append(
            {
                "path": str(path.relative_to(directory)),
                "bytes": status.st_size,
                "mode": stat.filemode(status.st_mode),
                "owner": f"{status.st_uid}:{status.st_gid}",
                "changed": datetime.fromtimestamp(status.st_mtime, UTC).isoformat(),
            }
        )
    return found


def last_of(path: Path, most_bytes: int) -> str:
    """Return the end of a log file."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - most_bytes, 0))
        return file.read().decode(errors="replace")


def journald(unit: str, lines: int) -> str:
    """Return what systemd kept of a unit's log; empty where there is no systemd."""
    program = shutil.which("journalctl")
    if program is None:
        return ""
    command = [program, "--unit", unit, "--lines", str(lines), "--output", "cat", "--no-pager", "--quiet"]
    done = subprocess.run(  # noqa: S603 - of a program that the system has, and words of ours
        command, capture_output=True, check=False, timeout=_JOURNAL_SECONDS
    )
    return done.stdout.decode(errors="replace")
