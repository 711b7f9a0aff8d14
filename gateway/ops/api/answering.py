"""How the API answers: JSON that no cache keeps, and long lists a page at a time."""

from collections.abc import Mapping
from typing import Any, TypeVar

from aiohttp import web

from gateway.ops.api import parameters

T = TypeVar("T")


def answer(body: dict[str, Any]) -> web.Response:
    """Answer with JSON, never from a cache."""
    return web.json_response(body, headers={"Cache-Control": "no-store"})


def paged(request: web.Request, wanted: Mapping[str, T]) -> tuple[list[T], str | None]:
    """Return one page in the order of the names, and the cursor of the next, None at the end."""
    limit, after = parameters.limit(request), parameters.name_after(request)
    names = sorted(name for name in wanted if after is None or name > after)
    page = names[:limit]
    following = parameters.cursor_after(page[-1]) if len(names) > limit else None
    return [wanted[name] for name in page], following
