"""Sections 3.1 and 3.2: CONNECT and CONNACK."""

import asyncio
import string

import pytest

from tests.conformance.steps import COMMAND, REPORT, closed, greets, talks
from tests.integration.broker.mqtt import (
    ACCEPTED,
    PATIENCE_S,
    PINGREQ,
    PINGRESP,
    connect,
    message,
    packet,
    puback,
    publish,
    subscribe,
    text,
    unsubscribe,
)
from tests.integration.broker.site import House, device, eventually, house_with, subscribed

OLD_OR_NEW = b"\x20\x02\x00\x01"
BAD_CLIENT_ID = b"\x20\x02\x00\x02"
NOT_AUTHORIZED = b"\x20\x02\x00\x05"


def hello(
    flags: int = 0xC2, *fields: str, name: bytes = b"MQTT", level: int = 4, keep_alive: int = 60
) -> bytes:
    """Return a CONNECT with these flags and payload fields; without fields, dev1's."""
    said = fields or ("c", "P/dev1", "secret-dev1")
    head = text(name) + bytes((level, flags)) + keep_alive.to_bytes(2)
    return packet(0x10, head + b"".join(text(each) for each in said))


async def test_connect_comes_first(house: House) -> None:
    """Every other packet at the beginning closes."""
    for kind in (0, *range(2, 16)):
        await greets(house, packet(kind << 4 | (2 if kind in (6, 8, 10) else 0), b"\0\1a"))
    assert house.counted("protocol_errors_total", "unexpected_packet") == 15


async def test_connect_comes_once(house: House) -> None:
    """A second one closes, whoever it names."""
    await closed(house, connect(), "unexpected_packet")
    await closed(house, connect("dev2"), "unexpected_packet")


@pytest.mark.parametrize("name", [b"", b"mqtt", b"MQTX", b"MQTT\0", b"HTTP", b"M" * 300])
async def test_another_protocol_name_closes(house: House, name: bytes) -> None:
    """Without an answer: who speaks something else would not understand it."""
    await greets(house, hello(name=name))


@pytest.mark.parametrize("level", [0, 1, 2, 3, 5, 6, 0x83, 0x84, 255])
async def test_another_protocol_level_is_told(house: House, level: int) -> None:
    """CONNACK 1 in the form of 3.1.1, then the end."""
    await greets(house, hello(level=level), OLD_OR_NEW)
    assert house.counted("connections_refused_total", "protocol_version") == 1


async def test_mqtt_5_and_3_1_are_told(house: House) -> None:
    """A CONNECT of MQTT 5, which has properties, and one of MQTT 3.1, which has another name, get CONNACK 1."""
    five = text("MQTT") + b"\x05\x02\x00\x3c\x05\x11\x00\x00\x00\x0a" + text("c")

    await greets(house, packet(0x10, five), OLD_OR_NEW)
    await greets(house, hello(0x02, "c", name=b"MQIsdp", level=3), OLD_OR_NEW)


async def test_the_reserved_connect_flag_closes(house: House) -> None:
    """Bit 0 of the connect flags is 0."""
    await greets(house, hello(0xC3))


@pytest.mark.parametrize("flags", [0x0A, 0x12, 0x1A, 0x22, 0x3A])
async def test_will_bits_without_a_will_close(house: House, flags: int) -> None:
    """QoS or retain of a will that is not there."""
    await greets(house, hello(flags, "c"))


async def test_a_will_of_qos_3_closes(house: House) -> None:
    """There is no such QoS."""
    await greets(house, hello(0x1E, "c", "t", "m"))


async def test_fields_are_there_when_their_flags_say_so(house: House) -> None:
    """A flag without its field closes, and so does a field without its flag."""
    for flags, fields in (
        (0x06, ("c",)),
        (0x06, ("c", "topic")),
        (0x82, ("c",)),
        (0xC2, ("c", "P/dev1")),
        (0x02, ("c", "topic", "message")),
        (0x02, ("c", "P/dev1")),
        (0x82, ("c", "P/dev1", "secret-dev1")),
    ):
        await greets(house, hello(flags, *fields))
    await greets(house, packet(0x10, text("MQTT") + b"\4\2\0\x3c"))


async def test_a_password_needs_a_user_name(house: House) -> None:
    """The password flag alone closes."""
    await greets(house, hello(0x42, "c", "secret-dev1"))


async def test_fields_come_in_their_order(house: House) -> None:
    """Client id, will topic, will message, user name, password."""
    client = await house.client()
    client.send(hello(0xC6, "who", "will/topic", "will message", "P/dev1", "secret-dev1"))
    await client.expect(ACCEPTED)

    (login,) = house.access.logins
    assert (login.client_id, login.username, login.password) == ("who", "P/dev1", "secret-dev1")


@pytest.mark.parametrize(
    "client_id", ["a", string.digits + string.ascii_lowercase[:13], string.ascii_uppercase[:23]]
)
async def test_plain_client_ids_are_allowed(house: House, client_id: str) -> None:
    """1 to 23 letters and digits, and more."""
    client = await house.client()
    client.send(connect(client_id=client_id))
    await client.expect(ACCEPTED)


async def test_no_client_id_is_allowed_with_a_clean_session(house: House) -> None:
    """Several devices may leave it out at once, and are told apart."""
    clients = [await house.client() for _ in range(3)]
    for number, client in enumerate(clients):
        client.send(connect(f"dev{number}", client_id=""))
        await client.expect(ACCEPTED)

    for client in clients:
        client.send(PINGREQ)
        await client.expect(PINGRESP)
    await eventually(lambda: house.receiver.present == 3)


