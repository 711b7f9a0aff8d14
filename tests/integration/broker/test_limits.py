"""Bounds: what a device may not do, and that it costs nobody else anything."""

import asyncio
import contextlib
import socket
from collections import Counter
from typing import Any

import pytest

from gateway.devices.broker.brakes import Brake
from gateway.ports.devices import Objection
from tests.integration.broker.mqtt import (
    ACCEPTED,
    PINGREQ,
    PINGRESP,
    connect,
    packet,
    puback,
    publish,
    subscribe,
    text,
    unsubscribe,
)
from tests.integration.broker.site import House, eventually, house_with

REPORT = "ota/P/dev1/report"


async def test_a_packet_that_is_too_large_is_refused_by_its_header(house: House) -> None:
    """The length alone ends the connection; nothing is gathered."""
    client = await house.device()

    client.send(b"\x82\xff\xff\xff\x7f")

    assert await client.rest() == b""
    assert house.counted("protocol_errors_total", "packet_size") == 1


async def test_a_packet_of_the_largest_size_is_taken(house: House) -> None:
    """65,536 bytes pass, one more is set aside."""
    client = await house.device()
    room = 65_536 - 2 - len(REPORT) - 2

    client.send(publish(REPORT, b"x" * room, 1))
    await client.expect(puback(1))
    client.send(publish(REPORT, b"x" * (room + 1), 2))

    await client.expect(puback(2))
    assert [len(each) for each in house.receiver.payloads] == [room]
    assert [(each.topic, each.reason) for each in house.receiver.aside] == [(REPORT, Objection.OVERSIZED)]


async def test_a_stranger_may_send_less(house: House) -> None:
    """A CONNECT of 64 KB is refused before a login."""
    client = await house.client()

    client.send(connect(will=(REPORT, b"x" * 60_000))[:100])

    assert await client.rest() == b""
    assert house.counted("protocol_errors_total", "packet_size") == 1


async def test_connections_are_bounded() -> None:
    """One too many is refused at once, and accepted when another has gone."""
    async with house_with(max_connections=2) as house:
        first = await house.device("dev1")
        await house.device("dev2")

        third = await house.client()
        assert await third.rest() == b""
        assert house.counted("connections_refused_total", "max_connections") == 1

        await first.close()
        await eventually(lambda: house.receiver.present == 1 and len(house.broker._crowd()) == 1)
        await house.device("dev3")


async def test_connects_are_paced() -> None:
    """Those who come too fast are refused, and come again later."""
    async with house_with(connects_per_second=5) as house:
        clients = [await house.client() for _ in range(8)]
        for client in clients:
            client.send(connect("dev1"))
        await eventually(lambda: house.counted("connections_refused_total", "connect_rate") >= 2)

        await asyncio.sleep(0.3)
        await house.device("dev2")


async def test_who_is_refused_and_comes_back_at_once_costs_little() -> None:
    """After a refusal nobody is accepted for five milliseconds: who comes waits, and not the loop."""
    loop, comings = asyncio.get_running_loop(), 0
    async with house_with(connects_per_second=1) as house:
        start = loop.time()
        while loop.time() < start + 0.5:
            client = await house.client()
            client.send(bytes(2))  # ends those that are let in
            await client.rest()
            client.writer.close()
            comings += 1
        took = loop.time() - start

        refused = house.counted("connections_refused_total", "connect_rate")
        assert 1 < refused <= comings < took / 0.005 + 10


async def test_those_who_are_in_come_between_those_who_enter(house: House) -> None:
    """Of a crowd at the door four enter in a turn of the loop."""
    [door], turns, entered = house.broker._doors, 0, Counter[int]()

    def turning() -> None:
        nonlocal turns
        turns += 1
        loop.call_soon(turning)

    loop = asyncio.get_running_loop()
    admit = door._admit

    def counting(*given: Any) -> bool:
        entered[turns] += 1
        return admit(*given)

    door._admit = counting
    loop.call_soon(turning)
    with contextlib.ExitStack() as crowd:
        for _ in range(30):
            crowd.enter_context(house.raw())
        await eventually(lambda: entered.total() == 30)

    assert max(entered.values()) == 4


