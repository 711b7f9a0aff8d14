"""A server under test: started on one core, watched and ended by its process id."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.bench.fleet import device
from tests.bench.sessions import close_sessions, open_sessions
from tests.simulators.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVER_CORE, GENERATOR_CORE = 0, 1
START_S = 20.0
STOP_S = 10.0


class MissingError(Exception):
    """The peer cannot run on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A broker to compare; `prepare` writes its files into a directory and returns its command for a port."""

    name: str
    prepare: Callable[[Path, int], list[str]]


@dataclass(frozen=True, slots=True)
class Server:
    """A running peer."""

    address: tuple[str, int]
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Sum the processor time of the server and its children."""
        times = [each.cpu_times() for each in self._family()]
        return float(sum(each.user + each.system for each in times))

    def resident_kb(self) -> float:
        """Sum the resident memory of the server and its children."""
        return float(sum(each.memory_info().rss for each in self._family())) / 1024

    def _family(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextlib.contextmanager
def running(peer: Peer) -> Iterator[Server]:
    """Start a peer with fresh files, wait until it lets a device in, and end it afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        port = free_port()
        command = peer.prepare(Path(name), port)
        with (Path(name) / "output.log").open("w+b") as log, pinned_to(SERVER_CORE):
            process = subprocess.Popen(command, cwd=name, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            _await_login(process, ("127.0.0.1", port), Path(name) / "output.log")
            yield Server(("127.0.0.1", port), psutil.Process(process.pid))
        finally:
            _stop(process)


@contextlib.contextmanager
def pinned_to(core: int) -> Iterator[None]:
    """Run this process, and what it starts, on one core, where there are two."""
    before = os.sched_getaffinity(0)
    if separate_cores():
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def separate_cores() -> bool:
    """Say whether server and generator each have a core."""
    return {SERVER_CORE, GENERATOR_CORE} <= set(psutil.Process().cpu_affinity() or ())


def _await_login(process: subprocess.Popen[bytes], address: tuple[str, int], log: Path) -> None:
    end, trouble = time.monotonic() + START_S, "no answer"
    while time.monotonic() < end:
        if process.poll() is not None:
            raise MissingError(f"ended with {process.returncode}: {_last_line(log)}")
        try:
            close_sessions(open_sessions(address, [device(0)]))
        except OSError as error:
            trouble = str(error)
            time.sleep(0.05)
        else:
            return
    raise MissingError(f"let nobody in for {START_S:.0f} s: {trouble}; {_last_line(log)}")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "it printed nothing"


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
