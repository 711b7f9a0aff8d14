"""What other people's words may hold and a database may not."""

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

#: A NUL breaks PostgreSQL, half a surrogate pair breaks UTF-8.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(rows: Sequence[Mapping[str, Any]], words: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    """Put U+FFFD for what cannot be stored: one odd word in a cloud's answer must not stop every commit."""
    # Looked through as one text: odd words are rare, and a look at each would cost more than some writes do.
    said = "".join(filter(None, chain.from_iterable(map(itemgetter(word), rows) for word in words)))
    if (said.isascii() and "\0" not in said) or not _UNSTORABLE.search(said):
        return rows
    return [{**row, **{word: _mended(row[word]) for word in words}} for row in rows]


def _mended(text: str | None) -> str | None:
    return text and _UNSTORABLE.sub("\ufffd", text)
