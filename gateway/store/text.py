"""What other people's words may hold and a database may not."""

import re

#: A NUL breaks PostgreSQL, half a surrogate pair breaks UTF-8.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """Put U+FFFD for what cannot be stored: one odd word in a cloud's answer must not stop every commit."""
    return text if text.isascii() and "\0" not in text else _UNSTORABLE.sub("\ufffd", text)
