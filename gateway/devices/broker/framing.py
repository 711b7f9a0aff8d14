"""Bytes in, whole and valid packets out: incremental, pure, and the only judge of a packet's form.

What leaves here can be parsed without further checks, so amqtt's codec never sees a truncated or hostile packet.
"""

from typing import NamedTuple

from gateway.devices.broker.errors import Ending, PacketError
from gateway.devices.broker.limits import Limits, weight
from gateway.devices.broker.packets import CONNECT, PUBLISH, check_control
from gateway.devices.broker.surplus import KEPT_BYTES, Piece, Surplus
from gateway.devices.broker.topics import is_topic


class Publish(NamedTuple):
    """A PUBLISH of QoS 0 or 1."""

    topic: str
    payload: bytes
    #: Two bytes as they came; empty at QoS 0.
    packet_id: bytes
    #: DUP: sent before, without an answer.
    is_redelivered: bool = False
    #: Remaining length of one that is too long; only the beginning of its payload is here. 0: it is whole.
    oversize: int = 0


class Control(NamedTuple):
    """Any other packet, checked."""

    kind: int
    #: The whole packet.
    raw: bytes
    #: Where the variable header begins.
    body_at: int
    #: How many ordinary packets it costs.
    cost: int = 1


class Framer:
    """The incoming bytes of one connection."""

    __slots__ = (
        "_data",
        "_is_greeted",
        "_limits",
        "_max_bytes",
        "_needed",
        "_oversized",
        "_partial",
        "_start",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._max_bytes = limits.max_connect_bytes
        self._is_greeted = False
        self._data = b""
        self._start = 0
        self._partial = bytearray()
        self._needed = 0
        #: The beginning of a PUBLISH that is too long, while the rest of it is thrown away.
        self._oversized: tuple[Publish, Surplus] | None = None

    def feed(self, data: bytes) -> None:
        """Take what the socket gave."""
        if self._partial:
            self._partial += data
            if len(self._partial) < self._needed:
                return
            data = bytes(self._partial)
            self._partial.clear()
        elif self._start < len(self._data):
            data = self._data[self._start :] + data
        self._data, self._start = data, 0

    def next(self) -> Publish | Control | Piece | None:
        """Return the next packet, None until more bytes are fed; raise PacketError when the rest is worthless."""
        if self._oversized is not None:
            return self._drop(*self._oversized)
        data, start = self._data, self._start
        available = len(data) - start
        if available < 2:
            if available or not self._partial:
                self._wait(2)
            return None
        first, length, body = data[start], data[start + 1], start + 2
        # [MQTT-3.1.0-1], [MQTT-3.1.0-2]: CONNECT comes first, and once.
        if (first >> 4 == CONNECT) is self._is_greeted:
            raise PacketError(Ending.UNEXPECTED_PACKET, f"packet type {first >> 4} is not allowed now")
        if length & 0x80:
            length, body = self._long_length(start)
        if length > self._max_bytes:
            return self._oversize(first, body, length)
        end = body + length
        if not body or end > len(data):
            self._wait(end - start if body else available + 1)
            return None
        self._start = end
        if first >> 4 == PUBLISH:
            return self._publish(first, body, end)
        return self._control(first, start, body, end)

    def _oversize(self, first: int, at: int, length: int) -> Piece | Publish | None:
        """Keep the beginning of a PUBLISH that is too long; close on everything else."""
        if first >> 4 != PUBLISH:
            raise PacketError(Ending.PACKET_SIZE, f"{length} bytes; at most {self._max_bytes} are taken")
        data, start = self._data, self._start
        end = at + 2
        if end <= len(data):
            # The topic, the packet id and what people may want to see.
            end = at + min(length, 4 + (data[at] << 8 | data[at + 1]) + KEPT_BYTES)
        if end > len(data):
            self._wait(end - start)
            return None
        beginning = self._publish(first, at, end)._replace(oversize=length)
        surplus = Surplus(at + length - end, self._max_bytes)
        self._start, self._oversized = end, (beginning, surplus)
        return self._drop(beginning, surplus)

    def _drop(self, beginning: Publish, surplus: Surplus) -> Piece | Publish | None:
        """Throw away what is there of it; return the beginning when the end has come."""
        dropped, piece = surplus.drop(len(self._data) - self._start)
        self._start += dropped
        if piece is not None:
            return piece
        if not surplus.is_over:
            self._data, self._start = b"", 0
            return None
        self._oversized = None
        return beginning

    def _wait(self, needed: int) -> None:
        """Keep the beginning of a packet until `needed` bytes of it are there."""
        if self._start < len(self._data):
            self._partial += self._data[self._start :] if self._start else self._data
        self._data, self._start, self._needed = b"", 0, needed

    def _long_length(self, start: int) -> tuple[int, int]:
        """Return remaining length and where the body begins, or 0 and 0 while bytes of the length are missing."""
        length = shift = 0
        for at in range(start + 1, min(start + 5, len(self._data))):
            byte = self._data[at]
            length |= (byte & 0x7F) << shift
            if byte < 0x80:
                return length, at + 1
            shift += 7
        if shift == 28:
            raise PacketError(Ending.MALFORMED, "remaining length of more than four bytes")
        return 0, 0

    def _publish(self, first: int, at: int, end: int) -> Publish:
        data = self._data
        qos = first & 0x06
        # [MQTT-3.3.1-4] QoS 3 does not exist; [MQTT-3.3.1-2] DUP has no meaning at QoS 0.
        if qos == 0x06 or first & 0x0E == 0x08:
            raise PacketError(Ending.MALFORMED, f"PUBLISH with flags {first & 0x0F:#06b}")
        topic_at = at + 2
        topic_end = topic_at + (data[at] << 8 | data[at + 1]) if topic_at <= end else end
        payload_at = topic_end + 2 if qos else topic_end
        if topic_at > end or payload_at > end:
            raise PacketError(Ending.MALFORMED, "PUBLISH shorter than its topic says")
        packet_id = data[topic_end:payload_at]
        if packet_id == b"\0\0":
            raise PacketError(Ending.MALFORMED, "packet identifier 0")
        topic = self._topic(data[topic_at:topic_end])
        if qos == 0x04:
            published = (topic, data[payload_at:end])
            raise PacketError(Ending.QOS2, "QoS 2 is not served; publish at QoS 1", published=published)
        return Publish(topic, data[payload_at:end], packet_id, is_redelivered=bool(first & 0x08))

    @staticmethod
    def _topic(raw: bytes) -> str:
        try:
            topic = raw.decode()
        except UnicodeDecodeError as err:
            raise PacketError(Ending.MALFORMED, "a topic is not UTF-8") from err
        if not is_topic(topic):
            raise PacketError(Ending.TOPIC, "a topic is empty, or has a wildcard or a NUL")
        return topic

    def _control(self, first: int, start: int, body: int, end: int) -> Control:
        kind = first >> 4
        raw = self._data[start:end]
        filters = check_control(first, raw[body - start :], self._limits.max_subscriptions)
        if kind == CONNECT:
            self._is_greeted = True
            self._max_bytes = self._limits.max_packet_bytes
        return Control(kind, raw, body - start, filters + weight(len(raw)) - 1)
