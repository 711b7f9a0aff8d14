"""The HTTP side of operations: /metrics, /healthz, /readyz and /api/v1, token-protected apart from health."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address
from typing import Self

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from gateway.config import Address, Secret
from gateway.errors import Denied, GatewayError
from gateway.ops.api.status import Status, show_status
from gateway.ops.door import Door
from gateway.ops.problems import (
    FOREIGN_NAME,
    FOREIGN_PAGE,
    TOKEN_LOST,
    TOKEN_NEEDED,
    problem,
    refused,
    refused_by_http,
)
from gateway.ops.readiness import Check

_OPEN = frozenset({"/healthz", "/readyz"})
#: The name of a route that needs no token, or the first part of it, as in `unguarded.docs`: its handler proves by
#: itself who asks, or it tells nothing of this site.
UNGUARDED = "unguarded"
_SHUTDOWN_SECONDS = 2.0
_GUESS_SECONDS = 0.25
"""Before a wrong token is answered: whoever guesses does it no more often, on each of his connections."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Checks = Callable[[], Awaitable[list[Check]]]


class OpsServer:
    """One listener for monitoring and operators; use it as an async context manager."""

    def __init__(
        self,
        *,
        listen: Address,
        token: Secret | None,
        registry: CollectorRegistry,
        checks: Checks,
        status: Status,
        routes: Iterable[web.RouteDef] = (),
    ) -> None:
        """`routes` are those of the API beside the status."""
        self._token = token
        self._registry = registry
        self._checks = checks
        self._status = status
        self._routes = list(routes)
        self._door = Door(self.application(), listen, shutdown_timeout=_SHUTDOWN_SECONDS)

    def guard_with(self, token: Secret | None) -> None:
        """Ask for this token from now on."""
        self._token = token

    @property
    def address(self) -> Address:
        """Where it listens now; the port is the real one when 0 was asked for."""
        return self._door.address

    def application(self) -> web.Application:
        """Return the routes behind their guard."""
        application = web.Application(middlewares=[self._problems, self._guard])
        application.on_response_prepare.append(_say_little)
        application.router.add_get("/healthz", _health)
        application.router.add_get("/readyz", self._ready)
        application.router.add_get("/metrics", self._metrics)
        application.router.add_routes([show_status.route(self._status), *self._routes])
        return application

    async def __aenter__(self) -> Self:
        await self._door.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._door.close()

    @web.middleware
    async def _problems(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer what aiohttp refuses (404, 405) and what our own rules refuse in the same form."""
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            if request.method == "OPTIONS" and isinstance(error, web.HTTPMethodNotAllowed):
                return web.Response(status=204, headers={"Allow": f"{error.headers['Allow']},OPTIONS"})
            return refused_by_http(error, f"{request.method} {request.path}")
        except GatewayError as error:
            answer = refused(error)
            if answer is None:
                raise
            return answer

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not _is_of_this_site(request):
            return problem(FOREIGN_PAGE, "a page of another site may not do this")
        name, _, _ = (request.match_info.route.name or "").partition(".")
        is_open = request.path in _OPEN or name == UNGUARDED
        if self._token is None and not is_open and not _is_called_by_address(request):
            return problem(
                FOREIGN_NAME, "without http.token it is to be called by its address or as localhost"
            )
        if self._token is None or is_open:
            return await handler(request)
        try:
            expected = self._token.reveal()
        except Denied as error:
            return problem(TOKEN_LOST, f"http.token: {error.reason}")
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        matches = hmac.compare_digest(given.strip().encode(errors="surrogateescape"), expected.encode())
        if scheme.lower() != "bearer" or not matches:
            await asyncio.sleep(_GUESS_SECONDS)
            return problem(
                TOKEN_NEEDED,
                "send the token of the configuration's http.token as: Authorization: Bearer TOKEN",
                {"WWW-Authenticate": "Bearer"},
            )
        return await handler(request)

    async def _metrics(self, request: web.Request) -> web.Response:
        try:
            encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        except (TypeError, ValueError):  # it names a version that is none
            encode, content_type = choose_encoder("")
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})

    async def _ready(self, _: web.Request) -> web.Response:
        checks = await self._checks()
        ready = all(check.is_ok for check in checks if check.is_required)
        body = {
            "ready": ready,
            "checks": {check.name: {"ok": check.is_ok, "detail": check.detail} for check in checks},
        }
        return web.json_response(body, status=200 if ready else 503)


async def _say_little(_: web.Request, answer: web.StreamResponse) -> None:
    """Name no version to a stranger, and let nobody keep the site's facts or take them for something else."""
    answer.headers.setdefault("Server", "ota-gateway")
    answer.headers.setdefault("X-Content-Type-Options", "nosniff")
    answer.headers.setdefault("Cache-Control", "no-store")


async def _health(_: web.Request) -> web.Response:
    return web.Response(text="ok")


def _is_of_this_site(request: web.Request) -> bool:
    """Whether no browser does it in the name of a page from elsewhere; browsers say so with every such POST.

    A GET that such a page hides is not answered either: it could not be read there, but streams could be held open.
    A link that somebody follows is a person's own.
    """
    if request.method in ("GET", "HEAD"):
        is_foreign = request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
        return not is_foreign or request.headers.get("Sec-Fetch-Mode") == "navigate"
    return request.headers.get("Origin") in (None, f"http://{request.host}", f"https://{request.host}")


def _is_called_by_address(request: web.Request) -> bool:
    """Whether no page can have it as its own origin: a name of the page's that now leads to this machine, say."""
    try:
        host = request.url.host or ""
        return host == "localhost" or bool(ip_address(host))
    except ValueError:
        return False
