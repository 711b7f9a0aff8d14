"""The page at `/api/v1/docs`: the API's description to read and to try, from this gateway and from nowhere else.

Its files hold no facts of the site, so anybody may have them; the description that it shows needs the token, which the
page keeps for as long as its tab is open. Its policy has the browser load nothing of another origin and nothing inline.
"""

from importlib.resources import files
from typing import Final

from aiohttp import web

from gateway.ops.api.answering import answer_text
from gateway.ops.http import UNGUARDED
from gateway.ops.pages import HEADERS

_FILES: Final = {
    "": ("index.html", "text/html"),
    "/reference.css": ("reference.css", "text/css"),
    "/reference.js": ("reference.js", "text/javascript"),
    "/schema.js": ("schema.js", "text/javascript"),
    "/trial.js": ("trial.js", "text/javascript"),
}


def routes() -> list[web.RouteDef]:
    """Return the routes, open to everybody."""
    return [_route(path, *named) for path, named in _FILES.items()]


def _route(path: str, name: str, kind: str) -> web.RouteDef:
    text = files(__name__).joinpath("static", name).read_text(encoding="utf-8")

    async def show(request: web.Request) -> web.Response:
        return answer_text(request, text, kind, HEADERS)

    return web.get(f"/api/v1/docs{path}", show, name=f"{UNGUARDED}.reference.{name.replace('.', '_')}")