async def test_publishes_are_paced_not_dropped() -> None:
    """A device that is too fast is read more slowly: everything arrives, at the rate."""
    async with house_with(publishes_per_second=100, publish_burst=10) as house:
        client = await house.device()
        start = asyncio.get_running_loop().time()

        client.send(*(publish(REPORT, b"%d" % each, each) for each in range(1, 61)))

        await client.expect(puback(*range(1, 61)))
        assert asyncio.get_running_loop().time() - start > 0.4
        assert house.receiver.payloads == [b"%d" % each for each in range(1, 61)]


async def test_large_publishes_are_paced_as_what_they_weigh() -> None:
    """56 KB cost as much as fifteen reports."""
    async with house_with(publishes_per_second=100, publish_burst=10) as house:
        client = await house.device()
        start = asyncio.get_running_loop().time()

        client.send(*(publish(REPORT, b"x" * 57_344, each) for each in range(1, 6)))

        await client.expect(puback(*range(1, 6)))
        assert asyncio.get_running_loop().time() - start > 0.4


OTHERS = {
    "PUBACK": puback(1) * 60,
    "PINGREQ": PINGREQ * 60,
    "SUBSCRIBE": subscribe("ota/P/dev1/command") * 60,
    "filters": subscribe(*["ota/P/dev1/command"] * 30) * 2,
    "filters to end": unsubscribe(*["ota/P/dev1/command"] * 30) * 2,
    "a long filter": subscribe("ota/P/dev1/" + "x" * 57_344) * 4,
}


@pytest.mark.parametrize("said", OTHERS.values(), ids=OTHERS.keys())
async def test_other_packets_are_paced_as_publishes_are(said: bytes) -> None:
    """Whatever a device sends too fast is read more slowly: packets that ask for nothing cost time as well."""
    async with house_with(publishes_per_second=100, publish_burst=10) as house:
        client = await house.device()
        start = asyncio.get_running_loop().time()

        client.send(said, publish(REPORT, b"x", 1), publish(REPORT, b"y", 2))

        await eventually(lambda: house.receiver.payloads == [b"x", b"y"])
        assert asyncio.get_running_loop().time() - start > 0.4


async def test_the_smallest_packets_take_turns_too(house: House) -> None:
    """A read's worth of them is thousands: after some of them the others have their turn."""
    await house.device()
    (connection,) = house.broker._crowd()

    connection.hear(puback(1) * 8000)

    assert Brake.TURN in connection._brakes.held
    await eventually(lambda: not connection._brakes.held)
    assert connection._framer.next() is None


async def test_the_kernel_holds_little_of_a_device_that_is_read_later(house: House) -> None:
    """It would take megabytes of each, which no limit of the broker's own would see."""
    loop = asyncio.get_running_loop()
    with house.raw() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        sock.setblocking(False)
        await loop.sock_sendall(sock, connect())
        await eventually(lambda: ("connected", "dev1") in house.receiver.lives)
        house.receiver.has_room = False
        taken, flood = 0, publish(REPORT, b"x" * 60_000) * 2
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                while True:
                    await loop.sock_sendall(sock, flood[:4096])
                    taken, flood = taken + 4096, flood[4096:] + flood[:4096]

        assert taken < 400_000


async def test_unacknowledged_publishes_are_bounded() -> None:
    """Beyond the bound a connection is not read; it goes on when commits come."""
    async with house_with(max_unacknowledged=10) as house:
        house.receiver.holds = True
        client = await house.device()
        client.send(*(publish(REPORT, b"x", each) for each in range(1, 26)))

        await eventually(lambda: len(house.receiver.received_) == 10)
        assert await client.silent()
        for taken in (10, 20, 25):
            await eventually(lambda taken=taken: len(house.receiver.received_) == taken)  # type: ignore[misc]
            for each in house.receiver.received_:
                each.settle(True)

        await client.expect(puback(*range(1, 26)))


