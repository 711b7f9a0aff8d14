"""Secrets are kept as salted hashes, a slow hash is computed seldom, and time tells no names."""

import asyncio

import pytest

from gateway.devices.access import Authentication, Credential, Product, hash_secret, hashing, verify_secret
from gateway.devices.access.hashing import Scheme
from gateway.devices.access.password import PasswordLogin
from gateway.devices.dialects import DIALECTS
from gateway.model.identity import DeviceId
from gateway.ports.devices import Login

#: printf saltsaltsecret | openssl dgst -sha256
SHA256 = "sha256$73616c7473616c74$27b0d9f5088892201b4d5341d34eeca7dfd3b19a6a4f35c536dda0cbed45e701"
#: openssl kdf -keylen 32 -kdfopt pass:secret -kdfopt salt:saltsalt -kdfopt n:16 -kdfopt r:8 -kdfopt p:1 SCRYPT
SCRYPT = "scrypt$16$8$1$73616c7473616c74$b474fb18baa9d2e61b881d34f4c7881e732e10c67cea4c748e0069ab9bf1a3ce"
DEVICE = DeviceId("P1", "dev01")


@pytest.mark.parametrize("stored", [SHA256, SCRYPT])
def test_a_hash_made_elsewhere_is_verified(stored: str) -> None:
    """The hashes of an independent tool match their secret and no other."""
    assert verify_secret("secret", stored)
    assert not verify_secret("Secret", stored)
    assert not verify_secret("", stored)


def test_the_scrypt_of_the_standard_is_verified() -> None:
    """RFC 7914 section 12, third vector: 64 bytes from pleaseletmein and SodiumChloride."""
    stored = (
        "scrypt$16384$8$1$536f6469756d43686c6f72696465$"
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
        "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
    )

    assert verify_secret("pleaseletmein", stored)
    assert not verify_secret("pleaseletmeout", stored)


@pytest.mark.parametrize("scheme", ["sha256", "scrypt"])
def test_a_hash_is_salted_and_holds_no_secret(scheme: Scheme) -> None:
    """The same secret hashes differently each time, and each hash verifies."""
    first, second = hash_secret("s3cret", scheme), hash_secret("s3cret", scheme)

    assert first != second
    assert "s3cret" not in first
    assert first.startswith(f"{scheme}$")
    assert verify_secret("s3cret", first)
    assert verify_secret("s3cret", second)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "md5$00$00",
        "sha256$73616c7473616c74",
        "sha256$salt$hash",
        "sha256$00$" + "00" * 32,
        "sha256$73616c7473616c74$" + "00" * 31,
        "scrypt$15$8$1$73616c7473616c74$" + "00" * 32,
        "scrypt$0$8$1$73616c7473616c74$" + "00" * 32,
        "scrypt$16$0$1$73616c7473616c74$" + "00" * 32,
        "scrypt$16$8$17$73616c7473616c74$" + "00" * 32,
        "scrypt$1048576$8$1$73616c7473616c74$" + "00" * 32,
        "scrypt$n$8$1$73616c7473616c74$" + "00" * 32,
        "scrypt$16$8$1$73616c7473616c74$" + "00" * 65,
    ],
)
def test_what_is_no_affordable_hash_is_refused(text: str) -> None:
    """A malformed hash, or one that would take more memory than a small box has, is an error and not a mismatch."""
    with pytest.raises(ValueError, match=r"."):
        verify_secret("secret", text)


class Counter:
    """Keeps the cost of each hash that is computed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.costs: list[tuple[int, int, int] | None] = []
        self._compute = hashing._digest
        monkeypatch.setattr(hashing, "_digest", self._count)

    def _count(self, cost: tuple[int, int, int] | None, salt: bytes, secret: str, length: int) -> bytes:
        self.costs.append(cost)
        return self._compute(cost, salt, secret, length)


def door(**devices: str) -> PasswordLogin:
    """A door for devices with these hashes."""
    return PasswordLogin(
        [
            Product(
                id="P1",
                dialect=DIALECTS["plain"],
                authentication=Authentication.PASSWORD,
                devices={name: Credential(secret_hash=stored) for name, stored in devices.items()},
            )
        ]
    )


def login(username: str, password: str) -> Login:
    """A CONNECT with a password."""
    return Login(client_id="x", username=username, password=password, address="192.0.2.7")


async def test_a_reconnect_storm_computes_one_slow_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred logins of one device with its right password, at once and later, cost one scrypt."""
    known, counter = door(dev01=SCRYPT), Counter(monkeypatch)

    devices = await asyncio.gather(*[known.identify(login("P1/dev01", "secret")) for _ in range(100)])
    devices.append(await known.identify(login("P1/dev01", "secret")))

    assert set(devices) == {DEVICE}
    # Two may start before the first is done.
    assert len(counter.costs) <= 2


async def test_a_wrong_password_is_never_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wrong try costs a hash and is refused: the same one again, and after the right one was seen."""
    known, counter = door(dev01=SCRYPT), Counter(monkeypatch)

    tries = ("wrong", "wrong", "secret", "wrong", "secret")
    devices = [await known.identify(login("P1/dev01", password)) for password in tries]

    assert devices == [None, None, DEVICE, None, DEVICE]
    assert len(counter.costs) == 4


async def test_an_unknown_name_costs_what_a_wrong_password_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a name that nobody has, a hash of the same cost is computed, every time."""
    known, counter = door(dev01=SCRYPT), Counter(monkeypatch)

    for username in ("P1/dev01", "P1/dev02", "P1/dev02", "P9/dev01"):
        assert await known.identify(login(username, "wrong")) is None

    assert counter.costs == [(16, 8, 1)] * 4


async def test_an_unknown_name_does_not_get_in_with_any_password() -> None:
    """The hash that stands in for nobody's has no secret."""
    for stored in (SHA256, SCRYPT):
        assert await door(dev01=stored).identify(login("P1/dev02", "secret")) is None
