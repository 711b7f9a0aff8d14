"""The control packets of MQTT 3.1.1: strict reading of what devices send, writing of what they get from us."""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.devices.broker.errors import Ending, PacketError
from gateway.devices.broker.topics import is_filter

CONNECT, PUBLISH, PUBACK = 1, 3, 4
PUBREC, PUBREL, PUBCOMP = 5, 6, 7
SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT = 8, 10, 12, 14

UNACCEPTABLE_PROTOCOL, IDENTIFIER_REJECTED, NOT_AUTHORIZED = 1, 2, 5

_FLAGS = {CONNECT: 0, PUBACK: 0, SUBSCRIBE: 2, UNSUBSCRIBE: 2, PINGREQ: 0, DISCONNECT: 0}
"""The packets that a device may send, with the only flags that each may have (§2.2.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """What a CONNECT says; a will is read over."""

    client_id: str
    username: str | None
    password: str | None
    clean_session: bool
    #: Seconds; 0 for none.
    keep_alive_s: int


class _Cursor:
    """Reads the fields of one packet's body; running out of bytes is an error of the packet."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._body)

    def take(self, count: int) -> bytes:
        start, self._at = self._at, self._at + count
        if self._at > len(self._body):
            raise PacketError(Ending.MALFORMED, "a packet is shorter than its fields say")
        return self._body[start : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def data(self) -> bytes:
        return self.take(self.number(2))

    def text(self) -> str:
        try:
            text = self.data().decode()
        except UnicodeDecodeError as err:
            raise PacketError(Ending.MALFORMED, "a text is not UTF-8") from err
        if "\0" in text:
            raise PacketError(Ending.MALFORMED, "a text contains NUL")
        return text

    def packet_id(self) -> None:
        if not self.number(2):
            raise PacketError(Ending.MALFORMED, "packet identifier 0")

    def end(self) -> None:
        if self:
            raise PacketError(Ending.MALFORMED, "a packet is longer than its fields say")


def check_control(first: int, body: bytes, max_filters: int) -> int:
    """Raise PacketError unless this is a packet that a device may send, in its form; CONNECT has `read_connect`.

    Return how many ordinary packets it weighs: its filters are read one by one.
    """
    kind, flags = first >> 4, first & 0x0F
    if kind in (PUBREC, PUBREL, PUBCOMP):
        raise PacketError(Ending.QOS2, "QoS 2 is not served")
    if kind not in _FLAGS:
        raise PacketError(Ending.UNEXPECTED_PACKET, f"packet type {kind} is not for a server")
    if flags != _FLAGS[kind]:
        raise PacketError(Ending.MALFORMED, f"packet type {kind} with flags {flags:#06b}")
    if kind in (SUBSCRIBE, UNSUBSCRIBE):
        return _check_filters(body, max_filters, with_qos=kind == SUBSCRIBE)
    if kind != CONNECT:
        cursor = _Cursor(body)
        if kind == PUBACK:
            cursor.packet_id()
        cursor.end()
    return 1


def _check_filters(body: bytes, max_filters: int, *, with_qos: bool) -> int:
    cursor = _Cursor(body)
    cursor.packet_id()
    if not cursor:
        # [MQTT-3.8.3-3], [MQTT-3.10.3-2]
        raise PacketError(Ending.MALFORMED, "a SUBSCRIBE or UNSUBSCRIBE without a filter")
    left = max_filters
    while cursor:
        if not left:
            # amqtt reads filters slowly enough for a packet full of them to hold up everybody else.
            raise PacketError(Ending.PACKET_SIZE, f"more than {max_filters} filters in a packet")
        left -= 1
        if not is_filter(cursor.text()):
            # [MQTT-4.8.0-1]: no answer but the end; 0x80 is for filters that are well-formed.
            raise PacketError(Ending.TOPIC, "a filter is empty, or has a wildcard out of its place")
        if with_qos and cursor.number(1) > 2:
            raise PacketError(Ending.MALFORMED, "a SUBSCRIBE asks for QoS 3 or more")
    return max_filters - left


def read_connect(body: bytes, max_client_id_bytes: int) -> Connect:
    """Read the body of a CONNECT; the PacketError names the CONNACK code where MQTT has one."""
    cursor = _Cursor(body)
    name, level = cursor.data(), cursor.number(1)
    if name == b"MQIsdp" or (name == b"MQTT" and level != 4):
        raise PacketError(
            Ending.PROTOCOL_VERSION,
            f"protocol level {level}; MQTT 3.1.1 is level 4",
            return_code=UNACCEPTABLE_PROTOCOL,
        )
    if name != b"MQTT":
        raise PacketError(Ending.MALFORMED, "the protocol name is not MQTT")
    flags, keep_alive_s = cursor.number(1), cursor.number(2)
    _check_connect_flags(flags)
    client_id = cursor.text()
    if flags & 0x04:
        cursor.text()  # the will's topic
        cursor.data()  # and message
    username = cursor.text() if flags & 0x80 else None
    password = cursor.text() if flags & 0x40 else None
    cursor.end()
    clean_session = bool(flags & 0x02)
    _check_client_id(client_id, max_client_id_bytes, clean_session=clean_session)
    return Connect(
        client_id=client_id,
        username=username,
        password=password,
        clean_session=clean_session,
        keep_alive_s=keep_alive_s,
    )


def _check_connect_flags(flags: int) -> None:
    # [MQTT-3.1.2-3], [MQTT-3.1.2-11], [MQTT-3.1.2-14], [MQTT-3.1.2-22]
    has_will, will_qos = flags & 0x04, flags >> 3 & 0x03
    if flags & 0x01 or will_qos == 3 or (not has_will and flags & 0x38) or flags & 0xC0 == 0x40:
        raise PacketError(Ending.MALFORMED, f"CONNECT with flags {flags:#010b}")


def _check_client_id(client_id: str, max_bytes: int, *, clean_session: bool) -> None:
    if len(client_id.encode()) > max_bytes:
        raise PacketError(
            Ending.CLIENT_ID,
            f"the client id is longer than {max_bytes} bytes",
            return_code=IDENTIFIER_REJECTED,
        )
    if not client_id and not clean_session:
        # [MQTT-3.1.3-8]
        raise PacketError(
            Ending.CLIENT_ID, "an empty client id needs clean session 1", return_code=IDENTIFIER_REJECTED
        )


def connack(return_code: int) -> bytes:
    """Return the CONNACK that refuses."""
    return bytes((0x20, 2, 0, return_code))


def publish_head(topic: str, payload_bytes: int) -> bytes:
    """Return a PUBLISH of QoS 0 up to its payload."""
    name = topic.encode()
    length = bytes(_remaining_length(2 + len(name) + payload_bytes))
    return b"".join((b"\x30", length, len(name).to_bytes(2), name))


def _remaining_length(length: int) -> Iterator[int]:
    while length > 0x7F:
        yield length & 0x7F | 0x80
        length >>= 7
    yield length
