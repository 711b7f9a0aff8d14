"""What a device may hear, and the way down to it alone."""

import asyncio
from datetime import timedelta

import pytest

from gateway.model.identity import DeviceId
from tests.integration.broker.mqtt import (
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    Client,
    connect,
    packet,
    publish,
    subscribe,
    text,
    unsubscribe,
)
from tests.integration.broker.site import House, device, eventually, house_with

COMMAND = "ota/P/dev1/command"
CHUNKS = "ota/P/dev1/chunk"


def suback(*codes: int, packet_id: int = 1) -> bytes:
    """Return a SUBACK."""
    return packet(0x90, packet_id.to_bytes(2) + bytes(codes))


def message(topic: str, payload: bytes) -> bytes:
    """Return the PUBLISH of QoS 0 that a device gets."""
    return packet(0x30, text(topic) + payload)


async def subscribed(house: House, *filters: str, clean: bool = True) -> Client:
    """Return device dev1 with these subscriptions."""
    client = await house.device(clean=clean)
    client.send(subscribe(*filters))
    await client.expect(suback(*(0 for _ in filters)))
    return client


async def test_a_publish_goes_to_its_device_only(house: House) -> None:
    """One device gets it; another with a subscription of the same kind does not."""
    client = await subscribed(house, COMMAND)
    other = await house.device("dev2")
    other.send(subscribe("ota/P/dev2/command"))
    await other.expect(suback(0))

    assert house.broker.send(device(), COMMAND, b"go")

    await client.expect(message(COMMAND, b"go"))
    assert await other.silent()


async def test_every_filter_is_judged(house: House) -> None:
    """What a device may not hear is refused with 0x80, filter by filter."""
    client = await house.device()

    client.send(
        subscribe(COMMAND, "#", "ota/P/dev2/command", "ota/+/+/command", "a/#/b", "", "$ota/update/P/dev1")
    )

    await client.expect(suback(0, 0x80, 0x80, 0x80, 0x80, 0x80, 0))


async def test_nobody_there_nobody_told(house: House) -> None:
    """Not connected, not subscribed, gone: send says False."""
    assert not house.broker.send(device(), COMMAND, b"go")

    client = await house.device()
    assert not house.broker.send(device(), COMMAND, b"go")

    client.send(subscribe(COMMAND))
    await client.expect(suback(0))
    assert not house.broker.send(device(), "ota/P/dev1/chunk", b"go")
    assert house.broker.send(device(), COMMAND, b"go")

    await client.close()
    await eventually(lambda: house.is_empty)
    assert not house.broker.send(device(), COMMAND, b"go")


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


async def test_long_payloads_arrive_whole(house: House) -> None:
    """A chunk of firmware has a remaining length of several bytes."""
    client = await subscribed(house, COMMAND)
    chunk = bytes(range(256)) * 600

    assert house.broker.send(device(), COMMAND, chunk)

    await client.expect(message(COMMAND, chunk))


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
        client.send(subscribe(*(f"ota/P/dev1/{number}" for number in range(33))))

        assert await client.rest() == b""


async def test_a_long_filter_is_refused(house: House) -> None:
    """Bytes and levels of a filter are bounded like those of a topic."""
    client = await house.device()

    client.send(subscribe("ota/P/dev1/" + "x" * 600, "ota/P/dev1/" + "/" * 20))

    await client.expect(suback(0x80, 0x80))


async def test_a_device_that_does_not_read_is_told_no_more() -> None:
    """What waits for a slow device is bounded; the others and the broker do not feel it."""
    async with house_with(max_downlink_bytes=100_000) as house:
        await subscribed(house, COMMAND)
        other = await house.device("dev2")

        sent = 0
        while house.broker.send(device(), COMMAND, b"x" * 50_000):
            sent += 1
            assert sent < 1000

        other.send(PINGREQ)
        await other.expect(PINGRESP)


async def test_a_stream_of_chunks_arrives_whole_and_in_order(house: House) -> None:
    """What a device reads in time is never refused for long, and only what was refused is missing."""
    client = await subscribed(house, CHUNKS)
    chunks = [number.to_bytes(4) * 2048 for number in range(1000)]

    async def feed() -> None:
        for chunk in chunks:
            while not house.broker.send(device(), CHUNKS, chunk):
                await asyncio.sleep(0.001)

    feeding = asyncio.create_task(feed())
    await client.expect(b"".join(message(CHUNKS, chunk) for chunk in chunks))

    await feeding


