"""Login with `{product_id}/{device_name}` and the device's secret.

Its law: a name that nobody has costs the same time as a wrong password, so that names cannot be guessed by the clock.
"""

import asyncio
import hmac
import secrets
from collections.abc import Iterable, Mapping
from typing import Final

from gateway.devices.access.hashing import SecretHash, make_hash, parse_hash
from gateway.devices.access.product import Credential, Product, device_named
from gateway.model.identity import DeviceId
from gateway.ports.devices import Login

#: scrypt takes 16 MiB and tens of milliseconds of a core each time.
_AT_ONCE: Final = 2


class PasswordLogin:
    """Verifies passwords against hashes; remembers, keyed by a random key, which password was right.

    The memory makes a reconnect storm cheap: one entry per device, no clear secret, gone with the process.
    """

    def __init__(self, products: Iterable[Product]) -> None:
        self._hashes: Mapping[DeviceId, SecretHash] = {
            DeviceId(product.id, name): stored_hash(credential)
            for product in products
            for name, credential in product.devices.items()
        }
        self._nobody = _like_the_costliest(self._hashes.values())
        self._key = secrets.token_bytes(32)
        self._proven: dict[DeviceId, bytes] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def identify(self, login: Login) -> DeviceId | None:
        """Return the device whose secret the password is."""
        device = device_named(login.username)
        if device is None or login.password is None:
            return None
        known = self._hashes.get(device)
        matches = await self._verify(device, known or self._nobody, login.password)
        if known is not None and not matches and known.scrypt != self._nobody.scrypt:
            # Where a product has hashes of both kinds, the quick ones must not tell who exists.
            await self._verify(device, self._nobody, login.password)
        return device if known is not None and matches else None

    async def _verify(self, device: DeviceId, stored: SecretHash, password: str) -> bool:
        if stored.scrypt is None:
            return stored.matches(password)
        tag = hmac.digest(self._key, password.encode("utf-8", "surrogatepass"), "sha256")
        if self._is_proven(device, tag):
            return True
        async with self._slots:
            if self._is_proven(device, tag):
                return True
            matches = await asyncio.to_thread(stored.matches, password)
        if matches and device in self._hashes:
            self._proven[device] = tag
        return matches

    def _is_proven(self, device: DeviceId, tag: bytes) -> bool:
        return hmac.compare_digest(self._proven.get(device, b""), tag)


def stored_hash(credential: Credential) -> SecretHash:
    """Return the hash to verify against; ValueError when the credential has neither a secret nor a good hash."""
    if credential.secret_hash is not None:
        return parse_hash(credential.secret_hash)
    if credential.secret is not None:
        return make_hash(credential.secret(), "sha256")
    raise ValueError("it has neither secret nor secret_hash")


def _like_the_costliest(hashes: Iterable[SecretHash]) -> SecretHash:
    """Return a hash of nobody's secret that takes as long as the slowest one in use."""
    costs = [each.scrypt for each in hashes if each.scrypt is not None]
    slowest = max(costs, key=lambda cost: cost[0] * cost[1] * cost[2], default=None)
    return SecretHash(slowest, secrets.token_bytes(16), secrets.token_bytes(32))
