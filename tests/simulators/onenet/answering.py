"""From an HTTP request to a call and back, with the record in between; the same for both interfaces."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from tests.simulators.onenet.asking import Ask, Reply
from tests.simulators.onenet.authorization import BadAuthorization, verify
from tests.simulators.onenet.errno import BROKEN_RULES, Errno
from tests.simulators.record import Key
from tests.simulators.spoiling import CALL

if TYPE_CHECKING:
    from tests.simulators.onenet.cloud import OneNetCloud

Endpoint = Callable[["OneNetCloud", Ask], Reply]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """What sets one interface apart: who is meant, who may come in, and how it speaks."""

    prefix: str  # of the actions in the record
    device_of: Callable[["OneNetCloud", web.Request], str]
    admits: Callable[[web.Request, str], bool]  # a request, by the resource of its Authorization
    refusal: Errno  # of a bad Authorization
    respond: Callable[[Reply], web.Response]


def answerer(cloud: "OneNetCloud", interface: Interface, action: str, endpoint: Endpoint) -> Handler:
    """Return the handler of one call."""

    async def answer(request: web.Request) -> web.Response:
        ask = await _ask(cloud, interface, request)
        reply = _reply(cloud, interface, request, ask, endpoint)
        _take_down(cloud, request, interface.prefix + action, ask, reply)
        return interface.respond(reply)

    return answer


def is_authorized(cloud: "OneNetCloud", interface: Interface, request: web.Request) -> bool:
    """Say whether the header is good, and good for this."""
    try:
        resource = verify(request.headers.get(hdrs.AUTHORIZATION, ""), keys=cloud.keys, now=cloud.now())
    except BadAuthorization:
        return False
    return interface.admits(request, resource)


async def _ask(cloud: "OneNetCloud", interface: Interface, request: web.Request) -> Ask:
    token = request.match_info.get("token") or request.query.get("token", "")
    try:
        body = json.loads(await request.read() or b"null")
    except ValueError:
        body = None
    dev_id = interface.device_of(cloud, request)
    number = int(request.match_info.get("tid", "0"))
    return Ask(dev_id=dev_id, query=request.query, token=token, number=number, body=body, host=request.host)


def _reply(
    cloud: "OneNetCloud", interface: Interface, request: web.Request, ask: Ask, endpoint: Endpoint
) -> Reply:
    if not is_authorized(cloud, interface, request):
        return Reply(errno=interface.refusal)
    about = f"{request.path_qs}{ask.body}"
    if fault := cloud.faults.take("error", about):
        return Reply(errno=Errno(int(fault.error or Errno.INTERNAL)), is_injected=True)
    if ask.token in cloud.tokens and cloud.faults.take("expired_token", about):
        cloud.tokens[ask.token].expires = 0
    return endpoint(cloud, ask)


def _take_down(cloud: "OneNetCloud", request: web.Request, action: str, ask: Ask, reply: Reply) -> None:
    task = reply.task
    request[CALL] = cloud.record.hear(
        action,
        device=ask.dev_id,
        version=task.target if task else "",
        said=reply.said,
        reply="ok" if reply.errno is Errno.SUCC else str(int(reply.errno)),
        why=reply.why or _broken_rule(reply),
        key=Key(f"task {task.number}", reply.said) if task else None,
        body={**ask.query, **({"body": ask.body} if ask.body else {})},
    )


def _broken_rule(reply: Reply) -> str:
    if reply.is_injected:
        return ""
    if reply.errno is not Errno.CANCELLED or reply.task is None:
        return BROKEN_RULES.get(reply.errno, "")
    was_told, reply.task.cancel_was_told = reply.task.cancel_was_told, True
    return "after_cancel" if was_told else ""
