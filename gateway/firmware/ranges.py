"""The header Range as servers read it and Content-Range as clients do (RFC 9110 §14), with what old SDKs send."""

import re
from dataclasses import dataclass
from typing import Final

# OneNET's SDKs leave the unit out. 18 digits are more than any file has bytes.
_RANGE: Final = re.compile(
    r"(?:bytes[ \t]*=)?[ \t]*(\d{0,18})[ \t]*-[ \t]*(\d{0,18})", re.ASCII | re.IGNORECASE
)
_CONTENT_RANGE: Final = re.compile(
    r"bytes[ \t]+(?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)", re.ASCII | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of an image, both ends included."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last + 1 - self.first


class UnsatisfiableError(ValueError):
    """No byte of the image lies in the range."""


def requested(header: str, size: int) -> Span | None:
    """Return what a client asks for; None, the whole image, where the header is no single range of bytes.

    An end beyond the image is its end: two SDKs of Tencent name the size itself. Raises UnsatisfiableError.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return None
    first, last = _ends(found[1], found[2], size)
    if found[1] and found[2] and int(found[2]) < int(found[1]):
        return None  # RFC 9110 §14.1.1: such a range is invalid, and §14.2: then there is none.
    if first >= size or last < first:
        raise UnsatisfiableError(header)
    return Span(first, last)


def _ends(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(size - int(last), 0) if int(last) else size, size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


@dataclass(frozen=True, slots=True)
class ContentRange:
    """What a server says of its answer; `span` is None where it could not serve the range."""

    span: Span | None
    #: Of the whole image, where the server knows.
    size: int | None


def received(header: str) -> ContentRange | None:
    """Read Content-Range; None where it makes no sense."""
    found = _CONTENT_RANGE.fullmatch(header.strip())
    if found is None:
        return None
    size = None if found[3] == "*" else int(found[3])
    if found[1] is None:
        return ContentRange(None, size) if size is not None else None
    span = Span(int(found[1]), int(found[2]))
    if span.last < span.first or (size is not None and span.last >= size):
        return None
    return ContentRange(span, size)
