"""The login of Tencent's device SDKs, verified offline with the device's own key.

Username `{product}{device};{sdkappid};{connid};{expiry}`, no separator in the first part; password
`{hex HMAC of the username};hmacsha256` or `…;hmacsha1`, keyed with the base64-decoded device secret.
"""

import hmac
import secrets
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from gateway.devices.access.key import Key, keys_of
from gateway.devices.access.product import Product
from gateway.devices.access.validity import is_over
from gateway.model.identity import DeviceId
from gateway.ports.devices import Login

_DIGESTS: Final = MappingProxyType({"hmacsha256": "sha256", "hmacsha1": "sha1"})
#: SDKs write seconds, milliseconds (Python) or LONG_MAX (C, when the clock is unknown); 10^11 s is the year 5138.
_FIRST_MILLISECONDS: Final = 10**11


class TencentLogin:
    """Verifies the HMAC, then the expiry, unless our own clock cannot be right."""

    def __init__(self, products: Iterable[Product], wall_clock: Callable[[], float]) -> None:
        keys = keys_of(products)
        self._keys: Mapping[DeviceId, Key] = keys
        # Two devices may share a spelling, AB+C1 and ABC+1: the key tells them apart.
        self._spelled: dict[str, list[DeviceId]] = {}
        for device in keys:
            self._spelled.setdefault(f"{device.product_id}{device.name}", []).append(device)
        self._wall_clock = wall_clock
        self._nobodys_key = secrets.token_bytes(32)

    async def identify(self, login: Login) -> DeviceId | None:
        """Return the device whose key signed the username."""
        username, password = login.username or "", login.password or ""
        sign, _, method = password.rpartition(";")
        digest = _DIGESTS.get(method)
        match username.split(";"):
            case [name, _, _, expiry] if digest is not None and sign:
                signed_by = self._signer(name, username, sign, digest)
                return signed_by if signed_by is not None and not self._is_over(expiry) else None
        return None

    def _signer(self, name: str, username: str, sign: str, digest: str) -> DeviceId | None:
        candidates = self._spelled.get(name)
        if candidates is None:
            _is_signed(self._nobodys_key, username, sign, digest)
            return None
        for device in candidates:
            key = self._keys[device].read()
            if key is not None and _is_signed(key, username, sign, digest):
                return device
        return None

    def _is_over(self, expiry: str) -> bool:
        if not (expiry.isascii() and expiry.isdigit() and len(expiry) <= 20):
            return True
        until = int(expiry)
        return is_over(until / 1000 if until >= _FIRST_MILLISECONDS else until, self._wall_clock())


def _is_signed(key: bytes, username: str, sign: str, digest: str) -> bool:
    expected = hmac.digest(key, username.encode("utf-8", "surrogatepass"), digest).hex()
    return hmac.compare_digest(expected.encode(), sign.lower().encode("utf-8", "surrogatepass"))