async def test_what_is_refused_is_not_sent_later() -> None:
    """A device that pauses finds what was said to be sent and nothing else, and is then told again."""
    async with house_with(max_downlink_bytes=100_000) as house:
        client = await subscribed(house, CHUNKS)
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        taken = b""
        for number in range(10_000):
            chunk = number.to_bytes(4) * 2048
            if not house.broker.send(device(), CHUNKS, chunk):
                break
            taken += message(CHUNKS, chunk)
            await asyncio.sleep(0)
        waiting = max(each._line._transport.get_write_buffer_size() for each in house.broker._crowd())  # type: ignore[union-attr]
        assert 50_000 < waiting <= 100_000
        assert house.broker.is_listening(device(), CHUNKS)

        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        await client.expect(taken)
        assert house.broker.send(device(), CHUNKS, b"more")

        await client.expect(message(CHUNKS, b"more"))


async def test_larger_than_what_may_wait_is_never_sent() -> None:
    """A payload that the bound cannot hold is refused, however fast the device reads."""
    async with house_with(max_downlink_bytes=100_000) as house:
        client = await subscribed(house, CHUNKS)

        assert not house.broker.send(device(), CHUNKS, b"x" * 100_001)

        assert await client.silent()


async def test_who_listens_is_known(house: House) -> None:
    """A device listens while it is connected and subscribed, on what its filters match."""
    assert not house.broker.is_listening(device(), COMMAND)

    client = await subscribed(house, "ota/P/dev1/+")
    assert house.broker.is_listening(device(), COMMAND)
    assert not house.broker.is_listening(device(), "ota/P/dev1/a/b")
    assert not house.broker.is_listening(device("dev2"), COMMAND)

    client.send(unsubscribe("ota/P/dev1/+"))
    await client.expect(b"\xb0\x02\x00\x01")
    assert not house.broker.is_listening(device(), COMMAND)

    client.send(subscribe(COMMAND))
    await client.expect(suback(0))
    assert house.broker.is_listening(device(), COMMAND)
    await client.close()
    await eventually(lambda: house.receiver.present == 0)
    assert not house.broker.is_listening(device(), COMMAND)


async def test_the_receiver_is_told_who_listens_now(house: House) -> None:
    """Of every filter that was granted, also when the device has it already; not of those refused."""
    client = await house.device()

    client.send(subscribe(COMMAND, "ota/P/dev2/command", CHUNKS), subscribe(COMMAND, packet_id=2))

    await client.expect(suback(0, 0x80, 0) + suback(0, packet_id=2))
    await eventually(
        lambda: house.receiver.listening == [("dev1", COMMAND), ("dev1", CHUNKS), ("dev1", COMMAND)]
    )


async def test_what_waits_for_a_listener_follows_the_suback(house: House) -> None:
    """A receiver may send at once: the device has its SUBACK first."""
    house.receiver.on_subscribed = lambda who, topic: assert_sent(house, who, topic)
    client = await house.device()

    client.send(subscribe(COMMAND))

    await client.expect(suback(0) + message(COMMAND, b"go"))


async def test_what_waits_for_a_kept_listener_follows_the_connack(house: House) -> None:
    """A device that comes again to its kept session is told without a new SUBSCRIBE, after its CONNACK."""
    await (await subscribed(house, CHUNKS, COMMAND, clean=False)).close()
    await eventually(lambda: house.is_empty)
    house.receiver.lives.clear()
    house.receiver.listening.clear()
    lives: list[list[tuple[str, str]]] = []

    def tell(who: DeviceId, topic: str) -> None:
        lives.append(list(house.receiver.lives))
        assert_sent(house, who, topic)

    house.receiver.on_subscribed = tell
    client = await house.client()
    client.send(connect(clean=False))

    await client.expect(b"\x20\x02\x01\x00" + message(CHUNKS, b"go") + message(COMMAND, b"go"))
    assert house.receiver.listening == [("dev1", CHUNKS), ("dev1", COMMAND)]
    assert lives == [[("connected", "dev1")]] * 2


def assert_sent(house: House, who: DeviceId, topic: str) -> None:
    """Tell the device something at once."""
    assert house.broker.is_listening(who, topic)
    assert house.broker.send(who, topic, b"go")


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
