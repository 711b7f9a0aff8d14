"""Who may come: judged before anything of any session is touched, and one connection per device."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from gateway.devices.broker.errors import Ending
from tests.integration.broker.mqtt import (
    ACCEPTED,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    connect,
    packet,
    puback,
    publish,
    subscribe,
    text,
)
from tests.integration.broker.site import House, device, eventually, house_with

COMMAND = "ota/P/dev1/command"
REPORT = "ota/P/dev1/report"
REFUSED = b"\x20\x02\x00\x05"


async def test_a_login_says_what_the_connect_said(house: House) -> None:
    """Access sees client id, username, password and address, and no certificate without TLS."""
    await house.device()

    (login,) = house.access.logins
    assert (login.client_id, login.username, login.password) == ("any", "P/dev1", "secret-dev1")
    assert (login.address, login.certificate_name) == ("127.0.0.1", None)


@pytest.mark.parametrize("client_id", ["", "a", "P/dev2", "dev2", "x" * 256, "✓"])
async def test_any_client_id_will_do(house: House, client_id: str) -> None:
    """The device is who it proves to be, whatever it calls itself."""
    await house.device("dev2")
    client = await house.client()

    client.send(connect(client_id=client_id), publish(REPORT, b"1", 1))

    await client.expect(ACCEPTED + puback(1))
    assert house.receiver.received_[0].device == device("dev1")
    assert house.receiver.lives == [("connected", "dev2"), ("connected", "dev1")]


async def test_a_wrong_password_is_refused(house: House) -> None:
    """CONNACK 5, the end, a count; what was sent along is not read."""
    client = await house.client()

    client.send(connect(password="wrong"), publish(REPORT, b"1", 1))

    assert await client.rest() == REFUSED
    assert house.counted("auth_failures_total", "refused") == 1
    assert house.receiver.payloads == []
    assert house.receiver.lives == []
    await eventually(lambda: house.is_empty)


@pytest.mark.parametrize("clean", [True, False])
async def test_a_wrong_password_touches_nobody(house: House, clean: bool) -> None:  # noqa: FBT001
    """Whoever says a device's names without its password neither ends its connection nor its subscriptions."""
    victim = await house.device(clean=False)
    victim.send(subscribe(COMMAND))
    await victim.expect(b"\x90\x03\x00\x01\x00")

    attacker = await house.client()
    attacker.send(connect(client_id="P/dev1", password="wrong", clean=clean))
    assert await attacker.rest() == REFUSED

    assert house.broker.send(device(), COMMAND, b"go")
    await victim.expect(packet(0x30, text(COMMAND) + b"go"))
    assert house.receiver.lives == [("connected", "dev1")]


async def test_failed_logins_leave_nothing(house: House) -> None:
    """300 wrong passwords: no session, no connection, no task."""
    for number in range(300):
        client = await house.client()
        client.send(connect(f"dev{number}", password="wrong"))
        assert await client.rest() == REFUSED
        await client.close()

    await eventually(lambda: house.is_empty)


async def test_leaving_at_any_moment_of_the_login_leaves_nothing(house: House) -> None:
    """Clients that go before, while and after they are judged: nothing stays, and nobody is connected for ever."""
    for number in range(100):
        client = await house.client()
        match number % 4:
            case 0:
                client.send(connect(f"dev{number}"))
                client.writer.write_eof()
            case 1:
                client.send(connect(f"dev{number}")[:20])
            case 2:
                client.send(connect(f"dev{number}"), DISCONNECT)
            case _:
                client.send(connect(f"dev{number}"))
                await asyncio.sleep(0)
        await client.close()

    await eventually(lambda: house.is_empty)
    lives = house.receiver.lives
    assert lives.count(("connected", "dev1")) == lives.count(("disconnected", "dev1"))
    assert sorted(name for what, name in lives if what == "connected") == sorted(
        name for what, name in lives if what == "disconnected"
    )


async def test_leaving_during_a_slow_login_leaves_nothing(house: House) -> None:
    """A device that gives up while it is judged is not connected afterwards."""
    house.access.gate.clear()
    clients = [await house.client() for _ in range(20)]
    for number, client in enumerate(clients):
        client.send(connect(f"dev{number}"))
    await eventually(lambda: len(house.access.logins) == 20)
    for client in clients:
        client.writer.transport.abort()
    house.access.gate.set()

    await eventually(lambda: house.is_empty)
    lives = house.receiver.lives
    assert len([each for each in lives if each[0] == "connected"]) * 2 == len(lives)


async def test_leaving_before_the_login_begins_leaves_nothing(house: House) -> None:
    """CONNECT and the end of the socket may be read in one turn of the loop, before anybody judged anything."""
    await house.client()
    await eventually(lambda: len(house.broker._crowd()) == 1)
    (connection,) = house.broker._crowd()

    connection.hear(connect())
    connection.close(Ending.CONNECTION_LOST)

    await eventually(lambda: house.is_empty)
    assert house.access.logins == []


async def test_a_silent_stranger_is_sent_away() -> None:
    """Without a complete CONNECT in time the socket is closed, whether something was sent or not."""
    async with house_with(connect_timeout=timedelta(milliseconds=100)) as house:
        silent, drip = await house.client(), await house.client()
        drip.send(connect()[:10])

        assert await silent.rest() == b""
        assert await drip.rest() == b""
        assert house.counted("connections_refused_total", "connect_timeout") == 2
        await eventually(lambda: house.is_empty)


