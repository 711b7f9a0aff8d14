"""TLS from below: old protocols on the wire, weak ciphers, and certificates that count no more."""

import asyncio
import hashlib
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.config import MqttConfig
from gateway.devices.broker import TlsFiles
from tests.fire.identity.door import PRODUCTS, REFUSED, Door, connect, door
from tests.integration.broker.certificates import Authority, authority
from tests.integration.broker.mqtt import ACCEPTED, Client
from tests.integration.broker.mqtt import connect as bare_connect

TLS_1_0, TLS_1_1, TLS_1_2 = 0x0301, 0x0302, 0x0303
#: ECDHE-RSA-AES128-SHA, AES128-SHA, 3DES, RC4: what an old stack offers.
OLD_CIPHERS = (0xC013, 0xC009, 0x002F, 0x000A, 0x0005)
#: ECDHE-ECDSA-AES128-GCM-SHA256 and its RSA sibling.
GOOD_CIPHERS = (0xC02B, 0xC02F)
#: The kind of the record in which a ServerHello comes.
HANDSHAKE = b"\x16"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority of the site."""
    return authority(tmp_path_factory.mktemp("fire"), "own")


@pytest.fixture(scope="module")
def files(own: Authority) -> TlsFiles:
    """What the listener is given."""
    certificate, key = own.issue("server", "/CN=localhost")
    return TlsFiles(certificate=certificate, key=key, client_ca=own.certificate)


@pytest.fixture(scope="module")
def stolen(own: Authority) -> tuple[Path, Path]:
    """The certificate of C/dev1 whose key somebody else has."""
    return own.issue("stolen", "/CN=C\\/dev1")


@pytest.fixture
async def at(files: TlsFiles, stolen: tuple[Path, Path]) -> AsyncIterator[Door]:
    """A door that knows what was stolen."""
    async with door(files, denied=(fingerprint(stolen[0]),)) as made:
        yield made


def fingerprint(certificate: Path) -> str:
    """Return what openssl prints, in lower case and without colons."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).hexdigest()


def client_hello(version: int, ciphers: tuple[int, ...]) -> bytes:
    """Write what a stack of that time says first, without a word of later ones."""
    extensions = b"".join(
        struct.pack("!HH", kind, len(body)) + body
        for kind, body in (
            (10, b"\x00\x04\x00\x17\x00\x1d"),  # P-256, X25519
            (11, b"\x01\x00"),
            (13, b"\x00\x08\x04\x03\x04\x01\x02\x03\x02\x01"),  # SHA-256 and SHA-1 with ECDSA and RSA
        )
    )
    offered = b"".join(struct.pack("!H", each) for each in ciphers)
    body = struct.pack("!H", version) + b"r" * 32 + b"\x00" + struct.pack("!H", len(offered)) + offered
    body += b"\x01\x00" + struct.pack("!H", len(extensions)) + extensions
    hello = b"\x01" + len(body).to_bytes(3) + body
    return HANDSHAKE + struct.pack("!HH", TLS_1_0, len(hello)) + hello


async def answer_to(at: Door, hello: bytes) -> tuple[bool, str]:
    """Return whether the server goes on with the handshake, and what it says of it in the log if not."""
    with capture_logs() as lines:
        client = await at.client()
        client.send(hello)
        goes_on = await asyncio.wait_for(client.reader.read(1), 5) == HANDSHAKE
    return goes_on, "".join(line["error"] for line in lines if line["event"] == "tls_handshake_failed")


@pytest.mark.parametrize("version", [TLS_1_0, TLS_1_1])
async def test_old_tls_is_refused_by_the_server(at: Door, version: int) -> None:
    """A ClientHello as an old stack writes it, whatever ciphers it offers, is the end."""
    goes_on, why = await answer_to(at, client_hello(version, (*OLD_CIPHERS, *GOOD_CIPHERS)))
    assert (goes_on, "UNSUPPORTED_PROTOCOL" in why) == (False, True), why


async def test_weak_ciphers_are_refused(at: Door) -> None:
    """TLS 1.2 with nothing but CBC with SHA-1, 3DES and RC4 finds no cipher in common."""
    goes_on, why = await answer_to(at, client_hello(TLS_1_2, OLD_CIPHERS))
    assert (goes_on, "NO_SHARED_CIPHER" in why) == (False, True), why


