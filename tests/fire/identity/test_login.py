"""Credentials that are guessed, replayed, bent or borrowed, at a real broker with the real access."""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Callable
from statistics import median
from unittest.mock import patch

import pytest
from structlog.testing import capture_logs

from gateway.devices.access import Authentication, Credential, DeviceAccess, Product, hash_secret, hashing
from gateway.devices.dialects import DIALECTS
from gateway.ports.devices import Login
from tests.fire.identity.door import KEY, NOW, REFUSED, Door, connect, door, onenet_token, tencent_login
from tests.integration.broker.mqtt import ACCEPTED, publish

T1 = tencent_login()
TOKEN = onenet_token()
TEN_MINUTES = 600


@pytest.fixture
async def at() -> AsyncIterator[Door]:
    """A door."""
    async with door() as made:
        yield made


WRONG = {
    "wrong password": connect("P/dev1", "wrong"),
    "unknown device": connect("P/nobody", "secret-dev1"),
    "unknown product": connect("Q/dev1", "secret-dev1"),
    "somebody else's password": connect("P/dev1", "secret-dev2"),
    "nothing": connect("", ""),
    "tencent: wrong sign": connect(T1[0], "0" * 64 + ";hmacsha256"),
    "tencent: unknown device": connect(*tencent_login("nobody")),
    "tencent: expired": connect(*tencent_login(expiry=int(NOW) - 1)),
    "tencent: expired in milliseconds": connect(*tencent_login(expiry=(int(NOW) - 1) * 1000)),
    "tencent: another's name under my key": connect(*tencent_login("dev2", key=KEY)),
    "tencent: sign of another name": connect(T1[0].replace("dev1", "dev2"), T1[1]),
    "tencent: longer life than signed": connect(
        tencent_login(expiry=int(NOW) - 1)[0].replace(str(int(NOW) - 1), str(2**62)),
        tencent_login(expiry=int(NOW) - 1)[1],
    ),
    "tencent: no expiry": connect(*tencent_login(expiry="")),
    "tencent: negative expiry": connect(*tencent_login(expiry="-1")),
    "tencent: expiry in other digits": connect(*tencent_login(expiry="٩" * 12)),
    "tencent: no method": connect(T1[0], T1[1].partition(";")[0]),
    "tencent: empty method": connect(T1[0], T1[1].partition(";")[0] + ";"),
    "tencent: method of mine": connect(T1[0], T1[1].partition(";")[0] + ";md5"),
    "tencent: empty sign": connect(T1[0], ";hmacsha256"),
    "onenet: expired": connect("N", onenet_token(until=int(NOW) - 1), "dev1"),
    "onenet: unknown device": connect("N", onenet_token("nobody"), "nobody"),
    "onenet: token of another": connect("N", TOKEN, "dev2"),
    "onenet: token of the product": connect("N", onenet_token(of="products/N"), "dev1"),
    "onenet: wrong sign": connect("N", TOKEN.replace("sign=", "sign=A"), "dev1"),
    "onenet: no sign": connect("N", TOKEN.partition("&sign")[0], "dev1"),
    "onenet: empty sign": connect("N", TOKEN.partition("&sign")[0] + "&sign=", "dev1"),
    "onenet: longer life than signed": connect(
        "N", onenet_token(until=int(NOW) - 1).replace(f"et={int(NOW) - 1}", "et=99999999999"), "dev1"
    ),
    "onenet: life said twice": connect("N", onenet_token(until=int(NOW) - 1) + "&et=99999999999", "dev1"),
    "onenet: method of mine": connect("N", TOKEN.replace("method=sha256", "method=none"), "dev1"),
    "certificate's product with a password": connect("C/dev1", ""),
}


@pytest.mark.parametrize("said", WRONG.values(), ids=WRONG)
async def test_every_refusal_is_the_same(at: Door, said: bytes) -> None:
    """CONNACK 5 and the end, byte for byte, whoever exists."""
    assert await at.knock(said) == REFUSED
    assert at.receiver.lives == []


async def test_a_name_that_mqtt_forbids_is_nobodys(at: Door) -> None:
    """A NUL behind the name of a device does not cut it off (MQTT 3.1.1 §1.5.3)."""
    client = await at.client()
    client.send(connect("P/dev1\0", "secret-dev1"))
    assert await client.rest() in (b"", REFUSED)
    assert at.receiver.lives == []


@pytest.mark.parametrize(
    "said",
    [
        connect("P/dev1", "secret-dev1"),
        connect(*T1),
        connect(*tencent_login(expiry=int(NOW) + 60)),
        connect("N", TOKEN, "dev1"),
    ],
    ids=["password", "tencent", "tencent for a minute", "onenet"],
)
async def test_the_right_ones_come_in(at: Door, said: bytes) -> None:
    """The same door opens for each kind, so that the refusals above mean something."""
    assert await at.knock(said) == ACCEPTED


@pytest.mark.parametrize(
    "login",
    [
        lambda: connect(*tencent_login(expiry=int(NOW) + 60)),
        lambda: connect("N", onenet_token(until=int(NOW) + 60), "dev1"),
    ],
    ids=["tencent", "onenet"],
)
async def test_what_was_overheard_is_worth_nothing_after_its_end(
    at: Door, login: Callable[[], bytes]
) -> None:
    """A login recorded on the wire opens until it expires and not a second longer."""
    recorded = login()
    assert await at.knock(recorded) == ACCEPTED
    at.wall.now += 61
    assert await at.knock(recorded) == REFUSED


