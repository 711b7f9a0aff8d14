"""Sections 3.8 to 3.11 and 4.7: SUBSCRIBE, UNSUBSCRIBE and what filters match."""

import pytest

from tests.conformance.steps import COMMAND, closed, talks
from tests.integration.broker.mqtt import (
    PINGREQ,
    PINGRESP,
    message,
    packet,
    suback,
    subscribe,
    text,
    unsubscribe,
)
from tests.integration.broker.site import House, device, subscribed

UNSUBACK = b"\xb0\x02\x00\x01"


async def test_subscribe_needs_a_filter(house: House) -> None:
    """None, half of one, or one without its QoS closes."""
    for body in (b"\0\1", b"\0\1\0", b"\0\1" + text("a"), b"\0\1\0\5abc\0"):
        await closed(house, packet(0x82, body), "malformed")


async def test_unsubscribe_needs_a_filter(house: House) -> None:
    """None, or half of one closes."""
    for body in (b"\0\1", b"\0\1\0", b"\0\1\0\5abc"):
        await closed(house, packet(0xA2, body), "malformed")


@pytest.mark.parametrize("qos", [3, 4, 0x80, 0x81, 0xFF])
async def test_another_qos_than_0_1_and_2_closes(house: House, qos: int) -> None:
    """Reserved bits and QoS 3."""
    await closed(house, subscribe(COMMAND, qos=qos), "malformed")


async def test_every_filter_has_its_code_in_its_place(house: House) -> None:
    """0 where it was granted and 0x80 where not, in one SUBACK, and nothing else."""
    own = (COMMAND, "ota/P/dev1/+", "ota/P/dev1/#", "$ota/update/P/dev1")
    others = ("#", "+/+", "ota/P/dev2/command", "ota/+/dev1/command", "$SYS/#", "ota/P/dev1")
    mixed = [each for pair in zip(own, others, strict=False) for each in pair]

    await talks(house, subscribe(*mixed, packet_id=9), suback(*([0, 0x80] * len(own)), packet_id=9))


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_qos_0_is_granted(house: House, qos: int) -> None:
    """Whatever was asked: all orders go down at QoS 0."""
    client = await house.device()
    client.send(subscribe(COMMAND, qos=qos))
    await client.expect(suback(0))

    house.broker.send(device(), COMMAND, b"order")

    await client.expect(message(COMMAND, b"order"))


async def test_a_filter_again_takes_the_place_of_itself(house: House) -> None:
    """It is granted again, and a message still comes once."""
    client = await subscribed(house, COMMAND)
    client.send(subscribe(COMMAND, COMMAND, packet_id=2))
    await client.expect(suback(0, 0, packet_id=2))

    house.broker.send(device(), COMMAND, b"order")

    await client.expect(message(COMMAND, b"order"))
    assert await client.silent()


async def test_overlapping_filters_hear_once(house: House) -> None:
    """Three filters match, one message comes."""
    client = await subscribed(house, COMMAND, "ota/P/dev1/+", "ota/P/dev1/#")

    house.broker.send(device(), COMMAND, b"order")

    await client.expect(message(COMMAND, b"order"))
    assert await client.silent()


async def test_only_what_matches_comes(house: House) -> None:
    """A topic of the device that it did not subscribe to is not sent."""
    client = await subscribed(house, COMMAND)

    assert not house.broker.send(device(), "ota/P/dev1/chunk", b"no")
    assert await client.silent()


MALFORMED = ("", "a/#/b", "a#", "#a", "a/b#", "##", "a+", "+a", "a/+b/c", "a/b+")


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_filter_that_is_none_closes(house: House, name: str) -> None:
    """Wildcards out of place, and nothing at all: in a SUBSCRIBE and in an UNSUBSCRIBE, first or last."""
    await closed(house, subscribe(name), "topic")
    await closed(house, subscribe(COMMAND, name), "topic")
    await closed(house, unsubscribe(name), "topic")