async def test_tls_1_2_with_a_modern_cipher_goes_on(at: Door) -> None:
    """The same hello with one good cipher is answered with a handshake: the refusals above are meant."""
    assert await answer_to(at, client_hello(TLS_1_2, GOOD_CIPHERS)) == (True, "")


def test_every_cipher_has_forward_secrecy_and_no_sha1(files: TlsFiles) -> None:
    """What was recorded cannot be read with the key of the server that is stolen later."""
    context = files.context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    for cipher in context.get_ciphers():
        assert cipher["name"].startswith(("TLS_", "ECDHE-", "DHE-")), cipher["name"]
        assert not cipher["name"].endswith("-SHA"), cipher["name"]
        assert cipher["strength_bits"] >= 128
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.options & ssl.OP_NO_RENEGOTIATION


async def test_a_denied_certificate_opens_nothing(
    at: Door, own: Authority, stolen: tuple[Path, Path]
) -> None:
    """It is still signed by the right authority, and names a device of the site; the log says who came."""
    with capture_logs() as lines:
        assert await _try(at, own.client(stolen), bare_connect(None)) == REFUSED
    denied = [line for line in lines if line["event"] == "certificate_denied"]
    assert [(line["address"], line["fingerprint"]) for line in denied] == [
        ("127.0.0.1", fingerprint(stolen[0]))
    ]


def test_a_fingerprint_is_taken_as_openssl_prints_it(stolen: tuple[Path, Path]) -> None:
    """Capitals and colons are as good as none."""
    printed = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", stolen[0]],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    given = printed.strip().partition("=")[2]
    assert ":" in given
    assert MqttConfig(denied_certificates=[given]).denied_certificates == [fingerprint(stolen[0])]


async def test_a_denied_certificate_spoils_a_password(
    at: Door, own: Authority, stolen: tuple[Path, Path]
) -> None:
    """Who has a stolen key is not believed anything else either."""
    assert await _try(at, own.client(stolen), connect("P/dev1", "secret-dev1")) == REFUSED


async def test_the_device_goes_on_with_a_new_certificate(at: Door, own: Authority) -> None:
    """The same name on another key comes in."""
    assert await _try(at, own.client(own.issue("renewed", "/CN=C\\/dev1")), bare_connect(None)) == ACCEPTED


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_session_taken_up_again_is_judged_again(
    files: TlsFiles, own: Authority, stolen: tuple[Path, Path], version: ssl.TLSVersion
) -> None:
    """A ticket of a session from before the theft was known stands for its certificate, and is denied as that."""
    context = own.client(stolen)
    context.minimum_version = context.maximum_version = version
    async with door(files) as before:
        session = await asyncio.to_thread(_login, before.port, context, None)
        assert session[0] == ACCEPTED
        before.real.replace(before.real.judges(PRODUCTS, denied={fingerprint(stolen[0])}))
        again = await asyncio.to_thread(_login, before.port, context, session[1])
    assert again[2], "the session was not taken up again: this test proves nothing"
    assert again[0] == REFUSED


@pytest.mark.parametrize(
    "subject", ["/CN=C\\/dev2", "/CN=C", "/CN=c\\/dev1", "/CN=C\\/dev1\\/", "/O=C\\/dev1", "/CN=P\\/dev1"]
)
async def test_a_certificate_of_the_site_is_no_device(at: Door, own: Authority, subject: str) -> None:
    """Another name, no name, or that of a product with another login is nobody's, whatever the signature."""
    certificate = own.issue("odd", subject)
    assert await _try(at, own.client(certificate), bare_connect(None)) == REFUSED


async def _try(at: Door, tls: ssl.SSLContext, said: bytes) -> bytes:
    client: Client = await at.client(tls)
    client.send(said)
    return await client.read(4)


def _login(
    port: int, context: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[bytes, ssl.SSLSession | None, bool]:
    """Log in over a blocking socket, which is the only kind that can take a session up again."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost", session=session) as line,
    ):
        line.sendall(bare_connect(None))
        answer = b""
        while len(answer) < 4 and (more := line.recv(4 - len(answer))):
            answer += more
        return answer, line.session, bool(line.session_reused)
