"""The vendor's own reading of the Range header."""

import re

FORM = re.compile(r"(?:bytes=)?(\d*)-(\d*)")


def slice_of(header: str, length: int) -> tuple[int, int] | None:
    """Return the first and last byte to send, or nothing for the whole file.

    ``a-`` from a, ``a-b`` inclusive, ``-n`` the last n, with or without ``bytes=``; anything else is the
    whole file. A start past the end becomes 0: who resumes at the end gets everything again.
    """
    match = FORM.fullmatch(header.strip())
    if match is None or match[0].endswith("=-") or match[0] == "-":
        return None
    first, last = match[1], match[2]
    if not first:
        return None if int(last) > length or int(last) == 0 else (length - int(last), length - 1)
    return _clamp(int(first), int(last) if last else length - 1, length)


def _clamp(first: int, last: int, length: int) -> tuple[int, int]:
    if first >= length:
        first = 0
    last = min(last, length - 1)
    return (0 if first > last else first), last
