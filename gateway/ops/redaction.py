"""Takes secrets out of what leaves the box for good: by their keys, by their form, and by their exact values.

A log line hides a value as it is, as in a URL and as in JSON. Here somebody has all the time in the world to look for
it, so it is hidden in base64 and in hexadecimal as well.
"""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from typing import Any

from gateway.hidden import HIDDEN, Hidden
from gateway.logs import Redactor

#: Of the values inside a secret that is JSON: a word of it may be a token, "86" or "true" is none.
_SHORTEST_INSIDE = 8
#: What a secret was made into still helps to guess it.
_HASH = re.compile(r"(?:scrypt|sha256)\$[^\s\"']+")


class Redaction:
    """Knows the secrets of one configuration."""

    def __init__(self, secrets: Iterable[str]) -> None:
        values = Hidden()
        for secret in secrets:
            for value in (secret, *_inside(secret)):
                for form in _forms(value):
                    values.add(form)
        self._redactor = Redactor(values)

    def text(self, text: str) -> str:
        """Return the text without secrets, line by line."""
        return "".join(map(self._line, text.splitlines(keepends=True)))

    def json(self, value: Any) -> str:
        """Write the value as JSON, without what its keys call a secret, and without secrets in its texts."""
        return self.text(json.dumps(self._redactor.clean(value), ensure_ascii=False, indent=1, default=str))

    def _line(self, line: str) -> str:
        return _HASH.sub(HIDDEN, self._redactor.text(line))


def _inside(secret: str) -> Iterator[str]:
    """Yield the texts of a secret that is JSON, as clouds hand their tokens out."""
    try:
        value = json.loads(secret)
    except ValueError:
        return
    yield from (text for text in _texts(value) if len(text) >= _SHORTEST_INSIDE)


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)


def _forms(value: str) -> Iterator[str]:
    data = value.encode(errors="surrogateescape")
    yield from (value, json.dumps(value)[1:-1], data.hex(), data.hex().upper())
    yield from (value.upper(), value.lower(), value[::-1])
    for encode in (b64encode, urlsafe_b64encode):
        for before in range(3):
            # Inside a longer text it may begin at any of three places; what hangs on its neighbours is left out.
            coded = encode(b"\0" * before + data).decode().rstrip("=")
            yield coded[(0, 2, 3)[before] :][: -1 if (len(data) + before) % 3 else None]
