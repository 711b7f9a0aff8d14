"""What an HTTP answer to a request for (the rest of) an image means. Pure: status and headers in, a decision out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.errors import CloudError, Rejected, Unavailable
from gateway.firmware.ranges import received
from gateway.firmware.troubles import RANGE_REFUSED
from gateway.ports.firmware import Trouble

MAX_RETRY_AFTER: Final = 3600.0  # seconds
_LATER: Final = frozenset({408, 425, 429})
_REFUSALS: Final = {
    401: Trouble.URL_EXPIRED,
    403: Trouble.URL_EXPIRED,
    404: Trouble.NOT_FOUND,
    410: Trouble.NOT_FOUND,
}


@dataclass(frozen=True, slots=True)
class Body:
    """What follows the headers: `length` bytes of the image, which has `total`; None where the server does not say."""

    length: int | None
    total: int | None


#: The image ends where we asked it to go on.
NOTHING: Final = Body(0, None)


def weigh(status: int, headers: Mapping[str, str], *, start: int, size: int | None) -> Body:
    """Return what the body is; raises Unavailable or Rejected where it is not what was asked for.

    `size` is what the cloud said. `headers` must find names in any case.
    """
    if status not in (200, 206):
        return _refusal(status, headers, start)
    if headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise Rejected("encoded", "the source sends an encoding although none was accepted")
    body = _whole(headers, start) if status == 200 else _part(headers, start)
    if None not in (body.total, size) and body.total != size:
        raise Rejected(Trouble.WRONG_SIZE, f"the source has {body.total} bytes, the cloud said {size}")
    return body


def _refusal(status: int, headers: Mapping[str, str], start: int) -> Body:
    if status == 416 and start:
        found = received(headers.get("Content-Range", ""))
        if found is not None and found.size == start:
            return NOTHING
        raise Rejected(RANGE_REFUSED, f"the source cannot go on at byte {start}")
    raise refusal(status, headers)


def refusal(status: int, headers: Mapping[str, str]) -> CloudError:
    """Translate a status that is no success."""
    if status in _LATER or status >= 500:
        return Unavailable(
            f"HTTP {status}",
            code="http_5xx" if status >= 500 else f"http_{status}",
            retry_after=_retry_after(headers.get("Retry-After", "")),
        )
    if 300 <= status < 400:
        return Rejected("redirected", f"HTTP {status}: redirects are not followed")
    return Rejected(_REFUSALS.get(status, "http_status"), f"HTTP {status}")


def _whole(headers: Mapping[str, str], start: int) -> Body:
    if start:
        raise Rejected(RANGE_REFUSED, "the source sends the whole image instead of its rest")
    length = _length(headers)
    return Body(length, length)


def _part(headers: Mapping[str, str], start: int) -> Body:
    found = received(headers.get("Content-Range", ""))
    if not start or found is None or found.span is None or found.span.first != start:
        raise Rejected(
            RANGE_REFUSED, f"the source sends {headers.get('Content-Range', '')[:60]!r} for byte {start}"
        )
    length = _length(headers)
    if length is not None and length != len(found.span):
        raise Rejected(RANGE_REFUSED, f"the source sends {length} bytes for a range of {len(found.span)}")
    return Body(len(found.span), found.size)


def _length(headers: Mapping[str, str]) -> int | None:
    value = headers.get("Content-Length", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else None


def _retry_after(value: str) -> float | None:
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), MAX_RETRY_AFTER)
    return None
