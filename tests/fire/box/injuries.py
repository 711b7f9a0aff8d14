"""Injuries to the box below a gateway: each can be inflicted on any running process, and taken back."""

import contextlib
import os
import resource
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil
import pytest


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A file system of a few megabytes; everything on it is gone with it."""

    place: Path

    @property
    def ballast(self) -> Path:
        """What takes the room."""
        return self.place / "ballast"

    def fill(self, *, leave: int = 0) -> None:
        """Take all room but so many bytes, as somebody else's files would."""
        with self.ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while (free := self._free() - leave) > 0:
                file.write(bytes(min(free, 1 << 20)))

    def relieve(self) -> None:
        """Give the room back."""
        self.ballast.unlink(missing_ok=True)

    def remount(self, options: str) -> None:
        """Mount it anew in place, `ro` or `rw`; files that are open for writing forbid `ro`."""
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.place)], check=True)

    def _free(self) -> int:
        disk = os.statvfs(self.place)
        return disk.f_bavail * disk.f_frsize


@contextlib.contextmanager
def small_disk(place: Path, size: int) -> Iterator[SmallDisk]:
    """Mount a disk of so many bytes; skips where that may not be done."""
    place.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small disk, and not in every container")
    try:
        yield SmallDisk(place)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


class SickDisk:
    """Files below a directory that fail on request, in a process that is started with `environment`.

    What fails is said by a line such as `write EIO 100`: the call, the error, and of a hundred how many.
    Calls: `write` (also truncating and allocating), `fsync`, `open` for writing. In place of the error, `HANG` lasts
    until the next order, and `KILL` ends the process in that very call.
    """

    def __init__(self, work: Path, directory: Path) -> None:
        library, self._orders = _built("disk.c", work), work / "disk.orders"
        self._orders.write_text("")
        self.environment = {
            "LD_PRELOAD": str(library),
            "SICK_DISK": str(directory),
            "SICK_ORDERS": str(self._orders),
        }

    def fail(self, *orders: str) -> None:
        """Let calls fail from now on."""
        draft = self._orders.with_suffix(".new")
        draft.write_text("".join(f"{order}\n" for order in orders))
        draft.replace(self._orders)

    def heal(self) -> None:
        """Let every call succeed again."""
        self.fail()

    def go_read_only(self) -> None:
        """Do what a kernel does with a disk that it no longer trusts."""
        self.fail("write EROFS 100", "open EROFS 100", "fsync EROFS 100")


def flip_bytes(path: Path, dice: Random, *, count: int = 16, start: int = 0) -> None:
    """Change bytes at random places behind the start."""
    with path.open("r+b") as file:
        size = path.stat().st_size
        for _ in range(count):
            at = dice.randrange(start, size)
            file.seek(at)
            [was] = file.read(1)
            file.seek(at)
            file.write(bytes([was ^ dice.randrange(1, 256)]))


def zero_pages(path: Path, dice: Random, *, count: int = 4, page: int = 4096) -> None:
    """Lose whole pages, as a disk does; the first of them stays."""
    with path.open("r+b") as file:
        for _ in range(count):
            file.seek(dice.randrange(1, max(path.stat().st_size // page, 2)) * page)
            file.write(bytes(page))


def cut(path: Path, share: float) -> None:
    """Lose the end of a file; `share` of it stays."""
    os.truncate(path, int(path.stat().st_size * share))


@contextlib.contextmanager
def locked(store: Path) -> Iterator[None]:
    """Hold SQLite's write lock, as a clumsy backup does."""
    connection = sqlite3.connect(store, isolation_level=None)
    try:
        connection.execute("PRAGMA busy_timeout=10000")
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop a process and all below it; they go on afterwards."""
    family = _family(pid)
    for process in family:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


def slay(pid: int) -> None:
    """Kill a process and all below it at once, as the kernel does when memory runs out; who started it buries it."""
    family = _family(pid)
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    end = time.monotonic() + 10
    while any(map(_lives, family)):
        assert time.monotonic() < end, "what was killed lives on"
        time.sleep(0.01)


def limit(pid: int, what: int, most: int) -> None:
    """Bound what a running process may have: `resource.RLIMIT_NOFILE`, `RLIMIT_AS`, `RLIMIT_FSIZE`."""
    _, hard = resource.prlimit(pid, what)
    resource.prlimit(pid, what, (most, hard))


@contextlib.contextmanager
def flood(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Connect so many times and say nothing."""
    peers: list[socket.socket] = []
    try:
        for _ in range(count):
            peer = socket.socket()
            peers.append(peer)
            peer.settimeout(0.5)
            with contextlib.suppress(OSError):
                peer.connect(("127.0.0.1", port))
        yield peers
    finally:
        for peer in peers:
            peer.close()


class FalseClock:
    """A wall clock that can be set while a process runs that is started with `environment`; no other clock notices.

    libfaketime would do, but a gateway below it starts in twenty seconds instead of one.
    """

    def __init__(self, work: Path) -> None:
        self._shift = work / "clock.shift"
        self._shift.write_bytes(bytes(8))
        self.environment = {"LD_PRELOAD": str(_built("clock.c", work)), "SHIFTED_BY": str(self._shift)}

    def set(self, *, years: float) -> None:
        """Set it so many years ahead of the truth."""
        with self._shift.open("r+b") as file:
            file.write(struct.pack("=q", int(years * 365.25 * 86400)))


def _built(source: str, work: Path) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler for a disk that fails and a clock that jumps (Debian: gcc)")
    library = (work / source).with_suffix(".so")
    build = [
        compiler,
        "-shared",
        "-fPIC",
        "-O1",
        "-o",
        str(library),
        str(Path(__file__).with_name(source)),
        "-ldl",
    ]
    subprocess.run(build, check=True, capture_output=True)
    return library


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        # Ours is buried by whoever waits for it; of others even the shadow keeps a server from starting.
        is_ours = process.ppid() == os.getpid()
        return process.is_running() and not (is_ours and process.status() == psutil.STATUS_ZOMBIE)
    return False


def _family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]
