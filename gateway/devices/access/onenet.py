"""The login of OneNET's device SDKs, verified offline with the device's own key.

Client id = device name, username = product id, password = a token of five `k=v` joined by `&` in any order:
version, res, et, method, sign. Signed are the values `et method res version`, joined by line feeds, un-encoded.
"""

import base64
import hmac
import secrets
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import unquote

from gateway.devices.access.key import keys_of
from gateway.devices.access.product import Product
from gateway.devices.access.validity import is_over
from gateway.model.identity import DeviceId
from gateway.ports.devices import Login

_DIGESTS: Final = frozenset({"md5", "sha1", "sha256"})
_MAX_TOKEN_CHARS: Final = 1024


class OneNetLogin:
    """Verifies the token's resource and signature, then its end, unless our own clock cannot be right.

    Tokens for a whole product are refused: they would let one device speak for another.
    """

    def __init__(self, products: Iterable[Product], wall_clock: Callable[[], float]) -> None:
        self._keys = keys_of(products)
        self._wall_clock = wall_clock
        self._nobodys_key = secrets.token_bytes(32)

    async def identify(self, login: Login) -> DeviceId | None:
        """Return the device whose key signed the token."""
        device = DeviceId(login.username or "", login.client_id)
        token = _fields(login.password or "")
        if token.get("res") != f"products/{device.product_id}/devices/{device.name}":
            return None
        known = self._keys.get(device)
        key = None if known is None else known.read()
        signed = _is_signed(key or self._nobodys_key, token)
        return device if key is not None and signed and not self._is_over(token.get("et", "")) else None

    def _is_over(self, end: str) -> bool:
        if not (end.isascii() and end.isdigit() and len(end) <= 20):
            return True
        return is_over(int(end), self._wall_clock())


def _fields(token: str) -> dict[str, str]:
    if len(token) > _MAX_TOKEN_CHARS:
        return {}
    pairs = (part.partition("=") for part in token.split("&"))
    # unquote, not a form decoder: a plus sign that was left un-encoded stays a plus sign.
    return {name: unquote(value) for name, _, value in pairs}


def _is_signed(key: bytes, token: dict[str, str]) -> bool:
    method = token.get("method", "")
    if method not in _DIGESTS:
        return False
    text = "\n".join((token.get("et", ""), method, token.get("res", ""), token.get("version", "")))
    sign = base64.b64encode(hmac.digest(key, text.encode("utf-8", "surrogatepass"), method))
    return hmac.compare_digest(sign, token.get("sign", "").encode("utf-8", "surrogatepass"))