async def test_no_client_id_is_refused_without_a_clean_session(house: House) -> None:
    """CONNACK 2 and the end."""
    await greets(house, connect(client_id="", clean=False), BAD_CLIENT_ID)
    assert house.counted("connections_refused_total", "client_id") == 1


async def test_a_refused_client_id_is_told(house: House) -> None:
    """One that is too long for this broker gets CONNACK 2."""
    await greets(house, connect(client_id="x" * 257), BAD_CLIENT_ID)


async def test_a_malformed_connect_has_no_answer(house: House) -> None:
    """Nothing is known of who sent it: cut at every byte and made one longer, it is closed without CONNACK."""
    body = connect()[2:]
    for length in range(len(body)):
        said = packet(0x10, body[:length])
        client = await house.client()
        client.send(said)
        assert await client.rest() == b"", said
        await client.close()
    await greets(house, packet(0x10, body + b"\0"))


async def test_an_accepted_connect_is_acknowledged(house: House) -> None:
    """CONNACK 0, and the session begins."""
    client = await house.client()
    client.send(connect())

    await client.expect(b"\x20\x02\x00\x00")
    client.send(PINGREQ)
    await client.expect(PINGRESP)


async def test_nothing_after_a_refused_connect_is_read(house: House) -> None:
    """CONNACK 5 with session present 0, the end, and what was sent along concerns nobody."""
    await (await subscribed(house, COMMAND, clean=False)).close()
    await eventually(lambda: house.is_empty)
    client = await house.client()
    client.send(
        connect(password="wrong", clean=False), publish(REPORT, b"1", 1), unsubscribe(COMMAND), PINGREQ
    )

    assert await client.rest() == NOT_AUTHORIZED
    assert house.receiver.payloads == []
    assert house.counted("auth_failures_total", "refused") == 1


async def test_connack_is_the_first_answer(house: House) -> None:
    """However much is sent along with the CONNECT, and however slowly it is judged."""
    house.access.gate.clear()
    client = await house.client()
    client.send(connect(), PINGREQ, publish(REPORT, b"1", 1), subscribe(COMMAND))
    await eventually(lambda: bool(house.access.logins))
    assert not house.broker.send(device(), COMMAND, b"too early")
    assert await client.silent()
    house.access.gate.set()

    await client.expect(ACCEPTED)
    rest = await client.read(len(PINGRESP + puback(1)) + 5)
    assert sorted(rest) == sorted(PINGRESP + puback(1) + b"\x90\x03\x00\x01\x00")


async def test_who_has_no_code_is_closed_without_one() -> None:
    """A broker that is full says nothing that MQTT has a code for."""
    async with house_with(max_connections=1) as house:
        await house.device()
        client = await house.client()
        client.send(connect("dev2"))

        assert await client.rest() == b""
        assert house.counted("connections_refused_total", "max_connections") == 1


async def test_keep_alive_is_one_and_a_half_times(house: House) -> None:
    """Not before, and soon after; other packets than PINGREQ count as well, and nobody else is ended."""
    loop = asyncio.get_running_loop()
    silent, publisher = await house.device(keep_alive=1), await house.device("dev2", keep_alive=1)
    start = loop.time()

    async def publishing() -> None:
        for number in range(1, 9):
            publisher.send(publish("ota/P/dev2/report", b"1", number))
            await publisher.expect(puback(number))
            await asyncio.sleep(0.25)

    speaking = asyncio.create_task(publishing())
    assert await silent.rest() == b""
    took = loop.time() - start
    await speaking

    assert 1.45 < took < PATIENCE_S
    assert house.receiver.lives[-1] == ("disconnected", "dev1")
    assert house.counted("protocol_errors_total", "keep_alive") == 1


async def test_pings_keep_alive(house: House) -> None:
    """A device that has nothing to say pings in time, and stays."""
    client = await house.device(keep_alive=1)
    for _ in range(4):
        await asyncio.sleep(0.6)
        client.send(PINGREQ)
        await client.expect(PINGRESP)
    assert house.counted("protocol_errors_total", "keep_alive") == 0


@pytest.mark.parametrize("asked", [0, 65_535])
async def test_any_keep_alive_is_accepted(house: House, asked: int) -> None:
    """None, and the longest; the broker's own bound takes their place and is not said."""
    client = await house.device(keep_alive=asked)

    assert await client.silent(0.2)
    client.send(PINGREQ)
    await client.expect(PINGRESP)


async def test_the_newer_connection_of_a_device_stays(house: House) -> None:
    """The older one is closed before the newer one is answered."""
    old = await subscribed(house, COMMAND)
    new = await house.device()

    assert await old.rest() == b""
    assert not house.broker.send(device(), COMMAND, b"go")
    new.send(subscribe(COMMAND))
    await new.expect(b"\x90\x03\x00\x01\x00")
    assert house.broker.send(device(), COMMAND, b"go")
    await new.expect(message(COMMAND, b"go"))


async def test_client_ids_name_nobody(house: House) -> None:
    """Who logged in is who the state belongs to: a shared client id disturbs nobody, another one finds the session."""
    first = await house.client()
    first.send(connect("dev1", client_id="same", clean=False))
    await first.expect(ACCEPTED)
    second = await house.client()
    second.send(connect("dev2", client_id="same"))
    await second.expect(ACCEPTED)
    first.send(subscribe(COMMAND))
    await first.expect(b"\x90\x03\x00\x01\x00")

    again = await house.client()
    again.send(connect("dev1", client_id="other", clean=False))

    await again.expect(b"\x20\x02\x01\x00")
    second.send(PINGREQ)
    await second.expect(PINGRESP)


async def test_a_stranger_is_not_talked_to(house: House) -> None:
    """The broker says nothing before a CONNECT came, and after one only what was asked."""
    client = await house.client()
    assert await client.silent(0.2)

    await talks(house, b"", b"")
