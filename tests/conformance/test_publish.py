"""Sections 3.3, 3.4, 4.3, 4.6 and 4.8: PUBLISH and what answers it."""

import pytest

from tests.conformance.steps import COMMAND, REPORT, closed, talks
from tests.integration.broker.mqtt import (
    ACCEPTED,
    PINGREQ,
    PINGRESP,
    connect,
    message,
    packet,
    puback,
    publish,
    text,
)
from tests.integration.broker.site import House, device, eventually, subscribed


async def test_dup_is_taken(house: House) -> None:
    """A repeat is another publish: whether it says something new is not for the broker to judge."""
    await talks(house, publish(REPORT, b"1", 1) + publish(REPORT, b"1", 1, flags=8), puback(1, 1))

    assert house.receiver.payloads == [b"1", b"1"]


async def test_dup_at_qos_0_closes(house: House) -> None:
    """There it has no meaning."""
    await closed(house, packet(0x38, text(REPORT) + b"x"), "malformed")


async def test_dup_is_never_passed_on(house: House) -> None:
    """What comes of a report is the gateway's own, and has no DUP, no retain and QoS 0."""
    client = await subscribed(house, COMMAND)
    client.send(publish(REPORT, b"1", 1, flags=9))
    await client.expect(puback(1))

    house.broker.send(device(), COMMAND, b"order")

    assert await client.read(1) == b"\x30"


@pytest.mark.parametrize("flags", [0x36, 0x37, 0x3E, 0x3F])
async def test_qos_3_closes(house: House, flags: int) -> None:
    """Both QoS bits."""
    await closed(house, packet(flags, text(REPORT) + b"\0\1x"), "malformed")


async def test_a_topic_comes_first(house: House) -> None:
    """A PUBLISH that is too short for its topic, or for its packet identifier, closes."""
    for body in (b"", b"\0", b"\0\5abc", text(REPORT), text(REPORT) + b"\0"):
        await closed(house, packet(0x32, body), "malformed")
    for body in (b"", b"\0", b"\0\5abc"):
        await closed(house, packet(0x30, body), "malformed")


@pytest.mark.parametrize("topic", ["#", "+", "ota/#", "ota/+/x", "a+", "a#b"])
async def test_wildcards_in_a_topic_close(house: House, topic: str) -> None:
    """They belong to filters."""
    await closed(house, publish(topic, b"1", 1), "topic")


async def test_a_topic_without_a_character_closes(house: House) -> None:
    """At QoS 0 and 1."""
    await closed(house, publish("", b"1"), "topic")
    await closed(house, publish("", b"1", 1), "topic")


async def test_a_topic_of_the_greatest_length_is_taken(house: House) -> None:
    """65,535 bytes, and no byte more can be written; not being the device's own, it is set aside."""
    await talks(house, publish("x" * 65_535, b"", 1), puback(1))

    assert len(house.receiver.aside) == 1


async def test_topics_are_compared_as_they_are(house: House) -> None:
    """Case, a slash at either end, and another way to write the same letter make another topic."""
    for topic in (REPORT.upper(), "/" + REPORT, REPORT + "/", "ota/P/dev1/repo\u0301rt"):
        await talks(house, publish(topic, b"1", 1), puback(1))

    assert house.receiver.payloads == []
    assert len(house.receiver.aside) == 4


@pytest.mark.parametrize("topic", ["$ota/report/P/dev1", "$sys/P/dev1/ota/inform"])
async def test_topics_that_begin_with_a_dollar_are_taken(house: House, topic: str) -> None:
    """They are the vendors' own; those of nobody, such as $SYS, are set aside."""
    await talks(house, publish(topic, b"1", 1) + publish("$SYS/broker", b"2", 2), puback(1, 2))

    assert [each.topic for each in house.receiver.received_] == [topic]
    assert [each.topic for each in house.receiver.aside] == ["$SYS/broker"]


