"""Looks for secrets where they must not be: as they are, and in every spelling that somebody might have put them in."""

import base64
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, quote_plus

from gateway.config import Config, read
from gateway.errors import ConfigError, Denied

SHORTEST = 8
"""A shorter one may stand anywhere by chance."""


def forms(secret: str) -> set[str]:
    """Return the spellings of a secret: in a URL, in JSON, in hexadecimal, and within any text in base64."""
    raw = secret.encode()
    found = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), raw.hex(), raw.hex().upper()}
    found |= {json.dumps(secret, ensure_ascii=is_ascii)[1:-1] for is_ascii in (True, False)}
    for before in range(3):
        # What of it does not depend on its neighbours.
        whole = base64.b64encode(bytes(before) + raw).decode().rstrip("=")
        inner = whole[(0, 2, 3)[before] : len(whole) - (1 if (before + len(raw)) % 3 else 0)]
        found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return {form for form in found if len(form) >= SHORTEST}


def leaks(secrets: Iterable[str], texts: Mapping[str, str]) -> list[str]:
    """Return what is where it must not be, with its surroundings."""
    wanted = {form: secret for secret in secrets if len(secret) >= SHORTEST for form in forms(secret)}
    return [
        f"{secret} in {where}: …{text[max(at - 80, 0) : at + len(form) + 20]}…"
        for where, text in texts.items()
        for form, secret in wanted.items()
        if (at := text.find(form)) >= 0
    ]


def secrets_of(path: Path) -> set[str]:
    """Return every secret that a configuration file names, as far as it can be read here."""
    try:
        return revealed(read(path).config)
    except ConfigError:
        return set()


def revealed(config: Config) -> set[str]:
    """Return the values of a configuration's secrets."""
    found = set()
    for _, secret in config.secrets():
        with suppress(Denied):
            found.add(secret.reveal())
    return found
