"""The page at `/`: files that anybody may have, because they hold no facts; what they show needs the token.

Theory of operation. The page is HTML, a style sheet and ES modules, served as they lie here. It reads `/api/v1/events`
and draws; what it does, it does through the API.
"""

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from aiohttp import web

from gateway.ops import words
from gateway.ops.http import UNGUARDED
from gateway.ops.pages import HEADERS

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One file, ready to be sent."""

    body: bytes
    packed: bytes
    tag: str
    kind: str


def routes() -> list[web.RouteDef]:
    """Return the routes, open to everybody."""
    pages = dict(_pages())

    async def show(request: web.Request) -> web.Response:
        page = pages.get(request.match_info.get("file", "index.html"))
        if page is None:
            raise web.HTTPNotFound
        return _answer(request, page)

    return [
        web.get("/", show, name=f"{UNGUARDED}.page"),
        web.get("/dashboard/{file}", show, name=f"{UNGUARDED}.files"),
    ]


def _pages() -> Iterator[tuple[str, Page]]:
    """Read all of it: some tens of kilobytes, packed once."""
    for file in files(__name__).joinpath("static").iterdir():
        suffix = file.name[file.name.rfind(".") :]
        if suffix in _TYPES:
            yield file.name, _page(file.read_bytes(), _TYPES[suffix])
    for language in words.LANGUAGES:
        yield f"{language}.json", _page(words.text(language).encode(), _TYPES[".json"])


def _page(body: bytes, kind: str) -> Page:
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    return Page(body=body, packed=gzip.compress(body, mtime=0), tag=tag, kind=kind)


def _answer(request: web.Request, page: Page) -> web.Response:
    headers = {**HEADERS, "Vary": "Accept-Encoding", "ETag": page.tag}
    if request.headers.get("If-None-Match") == page.tag:
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = page.kind
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        return web.Response(body=page.packed, headers={**headers, "Content-Encoding": "gzip"})
    return web.Response(body=page.body, headers=headers)
