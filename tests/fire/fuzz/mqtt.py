"""The bytes of a connection: framing, packets, and amqtt's own codec behind them."""

import asyncio
from collections.abc import Coroutine
from itertools import pairwise
from typing import Any, Final

from amqtt.mqtt import packet_class
from amqtt.mqtt.packet import MQTTFixedHeader

from gateway.devices.broker.errors import PacketError
from gateway.devices.broker.framing import Control, Framer, Publish
from gateway.devices.broker.limits import Limits
from gateway.devices.broker.packets import CONNECT, read_connect
from gateway.devices.broker.streams import AmqttReader
from gateway.devices.broker.surplus import Piece
from tests.fire.fuzz.target import Target, is_encodable
from tests.integration.broker.mqtt import (
    DISCONNECT,
    PINGREQ,
    connect,
    packet,
    puback,
    publish,
    subscribe,
    text,
    unsubscribe,
)

LIMITS: Final = Limits(
    max_connect_bytes=512, max_packet_bytes=256, max_client_id_bytes=64, max_subscriptions=4
)

Said = Publish | Control | Piece
Heard = tuple[list[Said], str]


def heard(data: bytes, cuts: list[int]) -> Heard:
    """Feed the data in these pieces; return the packets, and how it ended."""
    framer, found = Framer(LIMITS), list[Said]()
    try:
        for start, end in pairwise([0, *cuts, len(data)]):
            framer.feed(data[start:end])
            while (said := framer.next()) is not None:
                found.append(said)
    except PacketError as error:
        return found, error.ending
    return found, "open"


def shown(heard: Heard) -> tuple[list[object], str]:
    """Return it in a form that can be compared."""
    return [Piece if isinstance(each, Piece) else each for each in heard[0]], heard[1]


def framing(data: bytes) -> None:
    """The first three bytes say where the stream is cut: wherever it is, the same packets come out."""
    cuts = sorted(each * 3 % (len(data) - 2) for each in data[:3]) if len(data) > 3 else []
    stream = data[3:]
    whole = heard(stream, [])

    assert shown(whole) == shown(heard(stream, cuts))
    assert shown(whole) == shown(heard(stream, list(range(1, len(stream)))))
    for each in whole[0]:
        if isinstance(each, Publish):
            assert is_encodable(each.topic)
            assert "#" not in each.topic
            assert "+" not in each.topic
            assert len(each.payload) <= max(LIMITS.max_packet_bytes, 4096)
        elif isinstance(each, Control):
            _control(each)


def _control(control: Control) -> None:
    if control.kind == CONNECT:
        try:
            said = read_connect(control.raw[control.body_at :], LIMITS.max_client_id_bytes)
        except PacketError:
            return
        assert is_encodable((said.client_id, said.username or "", said.password or ""))
    assert 1 <= control.cost <= LIMITS.max_subscriptions + len(control.raw) // 4096
    reader = AmqttReader(lambda: None)
    reader.open()
    reader.put(control.raw)
    header = done(MQTTFixedHeader.from_stream(reader))
    assert header is not None
    done(packet_class(header).from_stream(reader, fixed_header=header))
    assert reader.is_empty


def done(reading: Coroutine[Any, Any, Any]) -> Any:
    """Return what is read of a whole packet: there is nothing to wait for."""
    try:
        reading.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("amqtt waits for more than the packet has")


def streams(data: bytes) -> None:
    """What amqtt reads, in whatever portions: exactly the packets' bytes, in their order, then the end."""
    sizes, packets = data[:8], [each for each in data[8:].split(b"|") if each]
    reader, got = AmqttReader(lambda: None), bytearray()
    reader.open()
    for number, each in enumerate(packets):
        reader.put(each)
        while not reader.is_empty:
            size = 1 + (sizes[number % len(sizes)] if sizes else 0)
            try:
                got += done(reader.read(size))
            except asyncio.IncompleteReadError as short:
                got += short.partial
    assert bytes(got) == b"".join(packets)
    reader.end()
    try:
        done(reader.read(1))
    except asyncio.IncompleteReadError:
        return
    raise AssertionError("the end was not told")


_HELLO = connect("dev1")
_REPORT = "ota/P/dev1/report"
_STREAMS = (
    _HELLO,
    connect("dev1", clean=False, will=(_REPORT, b"gone")),
    connect(None, client_id=""),
    _HELLO + publish(_REPORT, b'{"type":"version"}', 1) + puback(1) + PINGREQ + DISCONNECT,
    _HELLO + subscribe("a/b", "#", "+/c", packet_id=7) + unsubscribe("a/b", packet_id=8),
    _HELLO + publish(_REPORT, b"x" * 600, 3) + PINGREQ,
    _HELLO + packet(0x34, text(_REPORT) + b"\0\3x"),
    _HELLO + b"\x62\x02\x00\x01",
    packet(0x10, text("MQIsdp") + b"\x03\x02\x00\x3c" + text("old")),
)

TARGETS = {
    "framing": Target(framing, tuple(b"\5\x11\x33" + each for each in _STREAMS), max_bytes=1200),
    "streams": Target(streams, (b"\0\1\2\3\4\5\6\7" + b"|".join(_STREAMS), b"", b"\x09|")),
}
