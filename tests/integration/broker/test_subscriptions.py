"""What a device may hear, and for how long that is kept."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.integration.broker.mqtt import (
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    connect,
    message,
    publish,
    suback,
    subscribe,
    unsubscribe,
)
from tests.integration.broker.site import House, device, eventually, house_with, subscribed

COMMAND = "ota/P/dev1/command"


async def test_every_filter_is_judged(house: House) -> None:
    """What a device may not hear is refused with 0x80, filter by filter, counted, and logged once a minute."""
    client = await house.device()

    with capture_logs() as logs:
        client.send(subscribe(COMMAND, "#", "ota/P/dev2/command", "ota/+/+/command", "$ota/update/P/dev1"))
        await client.expect(suback(0, 0x80, 0x80, 0x80, 0))

    assert house.counted("protocol_errors_total", "acl") == 3
    (line,) = logs
    assert (line["event"], line["device"], line["topic_filter"]) == ("subscription_refused", "P/dev1", "#")


async def test_unsubscribe_counts_in_its_turn(house: House) -> None:
    """SUBSCRIBE and UNSUBSCRIBE in one segment end unsubscribed."""
    client = await house.device()

    client.send(subscribe(COMMAND, packet_id=1), unsubscribe(COMMAND, "never/known", packet_id=2))

    await client.expect(suback(0) + b"\xb0\x02\x00\x02")
    assert not house.broker.send(device(), COMMAND, b"go")


async def test_wildcards_within_the_own_topics(house: House) -> None:
    """An allowed wildcard filter hears what it matches."""
    client = await subscribed(house, "ota/P/dev1/+")

    assert house.broker.send(device(), COMMAND, b"go")
    assert not house.broker.send(device(), "ota/P/dev1/a/b", b"go")

    await client.expect(message(COMMAND, b"go"))


async def test_subscriptions_outlive_a_connection_that_asked_for_it(house: House) -> None:
    """Clean session 0: session present, and the subscription still works, without a new SUBSCRIBE."""
    await (await subscribed(house, COMMAND, clean=False)).close()
    await eventually(lambda: house.is_empty)

    client = await house.client()
    client.send(connect(clean=False))

    await client.expect(b"\x20\x02\x01\x00")
    await eventually(lambda: house.broker.send(device(), COMMAND, b"go"))
    await client.expect(message(COMMAND, b"go"))


@pytest.mark.parametrize(("before", "after"), [(True, False), (False, True)])
async def test_a_clean_session_keeps_nothing(house: House, before: bool, after: bool) -> None:  # noqa: FBT001
    """Clean session 1, then or now, begins anew."""
    client = await subscribed(house, COMMAND, clean=before)
    client.send(DISCONNECT)
    await client.rest()
    await eventually(lambda: house.is_empty)

    client = await house.device(clean=after)

    assert not house.broker.send(device(), COMMAND, b"go")


async def test_kept_sessions_are_bounded() -> None:
    """The device that left first is forgotten first, and every one after a while."""
    async with house_with(max_kept_sessions=2, session_expiry=timedelta(hours=1)) as house:
        for name in ("dev1", "dev2", "dev3"):
            client = await house.device(name, clean=False)
            client.send(DISCONNECT)
            await client.rest()
            await eventually(lambda: house.is_empty)

        client = await house.client()
        client.send(connect("dev1", clean=False))
        await client.expect(b"\x20\x02\x00\x00")
        client = await house.client()
        client.send(connect("dev3", clean=False))
        await client.expect(b"\x20\x02\x01\x00")


async def test_subscriptions_are_bounded() -> None:
    """The 33rd filter is refused, the same one again is not; a packet full of filters ends the connection."""
    async with house_with() as house:
        client = await house.device()
        for number in range(32):
            client.send(subscribe(f"ota/P/dev1/{number}"))
            await client.expect(suback(0))

        client.send(subscribe(COMMAND, "ota/P/dev1/7"))
        await client.expect(suback(0x80, 0))
        assert house.counted("protocol_errors_total", "subscriptions") == 1
        client.send(subscribe(*(f"ota/P/dev1/{number}" for number in range(33))))

        assert await client.rest() == b""


async def test_a_long_filter_is_refused(house: House) -> None:
    """Bytes and levels of a filter are bounded like those of a topic."""
    client = await house.device()

    client.send(subscribe("ota/P/dev1/" + "x" * 600, "ota/P/dev1/" + "/" * 20))

    await client.expect(suback(0x80, 0x80))
    assert house.counted("protocol_errors_total", "subscriptions") == 2


async def test_wills_are_nobodys(house: House) -> None:
    """A will is read over: it reaches neither the receiver nor the device whose topic it names."""
    victim = await subscribed(house, COMMAND)
    attacker = await house.client()
    attacker.send(connect("dev2", will=(COMMAND, b"evil")))
    await eventually(lambda: ("connected", "dev2") in house.receiver.lives)

    attacker.writer.transport.abort()
    await eventually(lambda: ("disconnected", "dev2") in house.receiver.lives)

    assert await victim.silent()
    assert house.receiver.payloads == []
    assert not house.broker._engine.retained_messages  # type: ignore[union-attr]


async def test_what_a_device_publishes_reaches_no_device(house: House) -> None:
    """Retained or not, allowed or not, subscribed or not: the broker hands nothing across."""
    client = await subscribed(house, "ota/P/dev1/report", COMMAND)
    other = await house.device("dev2")

    other.send(publish(COMMAND, b"evil", 1, flags=1), publish("ota/P/dev1/report", b"evil", 2))
    client.send(publish("ota/P/dev1/report", b"mine", flags=1), PINGREQ)

    await client.expect(PINGRESP)
    assert await client.silent()
    later = await house.device("dev3")
    assert await later.silent()
