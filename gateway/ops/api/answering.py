"""How the API answers: JSON that no cache keeps, with a tag for who has it already; long lists a page at a time."""

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import blake2b
from heapq import nsmallest
from math import isfinite
from typing import Any, TypeVar

from aiohttp import ETag, web

from gateway.model.identity import UpdateId
from gateway.ops.api.parameters import Paged
from gateway.ops.problems import PRECONDITION_FAILED, BadRequestError, problem
from gateway.ports.history import Place

T = TypeVar("T")
_NEVER_CACHED = {"Cache-Control": "no-store"}


def answer(request: web.Request, body: Mapping[str, Any]) -> web.Response:
    """Answer with JSON; whoever names its tag, and so has it, is told only that it still holds."""
    return answer_text(request, json.dumps(body), "application/json")


def answer_text(
    request: web.Request, text: str, content_type: str, headers: Mapping[str, str] = _NEVER_CACHED
) -> web.Response:
    """Answer with a text of any kind, and heed what the request says of its tag."""
    if request.method == "POST":
        return web.Response(text=text, content_type=content_type, headers=headers)
    tag = blake2b(text.encode(errors="surrogatepass"), digest_size=12).hexdigest()
    if request.if_match is not None and not _names(request.if_match, tag, weak=False):
        return problem(PRECONDITION_FAILED, "it is no longer what If-Match names; look it up again")
    held = request.if_none_match is not None and _names(request.if_none_match, tag, weak=True)
    reply = (
        web.Response(status=304, headers=headers)
        if held
        else web.Response(text=text, content_type=content_type, headers=headers)
    )
    reply.etag = tag
    return reply


def _names(tags: tuple[ETag, ...], tag: str, *, weak: bool) -> bool:
    """Whether one of them is meant; only looking up may compare weakly (RFC 9110 §8.8.3.2)."""
    return any(each.value == "*" or (each.value == tag and (weak or not each.is_weak)) for each in tags)


def paged(asked: Paged, wanted: Mapping[str, T]) -> tuple[list[T], str | None]:
    """Return one page in the order of the names, and the cursor of the next, None at the end."""
    after = None if asked.cursor is None else name_after(asked.cursor)
    names = nsmallest(asked.limit + 1, (name for name in wanted if after is None or name > after))
    page = names[: asked.limit]
    following = cursor_after(page[-1]) if len(names) > asked.limit else None
    return [wanted[name] for name in page], following


def cursor_after(name: str) -> str:
    """Write where a page ended, by the name of its last entry."""
    return urlsafe_b64encode(name.encode(errors="surrogatepass")).decode()


def name_after(cursor: str) -> str:
    """Read the name at which the page before ended."""
    try:
        return b64decode(cursor, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise _none_of_ours() from None


def place_cursor(place: Place) -> str:
    """Write where a page of updates ended."""
    opened_at, name = place
    return cursor_after(f"{opened_at!r} {name}")


def place_after(cursor: str) -> Place:
    """Read where the page of updates before ended."""
    opened_at, _, name = name_after(cursor).partition(" ")
    try:
        place = float(opened_at), UpdateId(name)
    except ValueError:
        raise _none_of_ours() from None
    if not isfinite(place[0]) or "\0" in name:
        raise _none_of_ours()
    return place


def number_before(cursor: str) -> int:
    """Read the number at which the page before ended."""
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 18):
        raise _none_of_ours()
    return int(cursor)


def _none_of_ours() -> BadRequestError:
    return BadRequestError('cursor is none of ours; take the "next" of the page before', "cursor")
