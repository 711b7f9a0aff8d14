"""Refusals as HTTP answers: RFC 9457 problem details, each with the sentence that says what to do."""

from aiohttp import web

from gateway.core.desk import NotPossibleError, UnknownError
from gateway.errors import GatewayError, StoreError


class BadRequestError(GatewayError):
    """The request cannot be read; the sentence names the parameter, its value and the rule."""


_ANSWERS = {
    BadRequestError: (400, "Bad Request"),
    UnknownError: (404, "Not Found"),
    NotPossibleError: (409, "Conflict"),
    StoreError: (503, "Service Unavailable"),
}


def problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> web.Response:
    """Return a refusal as RFC 9457 problem details."""
    return web.json_response(
        {"type": "about:blank", "title": title, "status": status, "detail": detail},
        status=status,
        content_type="application/problem+json",
        headers=headers,
    )


def refused(error: GatewayError) -> web.Response | None:
    """Return what an error of ours is to whoever asked; None where it is no answer to a request."""
    for kind, (status, title) in _ANSWERS.items():
        if isinstance(error, kind):
            return problem(status, title, str(error))
    return None
