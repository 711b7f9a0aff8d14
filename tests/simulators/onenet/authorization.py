"""The Authorization header: five parameters, signed with HMAC; made and verified as the vendor's page says.

Page: "Security authentication", version 2018-10-31 and its successors.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from urllib.parse import quote, unquote

NAMES = frozenset({"version", "res", "et", "method", "sign"})
METHODS = ("md5", "sha1", "sha256")


class BadAuthorization(Exception):  # noqa: N818  it is the caller that is bad
    """The header does not prove what it says."""


def sign(
    *, resource: str, key: str, expires: int, method: str = "sha256", version: str = "2018-10-31"
) -> str:
    """Return the header; ``key`` is base64, ``expires`` unix seconds."""
    signature = signature_of(resource=resource, key=key, expires=str(expires), method=method, version=version)
    values = {"version": version, "res": resource, "et": str(expires), "method": method, "sign": signature}
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in values.items())


def signature_of(*, resource: str, key: str, expires: str, method: str, version: str) -> str:
    """Return the sign parameter before percent-encoding."""
    # Values only, in the alphabetical order of their names, joined by LF, without one at the end.
    text = f"{expires}\n{method}\n{resource}\n{version}"
    return base64.b64encode(hmac.digest(base64.b64decode(key), text.encode(), method)).decode()


def verify(header: str, *, keys: Mapping[str, str], now: float) -> str:
    """Return the resource that the header speaks for; raise ``BadAuthorization`` otherwise."""
    given = _parse(header)
    key = keys.get(given["res"])
    if key is None:
        raise BadAuthorization(f"unknown resource {given['res']!r}")
    if given["method"] not in METHODS:
        raise BadAuthorization(f"unknown method {given['method']!r}")
    if not given["et"].isascii() or not given["et"].isdigit() or int(given["et"]) < now:
        raise BadAuthorization("et is over")
    expected = signature_of(
        resource=given["res"],
        key=key,
        expires=given["et"],
        method=given["method"],
        version=given["version"],
    )
    if not hmac.compare_digest(expected.encode(), given["sign"].encode()):
        raise BadAuthorization("wrong sign")
    return given["res"]


def key_is_base64(key: str) -> bool:
    """Say whether a configured key can be one."""
    try:
        return bool(base64.b64decode(key, validate=True))
    except binascii.Error:
        return False


def _parse(header: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in header.split("&")]
    given = {name: unquote(value) for name, equals, value in pairs if equals}
    # The order is free: a vendor tool logs res, et, method, version, sign.
    if given.keys() != NAMES or len(pairs) != len(NAMES):
        raise BadAuthorization(f"needs exactly {sorted(NAMES)}")
    return given
