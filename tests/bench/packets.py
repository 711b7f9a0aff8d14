"""MQTT 3.1.1 packets, encoded before the run so that sending them costs one slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.fleet import Login

RING = 100
"""Packets that a connection cycles through, hence also the most it may have outstanding."""

PUBACK_BYTES = 4
PUBACKS = b"".join(b"\x40\x02" + packet_id.to_bytes(2, "big") for packet_id in range(1, RING + 1)) * 2
"""The acknowledgements of one ring in the order of MQTT 3.1.1 §4.6, twice, so that no slice of it wraps."""


def connect(login: Login, keep_alive_s: int = 600) -> bytes:
    """Encode a clean-session CONNECT with user name and password."""
    header = _text("MQTT") + b"\x04\xc2" + keep_alive_s.to_bytes(2, "big")
    return _packet(0x10, header + _text(login.client_id) + _text(login.username) + _text(login.password))


def publish(topic: str, payload: bytes, packet_id: int) -> bytes:
    """Encode a QoS 1 PUBLISH."""
    return _packet(0x32, _text(topic) + packet_id.to_bytes(2, "big") + payload)


@dataclass(frozen=True, slots=True)
class Ring:
    """One device's packets with the ids 1 to RING, equally long, back to back."""

    packets: bytes
    packet_bytes: int
    epoch: int

    def renewed(self) -> Ring:
        """Give the next turn of the ring, in which every version that carries the epoch is a new one."""
        packets = self.packets.replace(epoch_mark(self.epoch), epoch_mark(self.epoch + 1))
        return Ring(packets, self.packet_bytes, self.epoch + 1)


def ring_of(topic: str, payloads: Sequence[bytes], epoch: int) -> Ring:
    """Encode one ring; `payloads` are RING payloads of one length."""
    packets = [publish(topic, payload, number) for number, payload in enumerate(payloads, start=1)]
    if len(packets) != RING or len({len(packet) for packet in packets}) != 1:
        raise ValueError(f"{len(packets)} payloads given; a ring takes {RING} of one length")
    return Ring(b"".join(packets), len(packets[0]), epoch)


def epoch_mark(epoch: int) -> bytes:
    """Give the bytes by which a payload names the epoch of its version."""
    return b'"version":"%d.' % epoch


def _text(value: str) -> bytes:
    encoded = value.encode()
    return len(encoded).to_bytes(2, "big") + encoded


def _packet(first: int, body: bytes) -> bytes:
    length, size = bytearray(), len(body)
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    length.append(size)
    return bytes([first]) + bytes(length) + body
