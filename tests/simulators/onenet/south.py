"""The south interface of ota.heclouds.com: numeric device ids, task tokens, ``errno`` and ``error``.

The numbers moved between editions of the manual; ``edition`` chooses between the current and the old ones.
"""

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.simulators.onenet.answering import Interface, answerer
from tests.simulators.onenet.asking import Ask, Reply
from tests.simulators.onenet.download import download
from tests.simulators.onenet.errno import TEXTS, Errno
from tests.simulators.onenet.task import Device, State, Task
from tests.simulators.onenet.versions import (
    Refused,
    find_task,
    fitness,
    report_versions,
    take_result,
    versions_of,
    why_too_early,
)

if TYPE_CHECKING:
    from tests.simulators.onenet.cloud import OneNetCloud


def routes(cloud: "OneNetCloud") -> list[web.RouteDef]:
    """Return the calls of the manual, by path."""

    def call(action: str) -> Any:
        return answerer(cloud, INTERFACE, action, CALLS[action])

    async def fetch(request: web.Request) -> web.StreamResponse:
        return await download(cloud, request)

    return [
        web.post("/ota/device/version", call("version")),
        web.get("/ota/device/version", call("query_version")),
        web.get("/ota/devInfo", call("device_info")),
        web.get("/ota/south/check", call("check")),
        web.get("/ota/south/download/{token}/check", call("check_token")),
        web.get("/ota/south/tasking", call("tasking")),
        web.get("/ota/south/download/{token}", fetch),
        web.post("/ota/south/device/download/{token}/progress", call("progress")),
        web.post("/ota/south/report", call("report")),
    ]