async def test_without_room_nothing_is_read(house: House) -> None:
    """A receiver without room gets one publish of each connection at the most, and the rest when it has room."""
    client, other = await house.device(), await house.device("dev2")
    house.receiver.has_room = False
    client.send(*(publish(REPORT, b"x", each) for each in range(1, 501)))
    other.send(*(publish("ota/P/dev2/report", b"y", each) for each in range(1, 501)))
    await eventually(lambda: len(house.receiver.received_) == 2)
    assert await client.silent() is False  # its first publish was acknowledged

    assert len(house.receiver.received_) == 2
    house.receiver.has_room = True

    await eventually(lambda: len(house.receiver.received_) == 1000)


async def test_a_flood_without_room_is_left_in_the_kernel(house: House) -> None:
    """However much a device sends, the broker holds a read's worth of it."""
    client = await house.device()
    house.receiver.has_room = False
    flood = publish(REPORT, b"x" * 60_000) * 200
    client.send(flood)
    await eventually(lambda: len(house.receiver.received_) == 1)
    await asyncio.sleep(0.1)

    (connection,) = house.broker._crowd()
    held = len(connection._framer._data) + len(connection._framer._partial)

    assert len(house.receiver.received_) == 1
    assert held < 200_000
    house.receiver.has_room = True
    await eventually(lambda: len(house.receiver.received_) == 200)


async def test_a_flood_does_not_starve_the_others(house: House) -> None:
    """While one device floods, another one's ping is answered soon."""
    flooder, quiet = await house.device(), await house.device("dev2")
    loop = asyncio.get_running_loop()

    async def flood() -> None:
        while True:
            flooder.send(publish(REPORT, b"x" * 50) * 5000)
            await flooder.writer.drain()

    flooding = asyncio.create_task(flood())
    slowest = 0.0
    for _ in range(20):
        start = loop.time()
        quiet.send(PINGREQ)
        await quiet.expect(PINGRESP)
        slowest = max(slowest, loop.time() - start)
    flooding.cancel()
    await asyncio.wait({flooding})

    assert len(house.receiver.received_) > 5000
    assert slowest < 1


async def test_a_flood_of_pings_does_not_starve_the_others(house: House) -> None:
    """Control packets of one connection take turns with everybody else."""
    flooder, quiet = await house.device(), await house.device("dev2")
    flooder.send(PINGREQ * 20_000)

    quiet.send(PINGREQ)
    await quiet.expect(PINGRESP)

    assert len(await flooder.reader.read(100_000)) < 20_000
    flooder.writer.transport.abort()


async def test_a_device_that_pings_and_never_reads_is_not_read(house: House) -> None:
    """Answers that nobody reads are bounded: the broker stops reading the questions."""
    loop = asyncio.get_running_loop()
    sock = house.raw()
    sock.setblocking(False)
    await loop.sock_sendall(sock, connect())
    sending = asyncio.create_task(loop.sock_sendall(sock, PINGREQ * 1_000_000))
    quiet = await house.device("dev2")
    for _ in range(50):
        quiet.send(PINGREQ)
        await quiet.expect(PINGRESP)

    waiting = max(each._line._transport.get_write_buffer_size() for each in house.broker._crowd())  # type: ignore[union-attr]
    assert waiting < 1_000_000
    sending.cancel()
    await asyncio.wait({sending})
    sock.close()


