"""A cloud that says back what it was told in confidence: a proxy, honest until it is asked not to be."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import aiohttp
from aiohttp import web

_IN_CONFIDENCE = ("AccessToken", "Password", "Signature", "AppKey")
_PASSED_ON = {"Authorization", "Content-Type", "Range"}
_PASSED_BACK = {"Content-Type", "Content-Range", "ETag", "Ota-Errno"}


@dataclass
class Echo:
    """`says` makes the dishonest answer from all that it knows, None to be honest."""

    behind: str
    #: What the owner of the cloud knows anyway.
    knows: list[str]
    says: "Callable[[Echo, web.Request, dict[str, Any]], web.Response] | None" = None
    #: What it heard in confidence and gave away in confidence.
    heard: set[str] = field(default_factory=set)
    #: What the request in hand has told.
    just_heard: set[str] = field(default_factory=set)
    asked: int = 0

    def application(self) -> web.Application:
        """Serve every path."""
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    @property
    def gossip(self) -> str:
        """Every secret as it is, in a URL, and out of one."""
        known = [*self.knows, *sorted(self.just_heard)]
        return " ".join(f"{each} {quote(each, safe='')} {unquote(each)}" for each in known)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        raw = await request.read()
        body: dict[str, Any] = json.loads(raw) if raw[:1] == b"{" else {}
        self.just_heard = {body[name] for name in _IN_CONFIDENCE if name in body}
        if authorization := request.headers.get("Authorization", ""):
            self.just_heard |= {authorization, authorization.partition("sign=")[2]}
        if sign := request.query.get("sign"):
            self.just_heard.add(sign)
        self.heard |= self.just_heard
        if self.says is not None:
            return self.says(self, request, body)
        headers = {name: value for name, value in request.headers.items() if name in _PASSED_ON}
        headers["Host"] = request.host
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method, f"{self.behind}{request.path_qs}", data=raw or None, headers=headers
            ) as reply,
        ):
            answer = await reply.read()
            self._learn(answer)
            kept = {name: value for name, value in reply.headers.items() if name in _PASSED_BACK}
            return web.Response(status=reply.status, body=answer, headers=kept)

    def _learn(self, answer: bytes) -> None:
        """Keep the token of a login and of a task."""
        if answer[:1] != b"{":
            return
        data = json.loads(answer)
        fields = data.get("Response", data)
        inner = fields.get("Data", fields.get("data", {}))
        if isinstance(inner, dict):
            self.heard |= {str(inner[name]) for name in ("Token", "token") if inner.get(name)}


def spoken(echo: Echo, _: web.Request, body: dict[str, Any]) -> web.Response:
    """401 and everything."""
    return web.Response(status=401, text=f"unauthorised: {echo.gossip} {body}")


def broken(echo: Echo, _: web.Request, body: dict[str, Any]) -> web.Response:
    """500 and everything, in the headers, too."""
    return web.Response(
        status=500, text=echo.gossip, reason="no " + echo.knows[0], headers={"Retry-After": "0"}
    )


def rambling(echo: Echo, _: web.Request, body: dict[str, Any]) -> web.Response:
    """200 and no answer."""
    return web.Response(text=f"<html>{echo.gossip}</html>")


def failing(code: str, number: int) -> "Callable[[Echo, web.Request, dict[str, Any]], web.Response]":
    """Return the vendor's refusal with everything in its text; either vendor finds its own words in it."""

    def answer(echo: Echo, _: web.Request, body: dict[str, Any]) -> web.Response:
        failure = {"Code": code, "Message": echo.gossip}
        request_id = body.get("RequestId")
        return web.json_response(
            {"Response": {"Error": failure, "RequestId": request_id}}
            if request_id
            else {"errno": number, "error": echo.gossip, "code": number, "msg": echo.gossip}
        )

    return answer


def nameless(echo: Echo, _: web.Request, body: dict[str, Any]) -> web.Response:
    """Refuse under a code that is the secret itself."""
    request_id, code = body.get("RequestId"), min([*echo.just_heard, *echo.knows], key=len)
    failure = {"Code": code, "Message": "no"}
    return web.json_response(
        {"Response": {"Error": failure, "RequestId": request_id}}
        if request_id
        else {"errno": 2, "error": code}
    )


def straddling(echo: Echo, _: web.Request, body: dict[str, Any]) -> web.Response:
    """Refuse with texts in which a secret begins where texts are cut."""
    longest = max([*echo.just_heard, *echo.knows], key=len)
    texts = " ".join("x" * (196 - len(longest) // 2) + each for each in (longest, *echo.knows))
    request_id = body.get("RequestId")
    failure = {"Code": "InvalidParameter", "Message": texts}
    return web.json_response(
        {"Response": {"Error": failure, "RequestId": request_id}}
        if request_id
        else {"errno": 24, "error": texts}
    )


#: Those that are told at once come first: a lane that waits or is denied hears little.
MOODS = (
    failing("InvalidParameter", 24),
    straddling,
    nameless,
    failing("FailedOperation.DeviceFirmwareTaskAlreadDone", 2),
    rambling,
    broken,
    failing("InternalError", 7),
    failing("InvalidParameterValue.NoPermission", 12),
    failing("InvalidParameterValue.InvalidAccessToken", 1),
    failing("AuthFailure.Token", 4),
    spoken,
)
