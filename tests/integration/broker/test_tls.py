"""TLS: who has proved what, on this connection and on no earlier one."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.devices.broker import TlsFiles
from tests.integration.broker.certificates import Authority, authority
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
)
from tests.integration.broker.site import House, device, eventually, house_with

REPORT = "ota/P/dev1/report"
REFUSED = b"\x20\x02\x00\x05"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority of the site."""
    return authority(tmp_path_factory.mktemp("own"), "own")


@pytest.fixture(scope="module")
def files(own: Authority) -> TlsFiles:
    """What the listener is given."""
    certificate, key = own.issue("server", "/CN=localhost")
    return TlsFiles(certificate=certificate, key=key, client_ca=own.certificate)


@pytest.fixture(scope="module")
def dev1(own: Authority) -> tuple[Path, Path]:
    """The certificate of P/dev1."""
    return own.issue("dev1", "/CN=P\\/dev1")


@pytest.fixture
async def tls_house(files: TlsFiles) -> AsyncIterator[House]:
    """A broker that speaks TLS only."""
    async with house_with(files) as house:
        yield house


async def test_a_certificate_is_a_login(tls_house: House, own: Authority, dev1: tuple[Path, Path]) -> None:
    """The common name of a verified certificate says who is there."""
    client = await tls_house.client(own.client(dev1))

    client.send(connect(None), publish(REPORT, b"1", 1))

    await client.expect(ACCEPTED + puback(1))
    assert tls_house.access.logins[0].certificate_name == "P/dev1"
    assert tls_house.receiver.received_[0].device == device()


async def test_without_a_certificate_a_password_serves(tls_house: House, own: Authority) -> None:
    """A listener that knows certificates takes passwords as well."""
    client = await tls_house.client(own.client())

    client.send(connect())

    await client.expect(ACCEPTED)
    assert tls_house.access.logins[0].certificate_name is None


@pytest.mark.parametrize("clean", [True, False])
async def test_a_certificate_shown_before_proves_nothing_now(
    tls_house: House,
    own: Authority,
    dev1: tuple[Path, Path],
    clean: bool,  # noqa: FBT001
) -> None:
    """Whoever says the device's client id without its certificate is refused; the device stays and hears all."""
    command = "ota/P/dev1/command"
    victim = await tls_house.client(own.client(dev1))
    victim.send(connect(None, client_id="P/dev1", clean=False), subscribe(command))
    await victim.expect(ACCEPTED + b"\x90\x03\x00\x01\x00")

    attacker = await tls_house.client(own.client())
    attacker.send(connect(None, client_id="P/dev1", clean=clean))

    assert await attacker.rest() == REFUSED
    assert tls_house.broker.send(device(), command, b"go")
    await victim.expect(packet(0x30, text(command) + b"go"))


async def test_a_foreign_certificate_is_refused(tls_house: House, own: Authority, tmp_path: Path) -> None:
    """A certificate of another authority ends the handshake."""
    foreign = authority(tmp_path, "foreign").issue("dev1", "/CN=P\\/dev1")

    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        # TLS 1.3 tells the client with its first read.
        await (await tls_house.client(own.client(foreign))).read(1)

    await eventually(lambda: tls_house.counted("connections_refused_total", "tls_handshake") == 1)
    assert tls_house.access.logins == []


async def test_a_name_that_is_not_unique_is_none(tls_house: House, own: Authority) -> None:
    """Of two common names neither is believed."""
    two = own.issue("two", "/CN=P\\/dev1/CN=P\\/dev2")
    client = await tls_house.client(own.client(two))

    client.send(connect(None))

    assert await client.rest() == REFUSED


async def test_tls_1_1_is_refused(tls_house: House, own: Authority) -> None:
    """TLS begins at 1.2."""
    old = own.client()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")

    with pytest.raises((ssl.SSLError, ConnectionError)):
        await tls_house.client(old)


async def test_half_a_handshake_is_a_connection_and_ends(files: TlsFiles) -> None:
    """Sockets that never speak TLS are strangers, are sent away in time, and hold up no stop."""
    async with house_with(files, connect_timeout=timedelta(milliseconds=300), max_connections=6) as house:
        silent = [await _plain(house.port) for _ in range(3)]
        await eventually(lambda: len(house.broker._crowd()) == 3)
        refused = await _plain(house.port)
        assert await _read(refused) == b""

        for each in silent:
            assert await _read(each) == b""
        assert house.counted("connections_refused_total", "connect_timeout") == 3
        await eventually(lambda: house.is_empty)

        late = [await _plain(house.port) for _ in range(3)]
        await eventually(lambda: len(house.broker._crowd()) == 3)
    for each in (*silent, refused, *late):
        each.close()


async def test_no_tls_at_all(tls_house: House) -> None:
    """A plain CONNECT at the TLS port is an alert and the end."""
    sock = await _plain(tls_house.port)
    await asyncio.get_running_loop().sock_sendall(sock, connect())

    assert ACCEPTED not in await _read(sock)
    await eventually(lambda: tls_house.is_empty)
    sock.close()


async def test_large_windows_through_tls(tls_house: House, own: Authority) -> None:
    """Floods, pauses and PUBACKs work through TLS as they do without it."""
    client = await tls_house.client(own.client())
    client.send(connect())
    await client.expect(ACCEPTED)
    tls_house.receiver.has_room = False
    ids = range(1, 2001)
    client.send(*(publish(REPORT, b"x" * 300, each) for each in ids))
    await eventually(lambda: len(tls_house.receiver.received_) == 1)

    tls_house.receiver.has_room = True

    await client.expect(puback(*ids))
    client.send(PINGREQ)
    await client.expect(PINGRESP)


async def test_everything_sent_before_the_end_is_received(tls_house: House, own: Authority) -> None:
    """500 publishes and close_notify: all are received."""
    client = await tls_house.client(own.client())
    client.send(connect(), *(publish(REPORT, b"%d" % each) for each in range(500)))
    await client.expect(ACCEPTED)
    await client.close()

    await eventually(lambda: tls_house.receiver.payloads == [b"%d" % each for each in range(500)])
    await eventually(lambda: tls_house.is_empty)


async def test_a_missing_key_file_is_said_at_start(own: Authority, tmp_path: Path) -> None:
    """Files are read at start, not at the first device; which one it is, is said."""
    with pytest.raises(OSError, match=r"No such file.*missing\.key"):
        async with house_with(TlsFiles(certificate=own.certificate, key=tmp_path / "missing.key")):
            pass


async def _plain(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return sock


async def _read(sock: socket.socket) -> bytes:
    try:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 4096), 5)
    except ConnectionError:
        return b""
