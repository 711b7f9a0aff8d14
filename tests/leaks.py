"""Looks for secrets where they must not be: as they are, and in every spelling that somebody might have put them in."""

import base64
import csv
import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, quote_plus

NAMES: Final = frozenset(
    {"secret", "token", "password", "access_key", "access_token", "app_secret", "app_key", "email", "phone"}
)
"""What the keys of a configuration are called whose values nobody may see."""

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
    """Return the secrets that a configuration file names, files and lists of devices included; none of a bad one."""
    with suppress(tomllib.TOMLDecodeError, OSError):
        return {found for found in _secrets_in(tomllib.loads(path.read_text()), path.parent) if found}
    return set()


def _secrets_in(table: dict[str, Any], directory: Path) -> Iterator[str]:
    for key, value in table.items():
        if key == "devices_file":
            with (directory / value).open(newline="") as file:
                yield from (row.get("secret", "") for row in csv.DictReader(file))
        elif key not in NAMES:
            yield from _secrets_in(value, directory) if isinstance(value, dict) else ()
        elif isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield os.environ.get(value.get("env", ""), "")
            with suppress(OSError):
                yield (directory / value["file"]).read_text().strip() if "file" in value else ""
