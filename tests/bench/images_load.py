"""The load: devices that fetch an image again and again, whole or in parts, on one epoll loop.

Each answer's status, length and place are compared with what was asked for. The bytes of a body are counted and thrown
away inside the kernel (MSG_TRUNC), so that one core can take more than any server of one core can give; that they are
the right bytes `digest_of` proves beforehand.
"""

from __future__ import annotations

import gc
import hashlib
import http.client
import select
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

SCRATCH = memoryview(bytearray(4 * 2**20))
HEAD_BYTES = 4096
HEAD_END = b"\r\n\r\n"
TIMEOUT_S = 30.0


class WrongError(Exception):
    """The server gave another answer than it must."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one run showed."""

    seconds: float
    body_bytes: int
    answers: int
    generator_busy: float
    """Share of the run in which the generator used its core; near 1 it may be the limit itself."""


class Device:
    """One client; asks for the next part when it has the last, on one connection; for a whole image on a new one."""

    def __init__(self, url: str, size: int, part: int | None) -> None:
        parsed = urlsplit(url)
        self._address = (parsed.hostname or "", parsed.port or 80)
        self._asking = f"GET {parsed.path} HTTP/1.1\r\nHost: {parsed.netloc}\r\nAccept: */*\r\n".encode()
        self._size = size
        self._part = part
        self._offset = 0
        self._left = 0
        self._head = b""
        self._expected: tuple[bytes, ...] = ()
        self.taken = self.answers = 0
        self.sock = socket.socket()

    def start(self) -> None:
        """Connect and ask for the first bytes."""
        self.sock.close()
        self.sock = socket.create_connection(self._address, TIMEOUT_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(0)
        self._ask()

    def receive(self) -> bool:
        """Take what is there; False when the answer is whole and the next needs a new connection."""
        if self._left:
            self._count(self._recv(min(self._left, len(SCRATCH)), socket.MSG_TRUNC))
        else:
            self._read_head()
        if self._left or self._head:
            return True
        self.answers += 1
        if self._part is None:
            return False
        self._ask()
        return True

    def _ask(self) -> None:
        if self._part is None:
            self._left, lines = self._size, b""
            self._expected = (b"HTTP/1.1 200 ", b"\r\nContent-Length: %d\r\n" % self._size)
        else:
            first, last = self._offset, min(self._offset + self._part, self._size) - 1
            self._offset = (last + 1) % self._size
            self._left, lines = last + 1 - first, b"Range: bytes=%d-%d\r\n" % (first, last)
            place = b"\r\nContent-Range: bytes %d-%d/%d\r\n" % (first, last, self._size)
            self._expected = (b"HTTP/1.1 206 ", b"\r\nContent-Length: %d\r\n" % self._left, place)
        self._wanted, self._left, self._head = self._left, 0, b"\r\n"
        self.sock.send(self._asking + lines + b"\r\n")

    def _read_head(self) -> None:
        count = self._recv(HEAD_BYTES + min(self._wanted, HEAD_BYTES), 0)
        data = self._head[2:] + bytes(SCRATCH[:count])
        head, end, body = data.partition(HEAD_END)
        if not end:
            self._head = b"\r\n" + data
            return
        status, *others = self._expected
        lines = head + b"\r\n"
        if not lines.startswith(status) or not all(other in lines for other in others):
            raise WrongError(f"{self._expected} was expected, this came: {head!r}")
        self._head = b""
        self._left = self._wanted
        self._count(len(body))

    def _count(self, count: int) -> None:
        self._left -= count
        self.taken += count

    def _recv(self, most: int, flags: int) -> int:
        count = self.sock.recv_into(SCRATCH, most, flags)
        if not count:
            raise WrongError(f"the server hung up, {self._left} bytes before the end")
        return count


class Load:
    """Devices at work; use it as a context."""

    def __init__(self, urls: Sequence[str], size: int, part: int | None) -> None:
        self._devices = [Device(url, size, part) for url in urls]
        self._epoll = select.epoll()
        self._by_fd: dict[int, Device] = {}

    def __enter__(self) -> Self:
        """Collecting garbage in a run would be measured as the server's slowness."""
        gc.collect()
        gc.disable()
        for device in self._devices:
            self._start(device)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        gc.enable()
        self._epoll.close()
        for device in self._devices:
            device.sock.close()

    def run(self, seconds: float) -> Taken:
        """Fetch for some time; the next run goes on where this one ends."""
        before, answers = self._sum()
        start, busy = time.perf_counter(), time.process_time()
        heard = start
        while (now := time.perf_counter()) - start < seconds:
            ready = self._epoll.poll(0.05)
            heard = now if ready else heard
            if now - heard > TIMEOUT_S:
                raise WrongError(f"the server is silent for {TIMEOUT_S:.0f} s")
            for fd, _ in ready:
                device = self._by_fd[fd]
                if not device.receive():
                    del self._by_fd[fd]
                    self._start(device)
        elapsed, busy = time.perf_counter() - start, time.process_time() - busy
        after, later = self._sum()
        return Taken(
            seconds=elapsed,
            body_bytes=after - before,
            answers=later - answers,
            generator_busy=busy / elapsed,
        )

    def _start(self, device: Device) -> None:
        device.start()
        self._by_fd[device.sock.fileno()] = device
        self._epoll.register(device.sock, select.EPOLLIN)

    def _sum(self) -> tuple[int, int]:
        return sum(each.taken for each in self._devices), sum(each.answers for each in self._devices)


def digest_of(url: str) -> str:
    """Fetch an image as a whole and return its SHA-256."""
    parsed = urlsplit(url)
    connection = http.client.HTTPConnection(parsed.netloc, timeout=TIMEOUT_S)
    digest = hashlib.sha256()
    try:
        connection.request("GET", parsed.path)
        with connection.getresponse() as answer:
            while block := answer.read(2**20):
                digest.update(block)
    finally:
        connection.close()
    return digest.hexdigest()
