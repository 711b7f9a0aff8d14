"""One Tencent account: asks an Action, with a good token, and says what a refusal means."""

from collections.abc import Callable
from uuid import UUID

from adapters.tencent.credentials import Credentials, Token
from adapters.tencent.replies import Act, Failure, Fields, MisshapenError, act_on, read_reply
from gateway.ports.cloud import CloudError, Denied, Rejected, Reply, Scope, Site, Unavailable, hidden

EXCERPT = 200
#: Of an answer, in which secrets are looked for before it is cut.
MAX_TEXT = 4096


class Account:
    """The token API as one user sees it."""

    def __init__(self, url: str, credentials: Credentials, site: Site, new_id: Callable[[], UUID]) -> None:
        self._url = url
        self._credentials = credentials
        self._site = site
        self._new_id = new_id

    async def ask(self, action: str, parameters: Fields) -> Fields | Failure:
        """Ask once, and once more where another token may help; raises Unavailable on what is no answer."""
        token = await self._credentials.token()
        answer = await self._post(action, parameters, token)
        if isinstance(answer, Failure) and act_on(answer.code) is Act.RENEW_TOKEN:
            renewed = await self._credentials.renewed(token)
            if renewed is not None:
                answer = await self._post(action, parameters, renewed)
        return answer

    async def _post(self, action: str, parameters: Fields, token: Token) -> Fields | Failure:
        request_id = str(self._new_id())
        common = {"AccessToken": token.value, "RequestId": request_id, "Action": action}
        reply = await self._site.session.request(action, "POST", self._url, json={**common, **parameters})
        self._site.heard(f"RequestId {request_id}")
        try:
            answer = read_reply(reply.body, request_id)
        except MisshapenError as error:
            raise Unavailable(f"{error}: {_excerpt(reply, token)}", code="misshapen") from error
        return (
            Failure(_cut(answer.code, token), _cut(answer.text, token))
            if isinstance(answer, Failure)
            else answer
        )


def _excerpt(reply: Reply, token: Token) -> str:
    return f"HTTP {reply.status} {_cut(reply.body.decode('utf-8', 'replace'), token)!r}"


def _cut(text: str, token: Token) -> str:
    return hidden(text[:MAX_TEXT], token.value)[:EXCERPT]


def error_of(failure: Failure) -> CloudError:
    """Make the error that a refusal stands for."""
    match act_on(failure.code):
        case Act.RENEW_TOKEN | Act.PARK_LANE:
            return Denied(Scope.LANE, failure.code, failure.text)
        case Act.PARK_DEVICE:
            return Denied(Scope.DEVICE, failure.code, failure.text)
        case Act.RETRY:
            return Unavailable(failure.text, code=failure.code)
        case Act.RETRY_DEVICE:
            return Unavailable(failure.text, code=failure.code, scope=Scope.DEVICE)
        case Act.NO_TASK | Act.REJECT:
            return Rejected(failure.code, failure.text)
