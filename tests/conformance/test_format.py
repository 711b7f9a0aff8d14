"""Sections 1.5 and 2: texts, flags, lengths and packet identifiers."""

import pytest

from tests.conformance.steps import REPORT, closed, greets, talks
from tests.integration.broker.mqtt import (
    ACCEPTED,
    PINGREQ,
    PINGRESP,
    connect,
    packet,
    puback,
    publish,
    suback,
    subscribe,
    text,
    unsubscribe,
)
from tests.integration.broker.site import House

SURROGATE = b"\xed\xa0\x80"
ILL_FORMED = {
    "surrogate": SURROGATE,
    "surrogate pair": b"\xed\xa0\x80\xed\xb0\x80",
    "overlong slash": b"\xc0\xaf",
    "overlong NUL": b"\xc0\x80",
    "cut short": b"a\xe2\x82",
    "beyond U+10FFFF": b"\xf4\x90\x80\x80",
    "stray continuation": b"\x80",
}


@pytest.mark.parametrize("raw", ILL_FORMED.values(), ids=ILL_FORMED.keys())
async def test_ill_formed_text_closes(house: House, raw: bytes) -> None:
    """In a topic, a filter of either kind, a client id, a will's topic and a user name."""
    for spoilt in (
        publish(raw, b"1", 1),
        packet(0x82, b"\0\1" + text(raw) + b"\0"),
        packet(0xA2, b"\0\1" + text(raw)),
    ):
        await closed(house, spoilt, "malformed")
    for flags, fields in (
        (0x02, text(raw)),
        (0x06, text("c") + text(raw) + text("m")),
        (0x82, text("c") + text(raw)),
    ):
        await greets(house, packet(0x10, text("MQTT") + bytes((4, flags)) + b"\0\x3c" + fields))
    assert house.access.logins == [] or {each.username for each in house.access.logins} == {"P/dev1"}


async def test_nul_in_a_text_closes(house: House) -> None:
    """U+0000 stands in no text."""
    await closed(house, publish("ota/P\0/dev1", b"1", 1), "topic")
    await closed(house, subscribe("ota/\0"), "malformed")
    await closed(house, unsubscribe("\0"), "malformed")
    await greets(house, packet(0x10, text("MQTT") + b"\4\2\0\x3c" + text("a\0b")))
    await greets(house, packet(0x10, text("MQTT") + b"\4\x82\0\x3c" + text("c") + text("P/dev1\0")))


async def test_a_byte_order_mark_is_a_character(house: House) -> None:
    """U+FEFF before a topic makes it another topic: here one that is not the device's own."""
    await talks(house, publish("\ufeff" + REPORT, b"1", 1), puback(1))

    assert house.receiver.payloads == []
    assert [each.topic for each in house.receiver.aside] == ["\ufeff" + REPORT]


WRONG_FLAGS = {
    f"{name} {flags:#06b}": (kind << 4 | flags, body)
    for name, kind, right, body in (
        ("PUBACK", 4, 0, b"\0\1"),
        ("SUBSCRIBE", 8, 2, b"\0\1" + text("a") + b"\0"),
        ("UNSUBSCRIBE", 10, 2, b"\0\1" + text("a")),
        ("PINGREQ", 12, 0, b""),
        ("DISCONNECT", 14, 0, b""),
    )
    for flags in range(16)
    if flags != right
}


async def test_reserved_flags_close(house: House) -> None:
    """Every packet has the one set of flags that its type allows; all fifteen others end the connection."""
    for first, body in WRONG_FLAGS.values():
        await closed(house, packet(first, body), "malformed")
    for flags in range(1, 16):
        await greets(house, bytes((0x10 | flags,)) + connect()[1:])


async def test_packet_identifiers_are_not_zero(house: House) -> None:
    """Where one belongs, 0 is none."""
    for spoilt in (
        packet(0x32, text(REPORT) + b"\0\0x"),
        subscribe("a", packet_id=0),
        unsubscribe("a", packet_id=0),
        packet(0x40, b"\0\0"),
    ):
        await closed(house, spoilt, "malformed")


async def test_a_packet_identifier_in_use_is_answered_again(house: House) -> None:
    """A device that uses one twice before it is answered gets two answers, in order, and both are kept."""
    house.receiver.holds = True
    client = await house.device()
    client.send(publish(REPORT, b"a", 7), publish(REPORT, b"b", 7), subscribe("ota/P/dev1/x", packet_id=7))
    await client.expect(suback(0, packet_id=7))

    for each in house.receiver.received_:
        each.settle(True)

    await client.expect(puback(7, 7))
    assert house.receiver.payloads == [b"a", b"b"]


async def test_a_publish_of_qos_0_has_no_packet_identifier(house: House) -> None:
    """What follows the topic is payload, both ways, and nothing is answered."""
    client = await talks(house, publish(REPORT, b"\0\7payload") + PINGREQ, PINGRESP)
    assert house.receiver.payloads == [b"\0\7payload"]

    client.send(subscribe("ota/P/dev1/command"))
    await client.expect(suback(0))
    house.broker.send(house.receiver.received_[0].device, "ota/P/dev1/command", b"\0\7order")
    await client.expect(packet(0x30, text("ota/P/dev1/command") + b"\0\7order"))


@pytest.mark.parametrize("packet_id", [1, 255, 256, 65_535])
async def test_answers_carry_the_identifier_of_the_question(house: House, packet_id: int) -> None:
    """PUBACK, SUBACK and UNSUBACK."""
    await talks(
        house,
        publish(REPORT, b"1", packet_id) + subscribe("#", packet_id=packet_id),
        suback(0x80, packet_id=packet_id) + puback(packet_id),
        any_order=True,
    )
    await talks(house, unsubscribe("a", packet_id=packet_id), b"\xb0\x02" + packet_id.to_bytes(2))


@pytest.mark.parametrize("length", [b"\x00", b"\x80\x00", b"\x80\x80\x00", b"\x80\x80\x80\x00"])
async def test_a_length_may_be_written_long(house: House, length: bytes) -> None:
    """Up to four bytes (§2.2.3), also where fewer would do; a fifth closes."""
    await talks(house, b"\xc0" + length, PINGRESP)
    await closed(house, b"\xc0\x80\x80\x80\x80\x00", "malformed")


async def test_packets_know_no_segments(house: House) -> None:
    """One byte a segment and all in one segment are the same stream."""
    client = await house.client()
    for byte in connect() + publish(REPORT, b"slow", 1):
        client.send(bytes((byte,)))
        await client.writer.drain()
    await client.expect(ACCEPTED + puback(1))

    other = await house.client()
    other.send(connect("dev2"), publish("ota/P/dev2/report", b"fast", 1))
    await other.expect(ACCEPTED + puback(1))

    assert house.receiver.payloads == [b"slow", b"fast"]
