"""Images: what a cloud says of one, and what is known of one that was read to its last byte.

An image is known by its content. A URL only says where it lay at some time: clouds sign the same URL anew every hour.
"""

import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NewType
from urllib.parse import urlsplit

from gateway.model.identity import DEFAULT_MODULE, Module, Version

#: Lower-case hexadecimal.
Md5 = NewType("Md5", str)
Sha256 = NewType("Sha256", str)

_MD5 = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
#: Query parameters that prove a right to read and name nothing: COS, OSS, S3 and their CDNs.
_SIGNATURES = re.compile(
    r"(?:q-|x-cos-|x-oss-|x-amz-).*|sign|signature|security-token|auth_key|(?:aws|oss)?accesskeyid"
)
#: Parameters that go with a signature; without one they may name the image.
_TIMES = frozenset({"t", "ts", "timestamp", "expires", "nonce", "rand"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Firmware:
    """What a cloud says of an image; it may know neither size nor md5, and it may be wrong."""

    version: Version
    module: Module = DEFAULT_MODULE
    #: Not shown: its query is often a signature.
    url: str = field(default="", repr=False)
    size: int | None = None
    md5: Md5 | None = None

    def __post_init__(self) -> None:
        if not (self.url or self.md5):
            raise ValueError("a firmware needs a URL or an md5 to be told from others")
        if self.size is not None and self.size < 1:
            raise ValueError(f"size is {self.size}; an image has at least one byte")

    @property
    def identity(self) -> str:
        """Return what tells it from others and stays when its URL is signed anew, as 32 hexadecimal digits."""
        name = self.md5 or f"{unsigned(self.url)} {self.module} {self.version}"
        return sha256(name.encode(errors="surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What was measured of an image, every byte of it."""

    sha256: Sha256
    md5: Md5
    size: int

    def misfit(self, firmware: Firmware) -> str | None:
        """Name what contradicts the cloud's word: wrong_size, wrong_md5, or None when nothing does."""
        if firmware.size is not None and firmware.size != self.size:
            return "wrong_size"
        if firmware.md5 is not None and firmware.md5 != self.md5:
            return "wrong_md5"
        return None


def read_md5(text: str) -> Md5 | None:
    """Read an md5 as clouds write it, None where they leave it out; raises ValueError if it is none."""
    value = text.strip().lower()
    if not value:
        return None
    if not _MD5.fullmatch(value):
        raise ValueError(f"md5 is {value[:40]!r}; it must be 32 hexadecimal digits")
    return Md5(value)


def read_sha256(text: str) -> Sha256:
    """Read a sha256 as we write it; raises ValueError if it is none."""
    if not _SHA256.fullmatch(text):
        raise ValueError(f"sha256 is {text[:70]!r}; it must be 64 lower-case hexadecimal digits")
    return Sha256(text)


def unsigned(url: str) -> str:
    """Return the URL without fragment, user and signature; a parameter that we do not know may name the image."""
    parts = urlsplit(url)
    fields = [field for field in parts.query.split("&") if field]
    kept = [field for field in fields if not _SIGNATURES.fullmatch(_name(field))]
    if len(kept) < len(fields):
        kept = [field for field in kept if _name(field) not in _TIMES]
    host = parts.netloc.rpartition("@")[2].lower()
    return f"{parts.scheme.lower()}://{host}{parts.path}?{'&'.join(kept)}".removesuffix("?")


def _name(parameter: str) -> str:
    return parameter.partition("=")[0].lower()
