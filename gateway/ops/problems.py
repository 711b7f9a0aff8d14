"""Refusals as HTTP answers: RFC 9457 problem details, each with a code for programs and a sentence for people."""

from dataclasses import dataclass

from aiohttp import web

from gateway.core.desk import NotPossibleError, UnknownError
from gateway.errors import ConfigError, GatewayError, StoreError


class BadRequestError(GatewayError):
    """The request cannot be read; the sentence names the parameter, its value and the rule."""

    def __init__(self, sentence: str, parameter: str) -> None:
        """`parameter` is the one that is to blame."""
        super().__init__(sentence)
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way to be refused; its code never changes its meaning."""

    code: str
    status: int
    title: str
    meaning: str


BAD_PARAMETER = Refusal(
    "bad_parameter",
    400,
    "Bad Request",
    "a parameter is unknown, or its value cannot be meant; `parameter` names it",
)
TOKEN_NEEDED = Refusal(
    "token_needed", 401, "Unauthorized", "the token is missing, or is not that of `http.token`"
)
FOREIGN_PAGE = Refusal("foreign_page", 403, "Forbidden", "a browser asks in the name of another site's page")
FOREIGN_NAME = Refusal(
    "foreign_name",
    403,
    "Forbidden",
    "without `http.token` the gateway is to be called by its address or as localhost",
)
NOT_FOUND = Refusal("not_found", 404, "Not Found", "there is no such update, device, dead letter or entry")
NO_ADDRESS = Refusal("no_such_address", 404, "Not Found", "nothing has this address")
WRONG_METHOD = Refusal(
    "method_not_allowed", 405, "Method Not Allowed", "the address knows other methods; `Allow` names them"
)
TOO_SLOW = Refusal("too_slow", 408, "Request Timeout", "the body did not come in time")
NOT_POSSIBLE = Refusal(
    "not_possible", 409, "Conflict", "as things stand it cannot be done; the sentence says why"
)
PRECONDITION_FAILED = Refusal("precondition_failed", 412, "Precondition Failed", "`If-Match` does not hold")
TOO_LARGE = Refusal("too_large", 413, "Content Too Large", "the body has more bytes than are taken")
NO_BODY_TAKEN = Refusal(
    "no_body_taken", 415, "Unsupported Media Type", "an act is all in its address: send no body"
)
CONFIG_REFUSED = Refusal(
    "config_refused",
    422,
    "Unprocessable Content",
    "the configuration has mistakes; the last good one goes on, and `problems` has a sentence for each",
)
TOO_MANY = Refusal("too_many", 429, "Too Many Requests", "more come in a second than are heard")
TOO_MANY_READERS = Refusal(
    "too_many_readers",
    503,
    "Service Unavailable",
    "as many read along already as may; `Retry-After` says when to ask",
)
TOKEN_LOST = Refusal("token_lost", 503, "Service Unavailable", "the gateway cannot read its own `http.token`")
STORE_FAILED = Refusal(
    "store_failed", 503, "Service Unavailable", "the store does not work; nothing was changed"
)
UNAVAILABLE = Refusal("unavailable", 503, "Service Unavailable", "what it takes is not there just now")

#: What our own rules refuse.
_OURS = {
    BadRequestError: BAD_PARAMETER,
    UnknownError: NOT_FOUND,
    NotPossibleError: NOT_POSSIBLE,
    StoreError: STORE_FAILED,
}
#: What is refused before, or raised as, an HTTP error.
_BY_STATUS = {
    each.status: each for each in (NO_ADDRESS, WRONG_METHOD, TOO_SLOW, TOO_LARGE, TOO_MANY, UNAVAILABLE)
}


def problem(
    refusal: Refusal, detail: str, headers: dict[str, str] | None = None, **more: str | list[str]
) -> web.Response:
    """Return a refusal as RFC 9457 problem details."""
    body = {
        "type": "about:blank",
        "title": refusal.title,
        "status": refusal.status,
        "code": refusal.code,
        "detail": detail,
        **more,
    }
    return web.json_response(
        body, status=refusal.status, content_type="application/problem+json", headers=headers
    )


def refused(error: GatewayError) -> web.Response | None:
    """Return what an error of ours is to whoever asked; None where it is no answer to a request."""
    if isinstance(error, BadRequestError):
        return problem(BAD_PARAMETER, str(error), parameter=error.parameter)
    if isinstance(error, ConfigError):
        return problem(
            CONFIG_REFUSED,
            "the configuration has mistakes; the last good one goes on",
            problems=error.problems,
        )
    for kind, refusal in _OURS.items():
        if isinstance(error, kind):
            return problem(refusal, str(error))
    return None


def refused_by_http(error: web.HTTPException, detail: str) -> web.Response:
    """Return in the same form what was refused as an HTTP error."""
    unnamed = Refusal(f"http_{error.status}", error.status, error.reason, "")
    allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return problem(_BY_STATUS.get(error.status, unnamed), detail, allow)
