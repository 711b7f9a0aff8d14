"""What this broker does not offer, and what happens instead."""

import pytest

from tests.conformance.steps import COMMAND, REPORT, closed, greets, talks
from tests.integration.broker.mqtt import (
    ACCEPTED,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    connect,
    packet,
    puback,
    publish,
    suback,
    subscribe,
    text,
)
from tests.integration.broker.site import House, device, eventually, subscribed


@pytest.mark.parametrize("flags", [0x34, 0x35, 0x3C, 0x3D])
async def test_qos_2_closes(house: House, flags: int) -> None:
    """New, retained, repeated: no PUBREC, nothing received, counted as qos2."""
    await closed(house, packet(flags, text(REPORT) + b"\0\1x"), "qos2")


@pytest.mark.parametrize("first", [0x50, 0x62, 0x70, 0x60, 0x6F])
async def test_the_packets_of_qos_2_close(house: House, first: int) -> None:
    """PUBREC, PUBREL and PUBCOMP, with right flags or wrong ones."""
    await closed(house, packet(first, b"\0\1"), "qos2")


async def test_a_retained_publish_is_a_publish(house: House) -> None:
    """It is received and acknowledged; nobody is ever sent it, now or later, of whatever QoS it was."""
    client = await subscribed(house, REPORT, COMMAND)
    client.send(publish(REPORT, b"kept?", 1, flags=1), publish(REPORT, b"kept?", flags=1), PINGREQ)
    answers = await client.read(len(puback(1) + PINGRESP))
    assert sorted(answers) == sorted(puback(1) + PINGRESP)
    assert house.receiver.payloads == [b"kept?", b"kept?"]

    again = await subscribed(house, REPORT, COMMAND, "ota/P/dev1/#")

    assert await again.silent()
    assert not house.broker._engine.retained_messages  # type: ignore[union-attr]


async def test_an_empty_retained_publish_deletes_nothing(house: House) -> None:
    """It is a publish without payload."""
    await talks(house, publish(REPORT, b"", 1, flags=1), puback(1))

    assert house.receiver.payloads == [b""]


async def test_an_order_is_sent_once_and_not_retained(house: House) -> None:
    """RETAIN 0, and whoever subscribes later, or again, is not sent it by the broker."""
    client = await subscribed(house, COMMAND)
    assert house.broker.send(device(), COMMAND, b"order")
    assert (await client.read(1))[0] & 0x0F == 0
    await client.read(1 + 2 + len(COMMAND) + len(b"order"))

    client.send(subscribe(COMMAND))
    await client.expect(suback(0))

    assert await client.silent()


@pytest.mark.parametrize("flags", [0x04, 0x0C, 0x14, 0x24, 0x34])
async def test_a_will_is_nobodys(house: House, flags: int) -> None:
    """Of any QoS, retained or not: after a lost connection the receiver hears that the device went, and no more."""
    victim = await subscribed(house, COMMAND)
    client = await house.client()
    fields = ("c", COMMAND, "will", "P/dev2", "secret-dev2")
    head = text("MQTT") + bytes((4, 0xC2 | flags)) + b"\0\x3c"
    client.send(packet(0x10, head + b"".join(text(each) for each in fields)))
    await client.expect(ACCEPTED)
    client.writer.transport.abort()
    await eventually(lambda: ("disconnected", "dev2") in house.receiver.lives)

    assert await victim.silent()
    assert house.receiver.payloads == []
    assert house.receiver.aside == []


async def test_a_will_is_not_published_after_disconnect(house: House) -> None:
    """Nor after a takeover or a protocol error."""
    for end in (DISCONNECT, b"\xf0\x00"):
        client = await house.client()
        client.send(connect(will=(REPORT, b"will")))
        await client.expect(ACCEPTED)
        client.send(end)
        assert await client.rest() == b""
    old = await house.client()
    old.send(connect(will=(REPORT, b"will")))
    await old.expect(ACCEPTED)
    await house.device()
    assert await old.rest() == b""

    assert house.receiver.payloads == []
    assert house.receiver.aside == []


async def test_without_a_will_nothing_is_published(house: House) -> None:
    """A connection that is lost says nothing in the device's name."""
    (await house.device()).writer.transport.abort()
    await eventually(lambda: house.is_empty)

    assert house.receiver.payloads == []


async def test_what_a_device_publishes_goes_to_no_device(house: House) -> None:
    """This broker's only subscriber is the gateway: even a device's own subscription hears no report."""
    client = await subscribed(house, REPORT)
    client.send(publish(REPORT, b"1", 1))

    await client.expect(puback(1))
    assert await client.silent()
    assert house.receiver.payloads == [b"1"]


async def test_websockets_are_no_mqtt(house: House) -> None:
    """Their handshake is closed like any other stranger's first word."""
    await greets(house, b"GET /mqtt HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n")
