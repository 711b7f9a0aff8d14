"""Links to images that a device can be given: signed, expiring, for one image and one device, and short.

A token is URL-safe base64 of: version (1 byte), expiry (Unix seconds, 4 bytes, big-endian), sha256 of the image
(32 bytes), subject (UTF-8), and the first 16 bytes of the HMAC-SHA256 over all of that. Old SDKs copy a URL unchecked
into 512 bytes.
"""

import base64
import binascii
import hmac
import os
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from gateway.firmware.disk import write_whole
from gateway.model.firmware import Sha256

PREFIX: Final = "/f/"
MAX_URL: Final = 511  # and a NUL
MAX_SUBJECT: Final = 160  # bytes
MAX_TOKEN: Final = 400  # characters
_KEY_BYTES: Final = 32
_MAC_BYTES: Final = 16
_VERSION: Final = 1
_HEAD: Final = struct.Struct(">BI32s")
_LAST_SECOND: Final = 2**32 - 1

log = structlog.get_logger()


class ForgedError(ValueError):
    """The token was not made with our key."""


class ExpiredError(ValueError):
    """The token was good once."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a token lets its bearer do."""

    sha256: Sha256
    subject: str


class Links:
    """Makes links and reads them back."""

    def __init__(self, key: bytes, public_url: str, now: Callable[[], float]) -> None:
        if len(key) < _KEY_BYTES:
            raise ValueError(f"the key has {len(key)} bytes; it needs {_KEY_BYTES}")
        self._key = key
        self._base = public_url.rstrip("/") + PREFIX
        self._now = now

    def make(self, sha256: Sha256, subject: str, ttl: timedelta) -> str:
        """Return a URL; raises ValueError when it would not fit into an old device."""
        expiry = min(int(self._now() + ttl.total_seconds()), _LAST_SECOND)
        name = subject.encode()
        if len(name) > MAX_SUBJECT:
            raise ValueError(f"the subject has {len(name)} bytes; {MAX_SUBJECT} is the most")
        content = _HEAD.pack(_VERSION, expiry, bytes.fromhex(sha256)) + name
        url = self._base + base64.urlsafe_b64encode(content + self._mac(content)).decode().rstrip("=")
        if len(url) > MAX_URL:
            raise ValueError(
                f"the link has {len(url)} characters, {MAX_URL} is the most; shorten firmware.public_url"
            )
        return url

    def read(self, token: str) -> Claim:
        """Return what the token grants; raises ForgedError or ExpiredError."""
        content, mac = _parts(token)
        if not hmac.compare_digest(mac, self._mac(content)):
            raise ForgedError
        version, expiry, digest = _HEAD.unpack_from(content)
        if version != _VERSION:
            raise ForgedError
        if self._now() >= expiry:
            raise ExpiredError
        return Claim(Sha256(digest.hex()), content[_HEAD.size :].decode())

    def _mac(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, "sha256")[:_MAC_BYTES]


def _parts(token: str) -> tuple[bytes, bytes]:
    try:
        if len(token) > MAX_TOKEN:
            raise ForgedError
        padded = token + "=" * (-len(token) % 4)
        raw = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ForgedError from error
    if len(raw) < _HEAD.size + _MAC_BYTES:
        raise ForgedError
    return raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]


def load_key(path: Path) -> bytes:
    """Return the key, made at the first start; only we may read it. Blocks for a moment.

    A new one makes all links that are out invalid.
    """
    try:
        key = path.read_bytes()
        if len(key) == _KEY_BYTES:
            os.chmod(path, 0o600)  # noqa: PTH101 - the same thing
            return key
        log.error("firmware_key_damaged", file=path.name)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = secrets.token_bytes(_KEY_BYTES)
    write_whole(path, key)
    return key