async def test_qos_0_is_taken_and_not_answered(house: House) -> None:
    """At most once, without a word."""
    await talks(house, publish(REPORT, b"quick") + PINGREQ, PINGRESP)

    assert house.receiver.payloads == [b"quick"]


async def test_qos_1_is_answered_when_it_is_safe(house: House) -> None:
    """PUBACK means that ownership was taken: it follows the commit."""
    house.receiver.holds = True
    client = await house.device()
    client.send(publish(REPORT, b"1", 7))
    await eventually(lambda: bool(house.receiver.received_))
    assert await client.silent()

    house.receiver.received_[0].settle(True)

    await client.expect(puback(7))


async def test_after_puback_an_identifier_is_new(house: House) -> None:
    """The same packet identifier, DUP or not, is a new publish."""
    client = await house.device()
    for payload, flags in ((b"1", 0), (b"2", 0), (b"3", 8)):
        client.send(publish(REPORT, payload, 1, flags=flags))
        await client.expect(puback(1))

    assert house.receiver.payloads == [b"1", b"2", b"3"]


async def test_pubacks_come_in_the_order_of_the_publishes(house: House) -> None:
    """Whatever the order of the commits, and whether a publish was the device's to make."""
    house.receiver.holds = True
    client = await house.device()
    client.send(*(publish(REPORT, b"x", each) for each in (5, 3)), publish("not/mine", b"x", 9))
    client.send(publish(REPORT, b"x", 4))
    await eventually(lambda: len(house.receiver.received_) == 3 and len(house.receiver.aside) == 1)

    house.receiver.aside[0].settle(True)
    for each in reversed(house.receiver.received_):
        assert await client.silent(0.02)
        each.settle(True)

    await client.expect(puback(5, 3, 9, 4))


async def test_a_topic_keeps_its_order(house: House) -> None:
    """Up: the receiver gets what a device says in the order in which it says it. Down: likewise."""
    client = await subscribed(house, COMMAND)
    client.send(*(publish(REPORT, b"%d" % each, each % 2 and each) for each in range(1, 101)))
    await eventually(lambda: len(house.receiver.received_) == 100)
    assert house.receiver.payloads == [b"%d" % each for each in range(1, 101)]
    await client.expect(puback(*range(1, 101, 2)))

    for each in range(100):
        assert house.broker.send(device(), COMMAND, b"%d" % each)

    await client.expect(b"".join(message(COMMAND, b"%d" % each) for each in range(100)))


async def test_a_publish_that_is_not_allowed_is_acknowledged(house: House) -> None:
    """Sending it again would not help; it is counted, and nobody reads it."""
    await talks(house, publish("ota/P/dev2/report", b"not mine", 1), puback(1))

    assert house.receiver.payloads == []
    assert house.counted("protocol_errors_total", "acl") == 1


async def test_a_publish_that_cannot_be_kept_closes(house: House) -> None:
    """A store that cannot commit is an error that passes: no PUBACK, the end, and the device sends again."""
    house.receiver.holds = True
    client = await house.device()
    client.send(publish(REPORT, b"1", 1))
    await eventually(lambda: bool(house.receiver.received_))

    house.receiver.received_[0].settle(False)

    assert await client.rest() == b""
    again = await house.client()
    again.send(connect(), publish(REPORT, b"1", 1, flags=8))
    await again.expect(ACCEPTED)
    await eventually(lambda: len(house.receiver.received_) == 2)
    house.receiver.received_[1].settle(True)
    await again.expect(puback(1))


async def test_packets_for_clients_close(house: House) -> None:
    """CONNACK, SUBACK, UNSUBACK, PINGRESP and the two reserved types are no packets for a server."""
    for said in (ACCEPTED, packet(0x90, b"\0\1\0"), packet(0xB0, b"\0\1"), PINGRESP, b"\0\0", b"\xf0\0"):
        await closed(house, said, "unexpected_packet")
