"""The calls of OneNET's south interface (ota.heclouds.com), asked over the session that the gateway lends."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from adapters.onenet.settings import OneNetSettings
from adapters.onenet.signing import authorization
from adapters.onenet.wire import Progress, Report, Request, TokenCheck
from gateway.ports.cloud import Denied, Rejected, Scope, Site, Unavailable

EXCERPT = 200
WINDOW = 3600.0  # seconds for which a signature is valid; a new one is made after half of them
AUTH_FAILED, INTERNAL = 1, 7


@dataclass(frozen=True, slots=True)
class Answer:
    """What the cloud answered; success is its errno, never the HTTP status."""

    errno: int
    error: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Signature:
    key: str
    made_at: float
    header: str


class South:
    """The interface as one product sees it."""

    def __init__(self, settings: OneNetSettings, site: Site) -> None:
        self._settings = settings
        self._url = str(settings.url).rstrip("/")
        self._site = site
        self._signature: _Signature | None = None
        #: The last device whose request was let in.
        self._witness = ""

    async def send(self, request: Request, dev_id: str, token: str) -> Answer:
        """Say one thing about the task."""
        token = quote(token, safe="")
        match request:
            case TokenCheck():
                return await self.ask("token_check", f"/ota/south/download/{token}/check", dev_id)
            case Progress(percent):
                path = f"/ota/south/device/download/{token}/progress"
                return await self.ask("progress", path, dev_id, body={"step": percent})
            case Report(code):
                return await self.ask(
                    "report", "/ota/south/report", dev_id, body={"result": code}, token=token
                )

    async def ask(
        self, action: str, path: str, dev_id: str, *, body: dict[str, int] | None = None, **params: str
    ) -> Answer:
        """Call once, POST where there is a body; raises Unavailable on errno 7 and on what is no answer."""
        method = "GET" if body is None else "POST"
        header, query = self._authorization(), {"dev_id": dev_id, **params}
        reply = await self._site.session.request(
            action, method, self._url + path, params=query, headers={"Authorization": header}, json=body
        )
        answer = _read(reply.body)
        if answer is None:
            text = self._cut(reply.body.decode("utf-8", "replace"))
            raise Unavailable(f"not an answer: HTTP {reply.status} {text!r}", code="misshapen")
        if answer.errno == INTERNAL:
            raise Unavailable(self.describe(answer), code="7")
        if answer.errno != AUTH_FAILED:
            self._witness = dev_id
        return answer

    async def refusal(self, answer: Answer, dev_id: str) -> Denied:
        """Say whom errno 1 refuses: it stands for a bad signature as well as for an unknown device.

        Asking again for a device that was let in before tells the two apart; without one, it is the lane.
        """
        scope = Scope.LANE
        if self._witness not in ("", dev_id):
            known = await self.ask("version", "/ota/device/version", self._witness)
            scope = Scope.LANE if known.errno == AUTH_FAILED else Scope.DEVICE
        return Denied(scope, str(answer.errno), self.describe(answer))

    def rejection(self, answer: Answer) -> Rejected:
        """Make the error for an errno that will stay."""
        return Rejected(str(answer.errno), self.describe(answer))

    def describe(self, answer: Answer) -> str:
        """Name errno and text, without secrets."""
        return f"errno {answer.errno}: {self._cut(answer.error)}"

    def _authorization(self) -> str:
        given, now = self._settings, self._site.now()
        key, made = given.access_key.reveal().strip(), self._signature
        if made is not None and made.key == key and 0 <= now - made.made_at < WINDOW / 2:
            return made.header
        try:
            header = authorization(
                resource=given.resource,
                key=key,
                expires=int(now + WINDOW),
                method=given.method,
                version=given.version,
            )
        except ValueError as error:
            raise Denied(Scope.LANE, "key_malformed", "access_key is not base64") from error
        self._signature = _Signature(key, now, header)
        return header

    def _cut(self, text: str) -> str:
        made = self._signature
        secrets = () if made is None else (made.header, made.key)
        for secret in secrets:
            text = text.replace(secret, "***")
        return text[:EXCERPT]


def _read(body: bytes) -> Answer | None:
    try:
        reply: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    match reply:
        case {"errno": int(errno), **rest}:
            data = rest.get("data")
            return Answer(errno, str(rest.get("error", "")), data if isinstance(data, dict) else {})
        case _:
            return None
