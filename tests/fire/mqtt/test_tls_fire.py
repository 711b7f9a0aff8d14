"""A TLS port under fire: good devices are acknowledged, handshakes are bounded, certificates are what they say."""

import asyncio
import shutil
import ssl
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.devices.broker import TlsFiles
from tests.fire.box.injuries import FalseClock
from tests.fire.mqtt import tls_attacks
from tests.fire.mqtt.attacks import Target
from tests.fire.mqtt.conftest import SECONDS, note
from tests.fire.mqtt.fort import Fort, fort
from tests.integration.broker.certificates import Authority, authority
from tests.integration.broker.mqtt import ACCEPTED, Client, connect

GENEROUS_MS = 10_000

CERTIFIED = connect(None, client_id="C/dev1")
needs_faketime = pytest.mark.skipif(
    shutil.which("faketime") is None, reason="faketime is not installed (Debian: faketime)"
)


class Case(NamedTuple):
    """An attack, and what counts its refusals."""

    attack: Callable[[Target], Awaitable[None]]
    reasons: tuple[str, ...]
    megabytes: int = 24
    seconds: float = 0


CASES = (
    Case(tls_attacks.slow_handshakes, ("connect_timeout",), seconds=1.5),
    # 300 handshakes of 45 KB, and as many connections.
    Case(tls_attacks.half_handshakes, ("connect_timeout",), megabytes=40, seconds=1.5),
    Case(tls_attacks.silence, ("connect_timeout",), seconds=1.5),
    Case(tls_attacks.many_handshakes, ("connect_rate",)),
    Case(tls_attacks.plaintext, ("tls_handshake", "connect_rate")),
    Case(tls_attacks.garbage_records, ("tls_handshake",)),
    Case(tls_attacks.garbage_within, ("tls_handshake", "connect_rate")),
)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority of the site."""
    return authority(tmp_path_factory.mktemp("tls"), "own")


@pytest.fixture(scope="module")
def files(own: Authority) -> TlsFiles:
    """What the listener is given."""
    certificate, key = own.issue("server", "/CN=localhost")
    return TlsFiles(certificate=certificate, key=key, client_ca=own.certificate)


@pytest.fixture(scope="module")
def stronghold(tmp_path_factory: pytest.TempPathFactory, files: TlsFiles) -> Iterator[Fort]:
    """A gateway with its own limits, but for the time that a handshake may take."""
    with fort(tmp_path_factory.mktemp("fort"), tls=files, connect_timeout="1s") as made:
        yield made


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory, files: TlsFiles) -> Iterator[Fort]:
    """Lets so few connections in that attackers on any machine are too many."""
    with fort(tmp_path_factory.mktemp("narrow"), tls=files, connects_per_second=30) as made:
        yield made


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.attack.__name__)
async def test_good_devices_do_not_notice(case: Case, request: pytest.FixtureRequest) -> None:
    """They are acknowledged, memory is bounded, refusals are counted, and nothing is left."""
    stronghold: Fort = request.getfixturevalue("narrow" if "connect_rate" in case.reasons else "stronghold")
    before = stronghold.held()
    counted = [stronghold.counted("connections_refused_total", reason) for reason in case.reasons]

    with stronghold.guarded() as seen:
        await case.attack(Target(stronghold.tls_port, max(SECONDS, case.seconds), 1000))
    under_fire = seen()

    stronghold.settles(before)
    note(f"tls {case.attack.__name__}", stronghold.calm, under_fire, before, stronghold.held())
    assert max(under_fire.latencies) * 1000 < GENEROUS_MS
    assert under_fire.is_bearable(stronghold.calm)
    assert under_fire.peak_mb - before.resident_mb < case.megabytes
    for reason, was in zip(case.reasons, counted, strict=True):
        assert stronghold.counted("connections_refused_total", reason) > was, reason
    assert stronghold.complaints() == []


async def said_to(port: int, tls: ssl.SSLContext) -> bytes:
    """Log in with a certificate; return the answer, nothing where the handshake fails."""
    try:
        client = await Client.open(port, tls)
        client.send(CERTIFIED)
        answer = await asyncio.wait_for(client.reader.read(4), 5)
        client.writer.transport.abort()
    except (ssl.SSLError, ConnectionError):
        return b""
    return answer


async def test_renegotiation_is_refused(stronghold: Fort, own: Authority) -> None:
    """A client of TLS 1.2 that asks for a second handshake does not get one."""
    command = ["openssl", "s_client", "-tls1_2", "-connect", f"127.0.0.1:{stronghold.tls_port}"]
    asked = await asyncio.to_thread(
        subprocess.run,
        [*command, "-CAfile", str(own.certificate)],
        input=b"R\n",
        capture_output=True,
        timeout=20,
        check=False,
    )

    assert b"RENEGOTIATING" in asked.stderr + asked.stdout
    assert b"no renegotiation" in asked.stderr


@needs_faketime
@pytest.mark.parametrize("day", ["2001-01-01", "2095-01-01"])
async def test_a_certificate_outside_its_days_opens_nothing(
    stronghold: Fort, own: Authority, day: str
) -> None:
    """Expired, or not yet valid: the handshake ends, is counted and logged with its reason."""
    before = stronghold.counted("connections_refused_total", "tls_handshake")
    tls = own.client(own.issue(f"dev1-{day}", "/CN=C\\/dev1", at=day))

    assert await said_to(stronghold.tls_port, tls) == b""

    assert stronghold.counted("connections_refused_total", "tls_handshake") == before + 1
    assert await said_to(stronghold.tls_port, own.client(own.issue("today", "/CN=C\\/dev1"))) == ACCEPTED


async def test_another_authority_s_certificate_opens_nothing(
    stronghold: Fort, own: Authority, tmp_path: Path
) -> None:
    """Whatever name is in it."""
    foreign = authority(tmp_path, "foreign").issue("dev1", "/CN=C\\/dev1")

    assert await said_to(stronghold.tls_port, own.client(foreign)) == b""


async def test_a_box_that_wakes_up_in_1970_knows_its_devices(
    tmp_path: Path, files: TlsFiles, own: Authority
) -> None:
    """Without a clock no certificate is valid yet: the authority decides alone until the clock is set."""
    good = own.client(own.issue("dev-1970", "/CN=C\\/dev1"))
    foreign = own.client(authority(tmp_path, "foreign").issue("dev1", "/CN=C\\/dev1"))

    clock = FalseClock(tmp_path)
    clock.set(years=1970.1 - time.gmtime().tm_year)

    with fort(tmp_path, tls=files, environ=clock.environment) as made:
        assert await said_to(made.tls_port, good) == ACCEPTED
        assert await said_to(made.tls_port, foreign) == b""
