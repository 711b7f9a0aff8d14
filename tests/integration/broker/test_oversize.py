"""A PUBLISH that is too long: sent again for ever it would help nobody, so it is acknowledged and shown to people."""

import asyncio

import pytest

from gateway.devices.broker.surplus import KEPT_BYTES
from gateway.ports.devices import Objection
from tests.integration.broker.mqtt import DISCONNECT, PINGREQ, PINGRESP, puback, publish
from tests.integration.broker.site import House, device, eventually, house_with

REPORT = "ota/P/dev1/report"
TOO_LONG = bytes(range(256)) * 300


def held(house: House) -> int:
    """Return how many bytes of packets the broker keeps."""
    return sum(len(each._framer._data) + len(each._framer._partial) for each in house.broker._crowd())


async def test_it_is_set_aside_and_acknowledged_after_the_commit(house: House) -> None:
    """People see its beginning and its size; the device hears of it when that cannot be lost."""
    house.receiver.holds = True
    client = await house.device()

    client.send(publish(REPORT, TOO_LONG, 7))
    await eventually(lambda: bool(house.receiver.aside))
    assert await client.silent()
    (aside,) = house.receiver.aside
    aside.settle(True)

    await client.expect(puback(7))
    assert aside[:4] == (device(), REPORT, TOO_LONG[:KEPT_BYTES], Objection.OVERSIZED)
    assert aside.detail == "76821 bytes; at most 65536 are taken"
    assert house.receiver.payloads == []
    assert house.counted("protocol_errors_total", "packet_size") == 1


async def test_a_failed_commit_closes_without_puback(house: House) -> None:
    """What quarantine could not keep is sent again."""
    house.receiver.holds = True
    client = await house.device()
    client.send(publish(REPORT, TOO_LONG, 7))
    await eventually(lambda: bool(house.receiver.aside))

    house.receiver.aside[0].settle(False)

    assert await client.rest() == b""


async def test_what_comes_before_and_after_is_read(house: House) -> None:
    """In one stream: reports keep their order and their answers, QoS 0 has none."""
    client = await house.device()

    client.send(
        publish(REPORT, b"before", 1),
        publish(REPORT, TOO_LONG, 2),
        publish(REPORT, b"between", 3),
        publish(REPORT, TOO_LONG),
        publish(REPORT, b"after", 4),
        PINGREQ,
    )

    await client.expect(puback(1, 2, 3, 4) + PINGRESP)
    assert house.receiver.payloads == [b"before", b"between", b"after"]
    assert [each.payload for each in house.receiver.aside] == [TOO_LONG[:KEPT_BYTES]] * 2


async def test_on_a_forbidden_topic_it_is_a_forbidden_publish(house: House) -> None:
    """Whose topic it is weighs more than how long it is."""
    client = await house.device()

    client.send(publish("ota/P/dev2/report", TOO_LONG, 1))

    await client.expect(puback(1))
    assert [each.reason for each in house.receiver.aside] == [Objection.FORBIDDEN_TOPIC]


async def test_the_largest_that_mqtt_has_costs_no_memory(house: House) -> None:
    """256 MiB pass through, a read at a time, while another device is served."""
    client, other = await house.device(), await house.device("dev2")
    size = 268_435_455
    head = b"\x32\xff\xff\xff\x7f" + publish(REPORT, b"", 1)[2:]
    most = 0

    async def stream() -> None:
        client.send(head)
        left = size - (len(head) - 5)
        while left:
            step = min(left, 1_000_000)
            client.send(bytes(step))
            left -= step
            await client.writer.drain()

    streaming = asyncio.create_task(stream())
    while not streaming.done():
        other.send(PINGREQ)
        await other.expect(PINGRESP)
        most = max(most, held(house))
    await streaming

    await client.expect(puback(1))
    assert most < 100_000
    assert house.receiver.aside[0].detail == f"{size} bytes; at most 65536 are taken"


async def test_it_is_paced_like_as_much_in_smaller_packets() -> None:
    """Forty times the largest packet takes as long as forty publishes of that size, each of which costs three."""
    async with house_with(publishes_per_second=200, publish_burst=10, max_packet_bytes=8192) as house:
        client = await house.device()
        start = asyncio.get_running_loop().time()

        client.send(publish(REPORT, b"x" * 8192 * 40, 1), publish(REPORT, b"after", 2))

        await client.expect(puback(1, 2))
        assert asyncio.get_running_loop().time() - start > 0.5


async def test_a_trickle_is_not_waited_for(house: House) -> None:
    """Whoever sends less than a packet's worth in one and a half times the keep-alive is closed, as ever."""
    client = await house.device(keep_alive=1)
    client.send(publish(REPORT, TOO_LONG, 1)[:5000])

    async def trickle() -> None:
        while True:
            client.send(b"x")
            await asyncio.sleep(0.05)

    trickling = asyncio.create_task(trickle())
    assert await client.rest() == b""
    trickling.cancel()
    await asyncio.wait({trickling})

    assert house.counted("protocol_errors_total", "keep_alive") == 1
    assert house.receiver.aside == []


async def test_a_slow_stream_that_moves_is_waited_for() -> None:
    """A slow line may take longer than the keep-alive for all of it, if it brings a packet's worth in time."""
    async with house_with(max_packet_bytes=KEPT_BYTES) as house:
        client = await house.device(keep_alive=1)
        late = publish(REPORT, b"x" * KEPT_BYTES * 6, 1)

        for at in range(0, len(late), KEPT_BYTES):
            client.send(late[at : at + KEPT_BYTES])
            await asyncio.sleep(0.4)

        await client.expect(puback(1))


@pytest.mark.parametrize("upto", [3, 30, 5000, len(TOO_LONG)])
async def test_leaving_in_the_middle_leaves_nothing(house: House, upto: int) -> None:
    """What did not come whole is not taken, and costs nothing afterwards."""
    client = await house.device()
    client.send(publish(REPORT, TOO_LONG, 1)[:upto])
    await client.close()

    await eventually(lambda: house.is_empty)
    assert house.receiver.aside == []


async def test_leaving_right_after_it_is_heard(house: House) -> None:
    """DISCONNECT in the same segment takes nothing back."""
    client = await house.device()

    client.send(publish(REPORT, TOO_LONG, 1), DISCONNECT)

    assert await client.rest() == puback(1)
    assert len(house.receiver.aside) == 1


async def test_without_room_no_more_of_them_is_read(house: House) -> None:
    """They wait in quarantine's queue as reports do in theirs."""
    client = await house.device()
    house.receiver.has_room = False
    client.send(publish(REPORT, TOO_LONG, 1), publish(REPORT, TOO_LONG, 2))
    await client.expect(puback(1))

    assert await client.silent()
    assert len(house.receiver.aside) == 1
    house.receiver.has_room = True

    await client.expect(puback(2))
