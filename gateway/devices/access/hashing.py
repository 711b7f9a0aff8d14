"""Secrets at rest: salted hashes as one line of text, `sha256$salt$hash` or `scrypt$n$r$p$salt$hash` in hex.

sha256 is for device secrets, which are long and random; scrypt is for passwords that a person chose.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final, Literal

Scheme = Literal["sha256", "scrypt"]

_SALT_BYTES: Final = 16
#: What one verification may take of a small box; OpenSSL wants a little room above it.
_MAX_SCRYPT_BYTES: Final = 128 * 2**20
_SCRYPT_COST: Final = (2**14, 8, 1)


@dataclass(frozen=True, slots=True)
class SecretHash:
    """A parsed hash; `scrypt` is its cost (n, r, p), None for sha256."""

    scrypt: tuple[int, int, int] | None
    salt: bytes
    digest: bytes

    def matches(self, secret: str) -> bool:
        """Whether this is the hash of the secret; takes the same time either way."""
        return hmac.compare_digest(_digest(self.scrypt, self.salt, secret, len(self.digest)), self.digest)

    def __str__(self) -> str:
        head = ["sha256"] if self.scrypt is None else ["scrypt", *map(str, self.scrypt)]
        return "$".join([*head, self.salt.hex(), self.digest.hex()])


def make_hash(secret: str, scheme: Scheme = "scrypt") -> SecretHash:
    """Hash a secret with a new salt."""
    cost = _SCRYPT_COST if scheme == "scrypt" else None
    salt = secrets.token_bytes(_SALT_BYTES)
    return SecretHash(cost, salt, _digest(cost, salt, secret, 32))


def parse_hash(text: str) -> SecretHash:
    """Read a hash from its text; raise ValueError when it is none or would cost too much memory."""
    match text.split("$"):
        case ["sha256", salt, digest]:
            parsed = SecretHash(None, bytes.fromhex(salt), bytes.fromhex(digest))
        case ["scrypt", n, r, p, salt, digest]:
            parsed = SecretHash(_cost(int(n), int(r), int(p)), bytes.fromhex(salt), bytes.fromhex(digest))
        case _:
            raise ValueError("it must be sha256$<salt>$<hash> or scrypt$<n>$<r>$<p>$<salt>$<hash>, in hex")
    shortest = 32 if parsed.scrypt is None else 16
    if len(parsed.salt) < 8 or not shortest <= len(parsed.digest) <= 64:
        raise ValueError(f"the salt must have 8 bytes or more and the hash {shortest} or more, in hex")
    return parsed


def _cost(n: int, r: int, p: int) -> tuple[int, int, int]:
    # RFC 7914 section 2: n is a power of two; the working memory is 128·n·r bytes.
    if n < 2 or n & (n - 1) or r < 1 or not 1 <= p <= 16 or 128 * n * r > _MAX_SCRYPT_BYTES:
        raise ValueError("scrypt's n must be a power of two, p at most 16 and 128·n·r at most 128 MiB")
    return n, r, p


def _digest(cost: tuple[int, int, int] | None, salt: bytes, secret: str, length: int) -> bytes:
    # A password that was not UTF-8 on the wire may carry surrogates; it is wrong, not a reason to fail.
    clear = secret.encode("utf-8", "surrogatepass")
    if cost is None:
        return hashlib.sha256(salt + clear).digest()
    n, r, p = cost
    return hashlib.scrypt(clear, salt=salt, n=n, r=r, p=p, maxmem=_MAX_SCRYPT_BYTES + 2**20, dklen=length)


def hash_secret(secret: str, scheme: Scheme = "scrypt") -> str:
    """Return the text under which a secret may be kept."""
    return str(make_hash(secret, scheme))


def verify_secret(secret: str, text: str) -> bool:
    """Whether the text is a hash of the secret; ValueError when the text is no hash."""
    return parse_hash(text).matches(secret)
