"""What an operator reads of devices and strangers: who and why, and never a flood."""

import asyncio
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.devices.broker import TlsFiles
from tests.integration.broker.certificates import authority
from tests.integration.broker.mqtt import connect, puback, publish
from tests.integration.broker.site import House, eventually, house_with

QOS2_PUBLISH = b"\x34\x05\x00\x01a\x00\x01"

Line = MutableMapping[str, Any]


@pytest.fixture
def logs() -> Iterator[list[Line]]:
    """What is logged during the test."""
    with capture_logs() as lines:
        yield lines


def told(logs: list[Line], event: str) -> list[Line]:
    """Return the lines of one event."""
    return [line for line in logs if line["event"] == event]


async def refuse(house: House, name: str, *, client_id: str = "any") -> None:
    """Try a wrong password to the end."""
    client = await house.client()
    client.send(connect(name, password="guess-1234", client_id=client_id))
    await client.rest()


async def test_a_refused_login_says_who_and_why(house: House, logs: list[Line]) -> None:
    """Username, client id, address and reason are there; the password is nowhere."""
    await refuse(house, "dev1")

    assert told(logs, "login_refused") == [
        {
            "event": "login_refused",
            "log_level": "info",
            "username": "P/dev1",
            "client_id": "any",
            "address": "127.0.0.1",
            "reason": "refused",
            "suppressed": 0,
        }
    ]
    assert "guess-1234" not in repr(logs)


async def test_a_strangers_names_cannot_write_the_log(house: House, logs: list[Line]) -> None:
    """Long names are cut, and what is not printable is replaced."""
    await refuse(house, "\n\x1b[2J" + "x" * 200, client_id="a\nb" + "y" * 200)

    (line,) = told(logs, "login_refused")
    assert line["username"] == "P/��[2J" + "x" * 121
    assert line["client_id"] == "a�b" + "y" * 125


async def test_a_login_without_a_username_is_told_too(house: House, logs: list[Line]) -> None:
    """Who says no name is known by its address and client id."""
    client = await house.client()
    client.send(connect(None))
    await client.rest()

    (line,) = told(logs, "login_refused")
    assert (line["username"], line["address"]) == (None, "127.0.0.1")


async def test_guessing_one_name_is_told_once(house: House, logs: list[Line]) -> None:
    """A device with a wrong secret fills no log, and hides no other at its address."""
    for name in ("dev1", "dev1", "dev1", "dev2"):
        await refuse(house, name)

    assert [line["username"] for line in told(logs, "login_refused")] == ["P/dev1", "P/dev2"]
    assert house.counted("auth_failures_total", "refused") == 4


async def test_guessing_names_is_bounded(house: House, logs: list[Line]) -> None:
    """Ever new names get sixty lines a minute, and do not silence the devices."""
    for number in range(80):
        await refuse(house, f"dev{number}")
    await house.device()

    assert len(told(logs, "login_refused")) == 60
    assert len(told(logs, "device_connected")) == 1


async def test_coming_and_going_is_told_once_a_minute(house: House, logs: list[Line]) -> None:
    """A device that flaps has one line of each; another device has its own."""
    for name in ("dev1", "dev1", "dev1", "dev2"):
        client = await house.device(name)
        await client.close()
        await eventually(lambda: house.receiver.present == 0)

    for event in ("device_connected", "device_disconnected"):
        assert [(line["device"], line["suppressed"]) for line in told(logs, event)] == [
            ("P/dev1", 0),
            ("P/dev2", 0),
        ]


async def test_forbidden_topics_are_told_once_over_all_connections(house: House, logs: list[Line]) -> None:
    """Connecting again does not make it news."""
    for _ in range(3):
        client = await house.device()
        client.send(publish("ota/P/dev2/report", b"", 1), publish("ota/P/dev3/report", b"", 2))
        await client.expect(puback(1, 2))
        await client.close()
        await eventually(lambda: house.receiver.present == 0)

    assert [line["topic"] for line in told(logs, "publish_forbidden")] == ["ota/P/dev2/report"]
    assert house.counted("protocol_errors_total", "acl") == 6


async def test_what_is_too_long_is_told_once(house: House, logs: list[Line]) -> None:
    """With its topic and size, and none of its payload."""
    client = await house.device()
    client.send(
        publish("ota/P/dev1/report", b"secret" * 20_000, 1),
        publish("ota/P/dev1/report", b"secret" * 20_000, 2),
    )
    await client.expect(puback(1, 2))

    (line,) = told(logs, "publish_oversized")
    assert (line["device"], line["topic"]) == ("P/dev1", "ota/P/dev1/report")
    assert line["detail"] == "120021 bytes; at most 65536 are taken"
    assert "secret" not in str(logs)


async def test_refused_packets_are_told_once(house: House, logs: list[Line]) -> None:
    """By device and reason after the login, by address and reason before it."""
    for name in ("dev1", "dev1", "dev2"):
        client = await house.device(name)
        client.send(QOS2_PUBLISH)
        await client.rest()
    for _ in range(3):
        stranger = await house.client()
        stranger.send(QOS2_PUBLISH)
        await stranger.rest()

    assert [(line["device"], line["reason"]) for line in told(logs, "packet_refused")] == [
        ("P/dev1", "qos2"),
        ("P/dev2", "qos2"),
        (None, "unexpected_packet"),
    ]


async def test_failed_handshakes_are_told_once(tmp_path: Path, logs: list[Line]) -> None:
    """The reason of a handshake that failed stands in the log at info, once a minute and address."""
    certificate, key = authority(tmp_path, "own").issue("server", "/CN=localhost")
    async with house_with(TlsFiles(certificate=certificate, key=key)) as house:
        for _ in range(3):
            with house.raw() as sock, suppress(ConnectionError):
                await asyncio.to_thread(sock.sendall, connect())
                await asyncio.to_thread(sock.recv, 100)
        await eventually(lambda: house.counted("connections_refused_total", "tls_handshake") == 3)

    (line,) = told(logs, "tls_handshake_failed")
    assert (line["log_level"], line["address"], line["suppressed"]) == ("info", "127.0.0.1", 0)
    assert "SSL" in line["error"]
