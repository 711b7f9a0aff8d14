"""One publishing client: what it owes, what is outstanding, and the proof of every acknowledgement."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from tests.bench.packets import PUBACK_BYTES, PUBACKS, RING

if TYPE_CHECKING:
    import socket

    from tests.bench.latency import Latencies
    from tests.bench.packets import Ring


class Connection:
    """A logged-in, non-blocking socket that publishes a ring of packets at QoS 1.

    The fast path compares what arrives with the acknowledgements that are due, byte by byte and in order.
    Anything else is taken apart packet by packet; meanwhile nothing new is sent, so that no id is used twice.
    """

    __slots__ = (
        "_ack_at",
        "_disordered",
        "_latencies",
        "_partial",
        "_ring",
        "_send_at",
        "_stamps",
        "lost",
        "out_of_order",
        "outstanding",
        "owed",
        "sock",
        "unmatched",
    )

    def __init__(self, sock: socket.socket, ring: Ring, latencies: Latencies) -> None:
        self.sock = sock
        self._ring = ring
        self._latencies = latencies
        self._send_at = self._ack_at = 0
        self._stamps: deque[tuple[int, int]] = deque()
        self._partial = b""
        self._disordered: set[int] = set()
        self.owed = self.outstanding = self.unmatched = self.out_of_order = 0
        self.lost = False

    @property
    def waits(self) -> bool:
        """Say whether an answer may still come."""
        return not self.lost and bool(self.owed or self.outstanding)

    def offer(self, count: int, stamp_ns: int) -> None:
        """Ask for some more messages, whose latency counts from the stamp; send what the ring allows."""
        self.owed += count
        self._stamps.append((stamp_ns, count))
        self._flush()

    def receive(self, now_ns: int) -> int:
        """Read once; return how many outstanding messages that acknowledged."""
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        if not data:
            self.lost = True
            return 0
        acked = self._match(self._partial + data)
        self._time(acked, now_ns)
        if self.owed:
            self._flush()
        return acked

    def _flush(self) -> None:
        while self.owed and not self._disordered and not self.lost:
            count = min(self.owed, RING - self.outstanding, RING - self._send_at)
            if not count:
                return
            self._send(count)

    def _send(self, count: int) -> None:
        size, start = self._ring.packet_bytes, self._send_at
        burst = self._ring.packets[start * size : (start + count) * size]
        try:
            # A whole ring fits the kernel's send buffer: a short write means that the peer is gone.
            self.lost = self.sock.send(burst) != len(burst)
        except OSError:
            self.lost = True
        self.owed -= count
        self.outstanding += count
        self._send_at = (start + count) % RING
        if not self._send_at:
            self._ring = self._ring.renewed()

    def _match(self, data: bytes) -> int:
        count, rest = divmod(len(data), PUBACK_BYTES)
        self._partial = data[len(data) - rest :] if rest else b""
        whole = data[: len(data) - rest] if rest else data
        at = self._ack_at
        due = PUBACKS[at * PUBACK_BYTES : (at + count) * PUBACK_BYTES]
        if self._disordered or count > self.outstanding or whole != due:
            return self._match_one_by_one(whole)
        self._ack_at = (at + count) % RING
        self.outstanding -= count
        return count

    def _match_one_by_one(self, data: bytes) -> int:
        waiting = self._disordered or {(self._ack_at + n) % RING + 1 for n in range(self.outstanding)}
        acked = 0
        for start in range(0, len(data), PUBACK_BYTES):
            packet_id = int.from_bytes(data[start + 2 : start + PUBACK_BYTES], "big")
            if data[start : start + 2] != b"\x40\x02" or packet_id not in waiting:
                self.unmatched += 1
                continue
            self.out_of_order += packet_id != self._ack_at + 1
            self._ack_at = packet_id % RING
            waiting.remove(packet_id)
            acked += 1
        self._disordered = waiting
        self.outstanding -= acked
        if not waiting:
            self._ack_at = self._send_at
        return acked

    def _time(self, acked: int, now_ns: int) -> None:
        stamps = self._stamps
        while acked:
            stamp, count = stamps.popleft()
            if count > acked:
                stamps.appendleft((stamp, count - acked))
                count = acked
            self._latencies.add(now_ns - stamp, count)
            acked -= count
