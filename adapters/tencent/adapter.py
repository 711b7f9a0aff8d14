"""The shell around Tencent's words: one POST for one report."""

from collections.abc import Callable, Sequence
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, HttpUrl

from adapters.tencent import wire
from adapters.tencent.wire import Act, Failure, MisshapenError, Token
from gateway.ports.cloud import (
    AdapterFactory,
    Command,
    Denied,
    Device,
    Rejected,
    Reply,
    Scope,
    Secret,
    Site,
    State,
    StateReported,
    Unavailable,
)

ACTION = "AppReportOTAStatus"
EXCERPT = 200


class TencentSettings(BaseModel):
    """The `[clouds.NAME]` table of an adapter "tencent"."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: HttpUrl = HttpUrl("https://iot.cloud.tencent.com/api/exploreropen/tokenapi")
    #: The AccessToken of a user to whom all devices are bound, bare or as AppGetToken returned it.
    access_token: Secret


class Tencent:
    """Tells one Tencent account what its devices do. Keeps nothing."""

    Settings = TencentSettings

    def __init__(self, settings: TencentSettings, site: Site, new_id: Callable[[], UUID] = uuid4) -> None:
        self._settings = settings
        self._site = site
        self._new_id = new_id

    async def deliver(self, device: Device, event: StateReported, after: State | None) -> Sequence[Command]:
        """Report the state once; a resend is harmless, for the cloud takes the same report again.

        `device.external` may name `product_id` and `device_name` where they differ from the site's.
        """
        report = wire.report(event)
        if report is None or (after is not None and after.is_terminal):
            return ()
        if event.version is None or not 1 <= len(event.version) <= wire.MAX_VERSION:
            raise Rejected(
                "version_unfit",
                f"version is {event.version!r}; Tencent carries 1 to {wire.MAX_VERSION} characters",
            )
        about = {
            "ProductId": device.external.get("product_id", device.id.product_id),
            "DeviceName": device.external.get("device_name", device.id.name),
            "Version": event.version,
        }
        await self._report({**about, **report})
        return ()

    async def _report(self, report: dict[str, str | int]) -> None:
        token = self._token()
        failure = await self._post(report, token)
        if failure is not None and wire.act_on(failure.code) is Act.RENEW_TOKEN:
            renewed = self._token()
            if renewed.value != token.value:
                failure = await self._post(report, renewed)
        if failure is not None:
            raise _error(failure)

    def _token(self) -> Token:
        token = wire.read_token(self._settings.access_token.reveal())
        if not token.value:
            raise Denied(Scope.LANE, "token_missing", "access_token is empty; it must be an AccessToken")
        if token.expires is not None:
            self._site.credential_expires("access_token", token.expires)
        return token

    async def _post(self, report: dict[str, str | int], token: Token) -> Failure | None:
        request_id = str(self._new_id())
        common = {"AccessToken": token.value, "RequestId": request_id, "Action": ACTION}
        reply = await self._site.session.request(
            ACTION, "POST", str(self._settings.url), json={**common, **report}
        )
        try:
            failure = wire.read_reply(reply.body, request_id)
        except MisshapenError as error:
            raise Unavailable(f"{error}: {_excerpt(reply, token)}", code="misshapen") from error
        return None if failure is None else Failure(failure.code, _cut(failure.text, token))


def _excerpt(reply: Reply, token: Token) -> str:
    return f"HTTP {reply.status} {_cut(reply.body.decode('utf-8', 'replace'), token)!r}"


def _cut(text: str, token: Token) -> str:
    return text.replace(token.value, "***")[:EXCERPT]


def _error(failure: Failure) -> Unavailable | Rejected | Denied:
    match wire.act_on(failure.code):
        case Act.RENEW_TOKEN | Act.PARK_LANE:
            return Denied(Scope.LANE, failure.code, failure.text)
        case Act.PARK_DEVICE:
            return Denied(Scope.DEVICE, failure.code, failure.text)
        case Act.RETRY:
            return Unavailable(failure.text, code=failure.code)
        case Act.RETRY_DEVICE:
            return Unavailable(failure.text, code=failure.code, scope=Scope.DEVICE)
        case Act.REJECT:
            return Rejected(failure.code, failure.text)


factory: AdapterFactory = Tencent
