"""PUBACK means committed: when it is written, in which order, and what stands in its place."""

import pytest

from gateway.devices.broker.surplus import KEPT_BYTES
from gateway.ports.devices import Objection
from tests.integration.broker.mqtt import (
    ACCEPTED,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    connect,
    packet,
    puback,
    publish,
    text,
)
from tests.integration.broker.site import House, device, eventually

REPORT = "ota/P/dev1/report"


async def test_puback_follows_the_commit(house: House) -> None:
    """A publish is acknowledged when it is settled, and not before."""
    house.receiver.holds = True
    client = await house.device()

    client.send(publish(REPORT, b"1", 7))
    await eventually(lambda: bool(house.receiver.received_))
    assert await client.silent()
    house.receiver.received_[0].settle(True)

    await client.expect(puback(7))
    assert house.receiver.received_[0][:3] == (device(), REPORT, b"1")


async def test_a_slow_commit_holds_up_nobody_else(house: House) -> None:
    """While one device waits for its commit, it is pinged back, and another device comes and is pinged back."""
    house.receiver.holds = True
    slow = await house.device()
    slow.send(publish(REPORT, b"1", 1), PINGREQ)
    await slow.expect(PINGRESP)

    other = await house.device("dev2")
    other.send(PINGREQ)

    await other.expect(PINGRESP)
    house.receiver.received_[0].settle(True)
    await slow.expect(puback(1))


async def test_a_failed_commit_closes_without_puback(house: House) -> None:
    """When the commit fails the device is disconnected, so that it sends again."""
    house.receiver.holds = True
    client = await house.device()
    client.send(publish(REPORT, b"1", 1), publish(REPORT, b"2", 2), publish(REPORT, b"3", 3))
    await eventually(lambda: len(house.receiver.received_) == 3)

    house.receiver.received_[0].settle(True)
    house.receiver.received_[1].settle(False)
    house.receiver.received_[2].settle(True)

    assert await client.rest() == puback(1)
    await eventually(lambda: house.receiver.lives == [("connected", "dev1"), ("disconnected", "dev1")])


async def test_pubacks_keep_the_order_of_the_publishes(house: House) -> None:
    """[MQTT-4.6.0-2] whatever the order of the commits, the first publish is acknowledged first."""
    house.receiver.holds = True
    client = await house.device()
    client.send(*(publish(REPORT, b"x", each) for each in (5, 3, 9, 4)))
    await eventually(lambda: len(house.receiver.received_) == 4)

    for at in (3, 1, 2):
        house.receiver.received_[at].settle(True)
    assert await client.silent()
    house.receiver.received_[0].settle(True)

    await client.expect(puback(5, 3, 9, 4))


async def test_a_settle_called_twice_counts_once(house: House) -> None:
    """A second settle changes nothing."""
    house.receiver.holds = True
    client = await house.device()
    client.send(publish(REPORT, b"1", 1), publish(REPORT, b"2", 2))
    await eventually(lambda: len(house.receiver.received_) == 2)

    first, second = house.receiver.received_
    for settle in (first.settle, first.settle, second.settle):
        settle(True)
    first.settle(False)

    await client.expect(puback(1, 2))
    assert await client.silent()


async def test_a_settle_after_the_end_is_harmless(house: House) -> None:
    """A commit that ends after its connection has nobody to tell."""
    house.receiver.holds = True
    client = await house.device()
    client.send(publish(REPORT, b"1", 1), publish(REPORT, b"2", 2))
    await eventually(lambda: len(house.receiver.received_) == 2)
    await client.close()
    await eventually(lambda: house.is_empty)

    house.receiver.received_[0].settle(True)
    house.receiver.received_[1].settle(False)

    await house.device("dev2")


async def test_qos_0_is_received_and_not_answered(house: House) -> None:
    """A publish of QoS 0 reaches the receiver; its settle does nothing."""
    house.receiver.holds = True
    client = await house.device()
    client.send(publish(REPORT, b"quick"))
    await eventually(lambda: house.receiver.payloads == [b"quick"])

    house.receiver.received_[0].settle(False)

    client.send(PINGREQ)
    await client.expect(PINGRESP)


async def test_qos_2_closes_the_connection(house: House) -> None:
    """QoS 2 is not served, as on the cloud's own brokers."""
    client = await house.device()

    client.send(packet(0x34, text(REPORT) + b"\0\1{}"))

    assert await client.rest() == b""
    assert house.receiver.payloads == []
    assert house.counted("protocol_errors_total", "qos2") == 1


async def test_a_publish_at_qos_2_is_shown_once(house: House) -> None:
    """A device that tries for ever stands in quarantine with what it said, once a minute; a stranger does not."""
    stranger = await house.client()
    stranger.send(packet(0x34, text(REPORT) + b"\0\1{}"))
    await stranger.rest()
    for _ in range(3):
        client = await house.device()
        client.send(packet(0x34, text(REPORT) + b"\0\1" + b"x" * 100_000))
        await client.rest()

    [aside] = house.receiver.aside
    assert (aside.device, aside.topic, aside.reason) == (device(), REPORT, Objection.QOS2)
    assert aside.payload == b"x" * KEPT_BYTES
    assert aside.detail == "QoS 2 is not served; publish at QoS 1"
    assert house.counted("protocol_errors_total", "qos2") == 3