SPOILT = {
    "wildcard topic": (publish("ota/#", b"1", 1), "topic"),
    "plus in topic": (publish("ota/+/x", b"1", 1), "topic"),
    "empty topic": (publish("", b"1", 1), "topic"),
    "NUL in topic": (publish("a\0b", b"1", 1), "topic"),
    "topic not UTF-8": (publish(b"\xff\xfe", b"1", 1), "malformed"),
    "topic longer than the packet": (packet(0x32, b"\x00\xffota"), "malformed"),
    "no topic at all": (packet(0x30, b"\x00"), "malformed"),
    "no packet id": (packet(0x32, text(REPORT)), "malformed"),
    "packet id 0": (packet(0x32, text(REPORT) + b"\0\0x"), "malformed"),
    "QoS 3": (packet(0x36, text(REPORT) + b"\0\1x"), "malformed"),
    "DUP at QoS 0": (packet(0x38, text(REPORT) + b"x"), "malformed"),
    "length of five bytes": (b"\x30\xff\xff\xff\xff\x7f", "malformed"),
    "second CONNECT": (connect(), "unexpected_packet"),
    "CONNACK": (ACCEPTED, "unexpected_packet"),
    "SUBACK": (packet(0x90, b"\0\1\0"), "unexpected_packet"),
    "reserved type 0": (b"\x00\x00", "unexpected_packet"),
    "reserved type 15": (b"\xf0\x00", "unexpected_packet"),
    "PUBREL": (packet(0x62, b"\0\1"), "qos2"),
    "PINGREQ with flags": (b"\xc1\x00", "malformed"),
    "PINGREQ with a body": (b"\xc0\x01\x00", "malformed"),
    "SUBSCRIBE with wrong flags": (packet(0x80, b"\0\1" + text("a") + b"\0"), "malformed"),
    "SUBSCRIBE without filter": (packet(0x82, b"\0\1"), "malformed"),
    "SUBSCRIBE with packet id 0": (subscribe("a", packet_id=0), "malformed"),
    "SUBSCRIBE for QoS 3": (subscribe("a", qos=3), "malformed"),
    "SUBSCRIBE cut short": (packet(0x82, b"\0\1" + text("a")), "malformed"),
    "SUBSCRIBE not UTF-8": (packet(0x82, b"\0\1" + text(b"\xff") + b"\0"), "malformed"),
    "UNSUBSCRIBE without filter": (packet(0xA2, b"\0\1"), "malformed"),
    "UNSUBSCRIBE of too many": (unsubscribe(*"a" * 33), "packet_size"),
}


@pytest.mark.parametrize(("spoilt", "reason"), SPOILT.values(), ids=SPOILT.keys())
async def test_a_broken_packet_ends_the_connection(house: House, spoilt: bytes, reason: str) -> None:
    """[MQTT-4.8.0-1] it is counted, nothing after it is read as a packet, and nothing is left."""
    client = await house.device()

    client.send(spoilt, publish(REPORT, b"smuggled", 9))

    assert await client.rest() == b""
    assert house.receiver.payloads == []
    assert house.counted("protocol_errors_total", reason) == 1
    await eventually(lambda: house.is_empty)


HELLOS = {
    "PINGREQ": PINGREQ,
    "PUBLISH": publish(REPORT, b"1", 1),
    "an HTTP request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a TLS ClientHello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500,
    "wrong protocol name": packet(0x10, text("MQTX") + b"\4\2\0\x3c" + text("c")),
    "reserved flag": packet(0x10, text("MQTT") + b"\4\3\0\x3c" + text("c")),
    "will QoS 3": packet(0x10, text("MQTT") + b"\4\x1e\0\x3c" + text("c") + text("t") + text("m")),
    "will QoS without will": packet(0x10, text("MQTT") + b"\4\x0a\0\x3c" + text("c")),
    "password without username": packet(0x10, text("MQTT") + b"\4\x42\0\x3c" + text("c") + text("p")),
    "fields missing": packet(0x10, text("MQTT") + b"\4\xc2\0\x3c" + text("c") + text("u")),
    "bytes left over": packet(0x10, text("MQTT") + b"\4\2\0\x3c" + text("c") + b"x"),
    "client id not UTF-8": packet(0x10, text("MQTT") + b"\4\2\0\x3c" + text(b"\xff")),
    "client id with NUL": packet(0x10, text("MQTT") + b"\4\2\0\x3c" + text("a\0b")),
    "empty body": packet(0x10, b""),
}


@pytest.mark.parametrize("hello", HELLOS.values(), ids=HELLOS.keys())
async def test_a_broken_greeting_ends_the_connection(house: House, hello: bytes) -> None:
    """What does not begin with a proper CONNECT is closed at once, without an answer."""
    client = await house.client()

    client.send(hello)

    assert await client.rest() == b""
    assert house.access.logins == []
    await eventually(lambda: house.is_empty)