async def test_the_names_of_a_login_do_not_make_a_sender(at: Door) -> None:
    """Client id and username of another with one's own proof: the proof says who it is, or it says nothing."""
    client = await at.enter(connect("P/dev1", "secret-dev1", client_id="P/dev2"))
    client.send(publish("ota/P/dev2/report", b"mine", 1), publish("ota/P/dev1/report", b"mine", 2))
    await client.expect(b"\x40\x02\x00\x01\x40\x02\x00\x02")
    assert [(each.device.name, each.topic) for each in at.receiver.received_] == [
        ("dev1", "ota/P/dev1/report")
    ]
    assert [each.device.name for each in at.receiver.aside] == ["dev1"]


async def test_guessing_at_a_door_is_slow(at: Door) -> None:
    """Of three hundred guesses five are judged, the right one among the rest is refused, and the log knows."""
    with capture_logs() as lines:
        for number in range(300):
            assert await at.knock(connect("P/dev1", f"guess{number}", f"client{number}")) == REFUSED
        assert await at.knock(connect("P/dev1", "secret-dev1")) == REFUSED
    held = [line for line in lines if line["event"] == "logins_held_back"]
    assert [line["too_many_of"] for line in held] == ["this device from this address"]
    assert "guess" not in str(held)
    assert at.counted("auth_failures_total", "refused") == 301
    at.clock.now += TEN_MINUTES
    assert await at.knock(connect("P/dev1", "secret-dev1")) == ACCEPTED


async def test_guessing_at_one_device_delays_no_other(at: Door) -> None:
    """While dev1 is guessed at, dev2 comes in from the same address."""
    for number in range(30):
        await at.knock(connect("P/dev1", f"guess{number}"))
    assert await at.knock(connect("P/dev2", "secret-dev2")) == ACCEPTED


async def test_guesses_at_once_are_no_way_round() -> None:
    """Two hundred slow verifications asked for in one moment: five are computed."""
    access = _slow_access()
    computed = 0
    verify = hashing.SecretHash.matches

    def counting(stored: hashing.SecretHash, secret: str) -> bool:
        nonlocal computed
        computed += 1
        return verify(stored, secret)

    with patch.object(hashing.SecretHash, "matches", counting):
        answers = await asyncio.gather(
            *(access.authenticate(_login("P/slow", f"guess{number}")) for number in range(200))
        )
    assert set(answers) == {None}
    assert computed == 5


async def test_the_clock_does_not_tell_who_exists() -> None:
    """In a product with hashes of both kinds, each wrong login computes the slow one, whoever is named."""
    access, costs = _slow_access(), {}
    verify = hashing.SecretHash.matches
    for name in ("P/slow", "P/quick", "P/nobody"):
        schemes: list[bool] = []

        def noting(stored: hashing.SecretHash, secret: str, schemes: list[bool] = schemes) -> bool:
            schemes.append(stored.scrypt is not None)
            return verify(stored, secret)

        with patch.object(hashing.SecretHash, "matches", noting):
            assert await access.authenticate(_login(name, "wrong")) is None
        costs[name] = sum(schemes)
    assert costs == {"P/slow": 1, "P/quick": 1, "P/nobody": 1}


@pytest.mark.parametrize(
    ("known", "unknown"),
    [
        (tencent_login()[0], tencent_login("nob")[0]),
        ("P/dev1", "P/nob1"),
    ],
    ids=["tencent", "password"],
)
async def test_unknown_and_wrong_take_as_long(known: str, unknown: str) -> None:
    """Both stay in one class of time; what differs is less than the noise of any network."""
    access = DeviceAccess(
        [
            Product(
                id=name,
                dialect=DIALECTS["plain"],
                authentication=Authentication(how),
                devices={"dev1": Credential(secret=lambda: KEY)},
            )
            for name, how in (("P", "password"), ("T", "tencent"))
        ],
        wall_clock=lambda: NOW,
        # Each try is a day after the one before: nothing is held back.
        monotonic=iter(range(0, 10**12, 86_400)).__next__,
    )
    took: dict[str, list[float]] = {known: [], unknown: []}
    for _ in range(300):
        for name, times in took.items():
            begun = time.perf_counter()
            assert await access.authenticate(_login(name, "0" * 64 + ";hmacsha256")) is None
            times.append(time.perf_counter() - begun)
    assert abs(median(took[known]) - median(took[unknown])) < 0.001


def _slow_access() -> DeviceAccess:
    devices = {
        "slow": Credential(secret_hash=hash_secret("right", "scrypt")),
        "quick": Credential(secret_hash=hash_secret("right", "sha256")),
    }
    slow = Product(id="P", dialect=DIALECTS["plain"], authentication=Authentication.PASSWORD, devices=devices)
    return DeviceAccess([slow])


def _login(username: str, password: str) -> Login:
    return Login(client_id="x", username=username, password=password, address="192.0.2.1")


@pytest.mark.parametrize(
    "said",
    [
        connect("P/dev1", "wrong"),
        connect("P/nobody", "wrong"),
        connect(T1[0], "0" * 64 + ";hmacsha256"),
        connect(tencent_login("nobody")[0], "0" * 64 + ";hmacsha256"),
        connect("N", TOKEN.replace("sign=", "sign=A"), "dev1"),
        connect("N", onenet_token("nobody"), "nobody"),
    ],
    ids=["password", "password of nobody", "tencent", "tencent of nobody", "onenet", "onenet of nobody"],
)
async def test_every_proof_is_compared_in_constant_time(at: Door, said: bytes) -> None:
    """What decides is compare_digest, once, also where there is nobody to compare with."""
    with patch.object(hmac, "compare_digest", wraps=hmac.compare_digest) as compared:
        assert await at.knock(said) == REFUSED
    assert compared.call_count == 1
