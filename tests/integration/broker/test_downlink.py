"""The way down to one device alone, and the news of who listens."""

import asyncio

from gateway.model.identity import DeviceId
from tests.integration.broker.mqtt import (
    PINGREQ,
    PINGRESP,
    connect,
    message,
    suback,
    subscribe,
    unsubscribe,
)
from tests.integration.broker.site import House, device, eventually, house_with, subscribed

COMMAND = "ota/P/dev1/command"
CHUNKS = "ota/P/dev1/chunk"


async def test_a_publish_goes_to_its_device_only(house: House) -> None:
    """One device gets it; another with a subscription of the same kind does not."""
    client = await subscribed(house, COMMAND)
    other = await house.device("dev2")
    other.send(subscribe("ota/P/dev2/command"))
    await other.expect(suback(0))

    assert house.broker.send(device(), COMMAND, b"go")

    await client.expect(message(COMMAND, b"go"))
    assert await other.silent()


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


async def test_long_payloads_arrive_whole(house: House) -> None:
    """A chunk of firmware has a remaining length of several bytes."""
    client = await subscribed(house, COMMAND)
    chunk = bytes(range(256)) * 600

    assert house.broker.send(device(), COMMAND, chunk)

    await client.expect(message(COMMAND, chunk))


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