def report_version(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Call 0: both versions are optional."""
    device = cloud.devices.get(ask.dev_id)
    return Reply(errno=Errno.AUTH_FAILED) if device is None else report_versions(cloud, device, ask)


def query_version(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Call 7: what was reported last."""
    device = cloud.devices.get(ask.dev_id)
    return Reply(errno=Errno.AUTH_FAILED) if device is None else Reply(data=versions_of(device))


def device_info(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Call 9: find a device by what it authenticates with; the question is the body of a GET."""
    pid = ask.integer("pid")
    name = ask.body.get("authInfo") if isinstance(ask.body, dict) else None
    if pid is None or not isinstance(name, str):
        return Reply(errno=Errno.BAD_PARAMETER)
    dev_id = cloud.dev_id_of(name)
    if f"products/{pid}" not in cloud.keys or dev_id not in cloud.devices:
        return Reply(errno=Errno.AUTH_FAILED)
    return Reply(data={"dev_id": dev_id})


def check(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Call 1: find the task, with all side effects of the original.

    The version given overwrites the stored one, task or no task; a wrong manuf or model fails the task.
    """
    device = cloud.devices.get(ask.dev_id)
    if device is None:
        return Reply(errno=Errno.AUTH_FAILED)
    if not all(ask.query.get(name) for name in ("manuf", "model")):
        return Reply(errno=Errno.BAD_PARAMETER)
    why = why_too_early(cloud, device)
    try:
        task = find_task(cloud, device, ask)
    except Refused as refused:
        return Reply(errno=refused.errno, why=why)
    errno = _suitability(cloud, device, task, ask)
    if task is None or errno:
        return Reply(errno=errno, task=task, why=why)
    return Reply(data=_offer(task, cloud.issue_token(task), ask), task=task, why=why)


def check_token(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Call 2: a valid token moves the task on to downloading."""
    task = cloud.task_of(ask.token, ask.dev_id)
    errno = _token_error(cloud, ask, task)
    if task is None or errno:
        return Reply(errno=errno, task=task)
    return Reply(errno=_in_edition(cloud, task.check_token()), task=task)


def tasking(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Call 6: like check, without side effects, and only while a token is valid."""
    if ask.dev_id not in cloud.devices:
        return Reply(errno=Errno.AUTH_FAILED)
    if ask.kind is None:
        return Reply(errno=Errno.BAD_PARAMETER)
    task = cloud.tasks.get((ask.dev_id, ask.kind))
    # The table has 4 for "no task, or token expired" and 12 for "token expired"; 4 covers both.
    if task is None or not task.is_active or not task.token or cloud.token_is_over(task.token):
        return Reply(errno=Errno.WRONG_TOKEN, task=task)
    return Reply(data=_offer(task, task.token, ask), task=task)


def progress(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Call 4: a step or a result code. Its numbers are not documented; those of the token check are taken."""
    task = cloud.task_of(ask.token, ask.dev_id)
    errno = _token_error(cloud, ask, task)
    if task is None or errno:
        return Reply(errno=errno, task=task)
    step = ask.integer("step")
    if step is None or step < 0:
        return Reply(errno=Errno.BAD_RESULT, task=task)
    if step <= 100:
        return Reply(errno=_in_edition(cloud, task.step(step)), task=task, said=f"step {step}")
    return take_result(cloud, task, step)


def report(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Call 8: a result code. Whatever is wrong with the token is 1: the page has no other number for it."""
    task = cloud.task_of(ask.token, ask.dev_id)
    if task is None or _token_error(cloud, ask, task):
        return Reply(errno=Errno.AUTH_FAILED, task=task)
    code = ask.integer("result")
    if code is None:
        return Reply(errno=Errno.BAD_RESULT, task=task)
    return take_result(cloud, task, code)


def respond(reply: Reply) -> web.Response:
    """Speak as the original: always HTTP 200, always chunked."""
    body: dict[str, Any] = {"errno": int(reply.errno), "error": TEXTS[reply.errno]}
    if reply.data is not None:
        body["data"] = reply.data
    response = web.Response(text=json.dumps(body), content_type="application/json", charset="UTF-8")
    response.enable_chunked_encoding()
    return response


CALLS = {
    "version": report_version,
    "query_version": query_version,
    "device_info": device_info,
    "check": check,
    "check_token": check_token,
    "tasking": tasking,
    "progress": progress,
    "report": report,
}
INTERFACE = Interface(
    prefix="",
    device_of=lambda cloud, request: request.query.get("dev_id", ""),
    admits=lambda request, resource: True,
    refusal=Errno.AUTH_FAILED,
    respond=respond,
)


def _token_error(cloud: "OneNetCloud", ask: Ask, task: Task | None) -> Errno:
    if task is None:
        if cloud.edition == "current":
            return Errno.WRONG_TOKEN
        return Errno.FOREIGN_TOKEN if ask.token in cloud.tokens else Errno.UNKNOWN_TOKEN
    if cloud.token_is_over(ask.token):
        return Errno.TOKEN_EXPIRED
    if ask.token != task.token:
        return Errno.WRONG_TOKEN if cloud.edition == "current" else Errno.NOT_NEWEST
    return Errno.SUCC


def _in_edition(cloud: "OneNetCloud", errno: Errno) -> Errno:
    is_old_word = errno is Errno.WRONG_STATE and cloud.edition == "old"
    return Errno.STATE_INVALID if is_old_word else errno


def _suitability(cloud: "OneNetCloud", device: Device, task: Task | None, ask: Ask) -> Errno:
    if task is None or task.is_over:
        return Errno.NO_TASK
    if task.state is State.PAUSED:
        return Errno.PAUSED
    if (ask.query["manuf"], ask.query["model"]) != (device.manuf, device.model):
        task.fail()
        return Errno.WRONG_MODEL
    if cloud.edition == "old" and _is_weak(task, ask):
        return Errno.WEAK_DEVICE
    return fitness(task, ask.query["version"])


def _is_weak(task: Task, ask: Ask) -> bool:
    # Optional parameters of the old edition only; today's cloud leaves the judgement to the device.
    wanted = {"signals": task.signal, "powers": task.power}
    return any(
        ask.query[name].isdigit() and int(ask.query[name]) < least
        for name, least in wanted.items()
        if name in ask.query
    )


def _offer(task: Task, token: str, ask: Ask) -> dict[str, Any]:
    offer: dict[str, Any] = {
        "target": task.target,
        "token": token,
        "size": task.firmware.size,
        "md5": task.firmware.md5,
        "signal": task.signal,
        "power": task.power,
        "retry": task.retry,
        "interval": task.interval,
        "type": 2 if task.is_delta else 1,
    }
    return {**offer, "ipPort": ask.host} if ask.query.get("cdn") == "true" else offer
