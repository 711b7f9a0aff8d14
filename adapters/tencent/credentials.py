"""Where an AccessToken comes from: the configuration, or a login (AppGetToken) that is renewed in time.

Law: one login at a time, and no request waits for one that it does not need.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from adapters.tencent.replies import Act, Failure, Fields, MisshapenError, act_on, read_reply
from adapters.tencent.settings import LoginSettings
from adapters.tencent.signing import signature
from gateway.ports.cloud import Denied, Scope, Secret, Site, Unavailable, hidden

ACTION = "AppGetToken"
MARGIN = 3600.0  # seconds before ExpireAt, or a tenth of the token's life where that is less
PATIENCE = 60.0  # seconds between attempts to renew a token that is still good
EXCERPT = 200
#: Of an answer, in which secrets are looked for before it is cut.
MAX_TEXT = 4096
_ODD = 2**53  # no time of ours; float() would fail on it


@dataclass(frozen=True, slots=True)
class Token:
    """An AccessToken, with its expiry (Unix seconds) where the source says so."""

    value: str
    expires: float | None = None


class Credentials(Protocol):
    """A source of tokens."""

    async def token(self) -> Token:
        """Return the token to use now."""
        ...

    async def renewed(self, refused: Token) -> Token | None:
        """Return another token than the one that was refused; None when there is no other."""
        ...


class GivenToken:
    """The token that the configuration names; its source is read again each time."""

    def __init__(self, secret: Secret, site: Site) -> None:
        self._secret = secret
        self._site = site
        self._text = ""
        self._token = Token("")

    async def token(self) -> Token:
        """Read the source; what it says is taken apart only when it says something else."""
        text = self._secret.reveal()
        if text != self._text:
            self._text, self._token = text, read_token(text)
            if self._token.expires is not None:
                self._site.credential_expires("access_token", self._token.expires)
        if not self._token.value:
            raise Denied(Scope.LANE, "token_missing", "access_token is empty; it must be an AccessToken")
        return self._token

    async def renewed(self, refused: Token) -> Token | None:
        """Return what the source holds now, if that is another one."""
        token = await self.token()
        return token if token.value != refused.value else None


class Login:
    """A user's login; its token lives in memory only."""

    def __init__(self, settings: LoginSettings, site: Site, new_id: Callable[[], UUID]) -> None:
        self._settings = settings
        self._site = site
        self._new_id = new_id
        self._turn = asyncio.Lock()
        self._token: Token | None = None
        self._renew_at = 0.0

    async def token(self) -> Token:
        """Return the token of the last login while it is good, else log in."""
        if self._is_fresh() or (self._turn.locked() and not self._is_over()):
            return self._known()
        async with self._turn:
            if self._is_fresh():
                return self._known()
            try:
                return await self._log_in()
            except Unavailable:
                if self._is_over():
                    raise
                # The cloud cannot renew it just now, and it is still good.
                known = self._known()
                self._renew_at = min(self._site.now() + PATIENCE, known.expires or float("inf"))
                return known

    async def renewed(self, refused: Token) -> Token | None:
        """Log in anew, unless somebody else has just done so."""
        async with self._turn:
            if self._token is not None and self._token != refused:
                return self._token
            return await self._log_in()

    def _is_fresh(self) -> bool:
        return self._token is not None and self._site.now() < self._renew_at

    def _is_over(self) -> bool:
        token = self._token
        return token is None or (token.expires is not None and token.expires <= self._site.now())

    def _known(self) -> Token:
        assert self._token is not None  # noqa: S101 - whoever asks has made sure
        return self._token

    async def _log_in(self) -> Token:
        request_id = str(self._new_id())
        asked = self._request(request_id)
        reply = await self._site.session.request(ACTION, "POST", str(self._settings.url), json=asked)
        try:
            answer = read_reply(reply.body, request_id)
            if isinstance(answer, Failure):
                raise self._error(answer, str(asked["Signature"]))
            self._keep(read_login(answer), reply.sent_at)
        except MisshapenError as error:
            # Not the body: it may hold a token.
            raise Unavailable(f"{ACTION}: {error}: HTTP {reply.status}", code="misshapen") from error
        return self._known()

    def _keep(self, token: Token, sent_at: float | None) -> None:
        now = self._site.now()
        if token.expires is None:
            self._token, self._renew_at = token, float("inf")
            return
        # A name of its own: it is renewed without a person.
        self._site.credential_expires("login", token.expires)
        # By the cloud's clock it has so long to live, whatever ours says; it was good when it came.
        left = max(token.expires - (now if sent_at is None else sent_at), PATIENCE)
        self._token = Token(token.value, now + left)
        self._renew_at = now + left - min(MARGIN, left / 10)

    def _request(self, request_id: str) -> dict[str, str | int]:
        given = self._settings
        parameters: dict[str, str | int] = {
            "Action": ACTION,
            "RequestId": request_id,
            "AppKey": given.app_key.reveal(),
            "Timestamp": int(self._site.now()),
            "Nonce": self._new_id().int % 2**31 or 1,
            "Password": given.password.reveal(),
            **_user(given),
        }
        return {**parameters, "Signature": signature(parameters, secret=given.app_secret.reveal())}

    def _error(self, failure: Failure, signed: str) -> Unavailable | Denied:
        text = f"{ACTION}: {self._cut(failure.text, signed)}"
        if act_on(failure.code) in (Act.RETRY, Act.RETRY_DEVICE):
            return Unavailable(text, code=failure.code)
        # Whatever else it says of the login, no message can be told until a person acts.
        return Denied(Scope.LANE, failure.code, text)

    def _cut(self, text: str, signed: str) -> str:
        given = self._settings
        secrets = (given.password, given.app_secret, given.app_key, given.email, given.phone)
        values = (secret.reveal() for secret in secrets if secret is not None)
        return hidden(text[:MAX_TEXT], signed, *values)[:EXCERPT]


def _user(given: LoginSettings) -> dict[str, str]:
    if given.email is not None:
        return {"Type": "email", "Email": given.email.reveal()}
    assert given.phone is not None  # noqa: S101 - the settings' own rule
    return {"Type": "phone", "CountryCode": given.country_code.reveal(), "PhoneNumber": given.phone.reveal()}


def read_login(answer: Fields) -> Token:
    """Read AppGetToken's answer, whose Data may stand one level deeper (1081/40786)."""
    data = answer.get("Data", answer)
    match data:
        case {"Token": str(value), "ExpireAt": int(expires)} if _is_sayable(value) and abs(expires) < _ODD:
            return Token(value, float(expires))
        case _:
            raise MisshapenError("a login without Token and ExpireAt")


def _is_sayable(token: str) -> bool:
    # Half a surrogate pair, which JSON can smuggle in, fits into no request.
    return bool(token) and token.isprintable()


def read_token(text: str) -> Token:
    """Read a token source: the bare token, or AppGetToken's `{"Token": …, "ExpireAt": …}`."""
    try:
        given: Any = json.loads(text)
    except (ValueError, RecursionError):
        return Token(text.strip())
    match given:
        case {"Token": str(value), "ExpireAt": int(expires)} if abs(expires) < _ODD:
            return Token(value, float(expires))
        case {"Token": str(value)}:
            return Token(value)
        case _:
            return Token(text.strip())