@pytest.mark.parametrize("topic", ["$ota/report/P/dev1", "$sys/P/dev1/ota/inform"])
async def test_vendor_topics_work(house: House, topic: str) -> None:
    """Topics that start with $ are the vendors' normal ones."""
    client = await house.device()

    client.send(publish(topic, b"1", 1), publish(REPORT, b"2", 2))

    await client.expect(puback(1, 2))
    assert [each.topic for each in house.receiver.received_] == [topic, REPORT]


async def test_a_forbidden_publish_is_set_aside_and_acknowledged_in_its_turn(house: House) -> None:
    """Sending it again cannot help: it is acknowledged when quarantine has it, and read by nobody."""
    house.receiver.holds = True
    client = await house.device()
    client.send(
        publish(REPORT, b"mine", 1),
        publish("ota/P/dev2/report", b"not mine", 2),
        publish("ota/P/dev2/report", b"not mine, QoS 0"),
        publish(REPORT, b"mine too", 3),
    )
    await eventually(lambda: len(house.receiver.received_) == 2)
    aside = house.receiver.aside

    house.receiver.received_[0].settle(True)
    await client.expect(puback(1))
    assert await client.silent()
    aside[0].settle(True)

    await client.expect(puback(2))
    assert house.receiver.payloads == [b"mine", b"mine too"]
    assert [each[:4] for each in aside] == [
        (device(), "ota/P/dev2/report", b"not mine", Objection.FORBIDDEN_TOPIC),
        (device(), "ota/P/dev2/report", b"not mine, QoS 0", Objection.FORBIDDEN_TOPIC),
    ]
    assert house.counted("protocol_errors_total", "acl") == 2


@pytest.mark.parametrize("topic", ["a" * 60_000, "/" * 60_000], ids=["long", "deep"])
async def test_a_topic_beyond_every_measure_is_a_forbidden_one(house: House, topic: str) -> None:
    """MQTT allows 65,535 bytes, so that closing would only bring it again; what is kept of it is bounded."""
    client = await house.device()

    client.send(publish(topic, b"x" * 5000, 1))

    await client.expect(puback(1))
    (aside,) = house.receiver.aside
    assert (aside.topic, len(aside.payload)) == (topic[:512], 4096)
    assert aside.reason is Objection.FORBIDDEN_TOPIC


async def test_connect_publish_and_disconnect_in_one_segment(house: House) -> None:
    """A device that says everything at once and leaves is heard, and leaves nothing behind."""
    for number in range(20):
        client = await house.client()
        client.send(connect(), publish(REPORT, b"%d" % number, 1), DISCONNECT)
        answers = await client.rest()
        assert answers == ACCEPTED + puback(1)

    await eventually(lambda: house.is_empty)
    assert house.receiver.payloads == [b"%d" % number for number in range(20)]
    assert house.receiver.lives == [("connected", "dev1"), ("disconnected", "dev1")] * 20


async def test_everything_sent_before_a_fin_is_received(house: House) -> None:
    """500 publishes and the end of the stream: the receiver gets all 500, in order."""
    client = await house.device()

    client.send(*(publish(REPORT, b"%d" % each, each) for each in range(1, 501)))
    client.writer.write_eof()

    await eventually(lambda: house.receiver.payloads == [b"%d" % each for each in range(1, 501)])
    await eventually(lambda: house.is_empty)


async def test_many_commits_at_once_are_one_write(house: House) -> None:
    """1,000 publishes of one window come back as one block of PUBACKs."""
    house.receiver.holds = True
    client = await house.device()
    ids = range(1, 1000)
    client.send(*(publish(REPORT, b"x" * 100, each) for each in ids))
    await eventually(lambda: len(house.receiver.received_) == len(ids))

    for each in house.receiver.received_:
        each.settle(True)

    assert await client.reader.read(8192) == puback(*ids)


async def test_packets_split_at_every_byte(house: House) -> None:
    """TCP knows no packets: one byte at a time works as well."""
    client = await house.client()

    for byte in connect() + publish(REPORT, b"slow", 1) + PINGREQ:
        client.send(bytes((byte,)))
        await client.writer.drain()

    await client.expect(ACCEPTED)
    answers = await client.read(len(puback(1) + PINGRESP))
    assert answers in (puback(1) + PINGRESP, PINGRESP + puback(1))
    assert house.receiver.payloads == [b"slow"]


async def test_a_retained_publish_is_a_publish(house: House) -> None:
    """The retain flag is ignored: nobody who comes later is told."""
    client = await house.device()
    client.send(publish(REPORT, b"keep me", 1, flags=0x01))
    await client.expect(puback(1))

    later = await house.device("dev2")

    assert house.receiver.payloads == [b"keep me"]
    assert await later.silent()