MATCHES = {
    "ota/P/dev1/#": ("ota/P/dev1/a", "ota/P/dev1/a/b", "ota/P/dev1/", "ota/P/dev1//"),
    "ota/P/dev1/+": ("ota/P/dev1/a", "ota/P/dev1/", "ota/P/dev1/$x"),
    "ota/P/dev1/+/b": ("ota/P/dev1/a/b", "ota/P/dev1//b"),
    "ota/P/dev1/a/#": ("ota/P/dev1/a", "ota/P/dev1/a/b", "ota/P/dev1/a/b/c"),
    "ota/P/dev1/": ("ota/P/dev1/",),
    "ota/P/dev1/é": ("ota/P/dev1/é",),
}
MISSES = {
    "ota/P/dev1/#": ("ota/P/dev2/a", "Ota/P/dev1/a"),
    "ota/P/dev1/+": ("ota/P/dev1/a/b", "ota/P/dev1"),
    "ota/P/dev1/+/b": ("ota/P/dev1/b", "ota/P/dev1/a/b/c"),
    "ota/P/dev1/a/#": ("ota/P/dev1/ab", "ota/P/dev1/A"),
    "ota/P/dev1/": ("ota/P/dev1/a", "ota/P/dev1//"),
    "ota/P/dev1/é": ("ota/P/dev1/e\u0301", "ota/P/dev1/É"),
}


@pytest.mark.parametrize("name", MATCHES)
async def test_filters_match_by_level(house: House, name: str) -> None:
    """# takes the rest and its parent, + one level, an empty level is a level; nothing is normalised."""
    client = await subscribed(house, name)

    for topic in MATCHES[name]:
        assert house.broker.send(device(), topic, b"x"), topic
        await client.expect(message(topic, b"x"))
    for topic in MISSES[name]:
        assert not house.broker.send(device(), topic, b"x"), topic


@pytest.mark.parametrize("name", ["#", "+/P/dev1", "+/#"])
async def test_a_leading_wildcard_hears_no_dollar_topic(
    house: House, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Even where a device may subscribe to everything."""
    monkeypatch.setattr(house.access, "may_subscribe", lambda _device, _filter: True)
    client = await subscribed(house, name)

    assert not house.broker.send(device(), "$ota/P/dev1", b"x")
    assert house.broker.send(device(), "ota/P/dev1", b"x")
    await client.expect(message("ota/P/dev1", b"x"))


async def test_unsubscribe_ends_a_subscription(house: House) -> None:
    """No message comes after the UNSUBACK, and one that was on its way comes before it."""
    client = await subscribed(house, COMMAND)
    house.broker.send(device(), COMMAND, b"last")
    client.send(unsubscribe(COMMAND))

    await client.expect(message(COMMAND, b"last") + UNSUBACK)
    assert not house.broker.send(device(), COMMAND, b"late")


async def test_unsubscribe_compares_letter_by_letter(house: House) -> None:
    """A filter that merely matches the same topics ends nothing."""
    client = await subscribed(house, COMMAND)
    client.send(unsubscribe("ota/P/dev1/+", "ota/P/dev1/#", "ota/P/dev1/Command", "#"))
    await client.expect(UNSUBACK)

    assert house.broker.send(device(), COMMAND, b"still")


async def test_unsubscribe_is_always_answered(house: House) -> None:
    """Also where nothing was subscribed."""
    await talks(house, unsubscribe("never/known", "nor/this"), UNSUBACK)


async def test_unsubscribe_takes_many_at_once(house: House) -> None:
    """Several filters end with one UNSUBACK."""
    client = await subscribed(house, COMMAND, "ota/P/dev1/a", "ota/P/dev1/b")
    client.send(unsubscribe(COMMAND, "unknown", "ota/P/dev1/b"), PINGREQ)

    await client.expect(UNSUBACK + PINGRESP)
    assert not house.broker.send(device(), COMMAND, b"x")
    assert not house.broker.send(device(), "ota/P/dev1/b", b"x")
    assert house.broker.send(device(), "ota/P/dev1/a", b"x")