async def test_a_login_that_is_never_judged_ends() -> None:
    """The timeout covers the judging."""
    async with house_with(connect_timeout=timedelta(milliseconds=100)) as house:
        house.access.gate.clear()
        client = await house.client()
        client.send(connect())

        assert await client.rest() == b""
        await eventually(lambda: house.is_empty)


async def test_a_newer_connection_takes_over(house: House) -> None:
    """The old connection is closed, then the new one is accepted; both lives are told, in order."""
    old = await house.device()
    new = await house.device()

    assert await old.rest() == b""
    assert house.receiver.lives == [("connected", "dev1"), ("disconnected", "dev1"), ("connected", "dev1")]
    new.send(subscribe(COMMAND), publish(REPORT, b"1", 1))
    assert await new.read(9) in (b"\x90\x03\x00\x01\x00" + puback(1), puback(1) + b"\x90\x03\x00\x01\x00")
    assert house.broker.send(device(), COMMAND, b"go")
    assert house.receiver.present == 1


async def test_who_is_there_is_counted_by_the_receiver_alone(house: House) -> None:
    """The broker leaves the count of devices to the one who is told of them."""
    await house.device()

    assert house.receiver.present == 1
    assert house.counted("clients") == 0


async def test_a_commit_of_the_old_connection_does_not_answer_the_new_one(house: House) -> None:
    """Packet ids belong to a connection: the device sends again what was not acknowledged."""
    house.receiver.holds = True
    old = await house.device()
    old.send(publish(REPORT, b"1", 1))
    await eventually(lambda: len(house.receiver.received_) == 1)
    new = await house.device()

    house.receiver.received_[0].settle(True)

    assert await new.silent()
    assert await old.rest() == b""


async def test_connects_of_one_device_at_once_are_serialised(house: House) -> None:
    """Of 30 at once one stays; no life overlaps another, and every life that began before ended."""
    clients = await asyncio.gather(*(house.client() for _ in range(30)))
    for client in clients:
        client.send(connect())

    await eventually(lambda: len(house.access.logins) == 30)
    await eventually(lambda: house.receiver.present == 1 and len(house.broker._crowd()) == 1)
    lives = [what for what, _ in house.receiver.lives]
    assert lives == ["connected", "disconnected"] * (len(lives) // 2) + ["connected"]


async def test_keep_alive_is_enforced(house: House) -> None:
    """[MQTT-3.1.2-24] silence of one and a half times the keep-alive ends the connection."""
    start = asyncio.get_running_loop().time()
    client = await house.device(keep_alive=1)

    assert await client.rest() == b""
    assert 1.4 < asyncio.get_running_loop().time() - start < 3
    assert house.counted("protocol_errors_total", "keep_alive") == 1


async def test_a_device_that_speaks_is_kept(house: House) -> None:
    """Publishes count as much as pings: only packets, so that a dripping one does not."""
    client, drip = await house.device(keep_alive=1), await house.device("dev2", keep_alive=1)
    end = asyncio.get_running_loop().time() + 2.5
    number = 0
    while asyncio.get_running_loop().time() < end:
        number += 1
        client.send(publish(REPORT, b"1", number))
        await client.expect(puback(number))
        if not drip.writer.is_closing():
            drip.send(publish("ota/P/dev2/report", b"x" * 1000, 1)[number : number + 1])
        await asyncio.sleep(0.1)

    client.send(PINGREQ)
    await client.expect(PINGRESP)
    assert (
        house.counted("protocol_errors_total", "keep_alive")
        + house.counted("protocol_errors_total", "malformed")
        + house.counted("protocol_errors_total", "unexpected_packet")
        == 1
    )


async def test_no_keep_alive_means_the_longest() -> None:
    """A device that asks for none is still ended when it is silent for too long."""
    async with house_with(max_keep_alive=timedelta(milliseconds=100)) as house:
        client = await house.device(keep_alive=0)

        assert await client.rest() == b""


@pytest.mark.parametrize(
    ("hello", "answer", "reason"),
    [
        (
            packet(0x10, text("MQTT") + b"\x05\x02\x00\x3c\x00" + text("c")),
            b"\x20\x02\x00\x01",
            "protocol_version",
        ),
        (
            packet(0x10, text("MQIsdp") + b"\x03\x02\x00\x3c" + text("c")),
            b"\x20\x02\x00\x01",
            "protocol_version",
        ),
        (connect(client_id="", clean=False), b"\x20\x02\x00\x02", "client_id"),
        (connect(client_id="x" * 257), b"\x20\x02\x00\x02", "client_id"),
    ],
    ids=["MQTT 5", "MQTT 3.1", "no client id with a session", "client id too long"],
)
async def test_what_mqtt_has_a_code_for_is_answered(
    house: House, hello: bytes, answer: bytes, reason: str
) -> None:
    """Old and new protocols and bad client ids get their CONNACK."""
    client = await house.client()

    client.send(hello)

    assert await client.rest() == answer
    assert house.counted("connections_refused_total", reason) == 1


async def test_a_fault_of_access_reaches_one_connection_only(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the judge breaks, the connection is closed, the log has it, and the broker goes on."""

    async def broken(login: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(house.access, "authenticate", broken)
        client = await house.client()
        client.send(connect())
        assert await client.rest() == b""
        await eventually(lambda: house.is_empty)

    assert [(line["event"], repr(line["exc_info"])) for line in logs] == [
        ("connection_failed", "ZeroDivisionError()")
    ]

    await house.device()
