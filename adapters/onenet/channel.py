"""Signed calls to OneNET over the session that the gateway lends, and the answers of either generation."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.onenet.settings import OneNetSettings
from adapters.onenet.signing import authorization
from gateway.ports.cloud import Denied, Rejected, Scope, Site, Unavailable, hidden

EXCERPT = 200
#: Of an answer, in which secrets are looked for before it is cut.
MAX_TEXT = 4096
#: A proxy's error page may echo the path, and the token of a task stands in it.
_TASK_TOKEN = re.compile(r"ota_[0-9A-Za-z]+")
WINDOW = 3600.0  # seconds for which a signature is valid; a new one is made after half of them
AUTH_FAILED, INTERNAL = 1, 7
#: The fuse interface's own numbers → those of the south interface, in which everything else is written.
_SOUTH = {10403: AUTH_FAILED, 12012: 11, 1178: 11, 12013: 20}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the cloud answered; success is its errno, never the HTTP status."""

    #: In the numbers of the south interface.
    errno: int
    #: As the cloud said it.
    code: int
    error: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    #: What the cloud calls this answer, where it calls it anything.
    request: str = ""


@dataclass(frozen=True, slots=True)
class _Signature:
    key: str
    made_at: float
    header: str


class Channel:
    """The interface as one product may call it."""

    def __init__(self, settings: OneNetSettings, site: Site) -> None:
        self._settings = settings
        self._site = site
        self._signature: _Signature | None = None
        self.base = settings.base
        #: The last device whose request was let in.
        self.witness = ""
        #: Seconds that the cloud's clock is ahead of ours, as far as its last answer told.
        self._ahead = 0.0

    async def ask(
        self,
        action: str,
        path: str,
        device: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Call once, POST where there is a body; raises Unavailable on errno 7 and on what is no answer."""
        method = "GET" if body is None else "POST"
        header = self.authorization()
        reply = await self._site.session.request(
            action,
            method,
            self.base + path,
            params=params,
            headers={"Authorization": header},
            json=body,
        )
        self._ahead = 0.0 if reply.sent_at is None else reply.sent_at - self._site.now()
        answer = read_answer(reply.body)
        if answer is None:
            text = self._cut(reply.body.decode("utf-8", "replace"))
            raise Unavailable(f"not an answer: HTTP {reply.status} {text!r}", code="misshapen")
        self._site.heard(self._cut(f"errno {answer.code} {answer.request}".rstrip()))
        if answer.errno == INTERNAL:
            raise Unavailable(self.describe(answer), code=str(answer.code))
        if answer.errno != AUTH_FAILED:
            self.witness = device
        return answer

    def denied(self, scope: Scope, answer: Answer) -> Denied:
        """Make the error for an errno of distrust; a signature of another time is no good, whatever the key."""
        text = self.describe(answer)
        if answer.errno == AUTH_FAILED and abs(self._ahead) > WINDOW / 2:
            way = "behind" if self._ahead > 0 else "ahead of"
            text += f"; our clock is {abs(self._ahead):.0f} s {way} the cloud's"
        return Denied(scope, str(answer.code), text)

    def rejection(self, answer: Answer) -> Rejected:
        """Make the error for an errno that will stay."""
        return Rejected(str(answer.code), self.describe(answer))

    def describe(self, answer: Answer) -> str:
        """Name errno and text, without secrets."""
        return f"errno {answer.code}: {self._cut(answer.error)}"

    def authorization(self) -> str:
        """Return the header's value, signed for the time being."""
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
        secrets = () if made is None else (made.header, made.header.partition("&sign=")[2], made.key)
        text = hidden(text[:MAX_TEXT], *secrets)
        return _TASK_TOKEN.sub("ota_***", text)[:EXCERPT]


def read_answer(body: bytes) -> Answer | None:
    """Read `errno`/`error` or `code`/`msg`; None for what is neither."""
    try:
        reply: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    match reply:
        case {"errno": int(number), **rest} if number is not True and number is not False:
            text = rest.get("error", "")
        case {"code": int(number), **rest} if number is not True and number is not False:
            text = rest.get("msg", "")
        case _:
            return None
    data = rest.get("data")
    return Answer(
        errno=_SOUTH.get(number, number),
        code=number,
        error=str(text),
        data=data if isinstance(data, dict) else {},
        request=str(rest.get("request_id", "")),
    )
