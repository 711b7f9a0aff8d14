"""What a device said, in its own words, for people: bounded, on one line, and without secrets."""

import re
from typing import Final

from gateway.logs import without_secrets

#: Of a report that is written into the timeline; what a device says may be a hundred times as long.
MAX_BYTES: Final = 512
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def in_its_words(payload: bytes) -> str:
    """Return what was said, or its beginning."""
    # Secrets are looked for in more than is kept: one that is cut is none that is known.
    text = without_secrets(payload[: 2 * MAX_BYTES].decode(errors="replace"))
    if not text.isprintable():
        text = _CONTROL.sub(" ", text)
    if len(payload) <= MAX_BYTES:
        return text
    return f"{text[:MAX_BYTES]}… ({len(payload)} bytes)"
