"""From an HTTP request to an Action and back, with the record in between."""

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.simulators.record import Key
from tests.simulators.spoiling import CALL, SPOILT
from tests.simulators.tencent.actions import ACTIONS
from tests.simulators.tencent.envelope import failure, hidden, success
from tests.simulators.tencent.request import Answer, Body, Refusal, text

if TYPE_CHECKING:
    from tests.simulators.tencent.cloud import TencentCloud

Door = Callable[["TencentCloud", Body, str], Answer]
SECRETS = frozenset({"AccessToken", "Password", "Signature"})


def answerer(cloud: "TencentCloud", door: Door) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return the handler of one path; the door decides who may come in, and does what they ask."""

    async def answer(request: web.Request) -> web.Response:
        raw = await request.read()
        body: dict[str, Any] = {}
        try:
            body = _parse(raw)
            text(body, "RequestId")
            _play_error(cloud, raw.decode())
            answered = door(cloud, body, f"{request.scheme}://{request.host}")
        except Refusal as refusal:
            return _refuse(cloud, request, body, refusal)
        _take_down(cloud, request, body, answered)
        if cloud.faults.take("wrong_request_id", raw.decode()):
            request[SPOILT] = True
            body = {**body, "RequestId": "00000000-0000-0000-0000-000000000000"}
        return web.json_response(success(cloud.envelope, body["RequestId"], answered.fields))

    return answer


def enter_with_token(cloud: "TencentCloud", body: Body, origin: str) -> Answer:
    """Let in whoever shows a good token."""
    name, token = text(body, "Action"), text(body, "AccessToken")
    if cloud.tokens.get(token, 0) <= cloud.now() or cloud.faults.take(
        "expired_token", json.dumps(body, ensure_ascii=False)
    ):
        raise Refusal("InvalidParameterValue.InvalidAccessToken", "Token无效")
    action = ACTIONS.get(name)
    if action is None:
        raise Refusal("InvalidAction", f"no such Action: {name}")
    return action(cloud, body, origin)


def _play_error(cloud: "TencentCloud", about: str) -> None:
    if fault := cloud.faults.take("error", about):
        raise Refusal(fault.error or "InternalError", "simulated")


def _take_down(cloud: "TencentCloud", request: web.Request, body: Body, answer: Answer) -> None:
    device, said = _address(body), answer.said
    resaid = f"{said}|{body.get('ResultMsg')}" if said else answer.repeatable
    request[CALL] = cloud.record.hear(
        body["Action"],
        device=device,
        version=answer.version,
        said=said,
        why=answer.why,
        key=Key(f"{device}@{answer.version}", resaid) if resaid else None,
        body=_without_secrets(body),
    )


def _refuse(cloud: "TencentCloud", request: web.Request, body: Body, refusal: Refusal) -> web.Response:
    request[CALL] = cloud.record.hear(
        str(body.get("Action")),
        device=_address(body),
        version=str(body.get("Version", "")),
        reply=refusal.code,
        body=_without_secrets(body),
    )
    code, message = refusal.code, refusal.message
    if cloud.hides_codes and code != "InternalError":
        code, message = hidden(code, message)
    return web.json_response(failure(cloud.envelope, str(body.get("RequestId", "")), code, message))


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal("InvalidParameter", "the body is not a JSON object")
    return body


def _address(body: Body) -> str:
    if "DeviceName" not in body:
        return ""
    return f"{body.get('ProductId', '')}/{body['DeviceName']}"


def _without_secrets(body: Body) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in SECRETS}
