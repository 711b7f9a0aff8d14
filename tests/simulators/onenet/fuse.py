"""The fuse interface of iot-api.heclouds.com: product and device names, task numbers, ``code`` and ``msg``.

The same tasks as in the south, without tokens, manuf or model; the first step, or 101, begins the download. Where
no code was ever seen, the number that the south has for it is taken.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from aiohttp import web

from tests.simulators.onenet.answering import Interface, answerer, is_authorized
from tests.simulators.onenet.asking import Ask, Reply
from tests.simulators.onenet.download import OtaErrno, send, take_down
from tests.simulators.onenet.errno import TEXTS, Errno
from tests.simulators.onenet.task import DOWNLOADED, State, Task
from tests.simulators.onenet.versions import (
    FIELDS,
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

STATUS = {
    State.TO_BE_UPGRADED: 1,
    State.DOWNLOADING: 2,
    State.UPGRADING: 3,
    State.DONE: 4,
    State.FAILED: 5,
    State.CANCELLED: 6,
}
EXPIRED = 208
NUMBERED = r"/fuse-ota/{pid}/{dev}/{tid:\d+}"


def routes(cloud: "OneNetCloud") -> list[web.RouteDef]:
    """Return the six calls of the vendor's list, by path."""

    def call(action: str, endpoint: Callable[["OneNetCloud", Ask], Reply]) -> Any:
        return answerer(cloud, INTERFACE, action, endpoint)

    async def fetch(request: web.Request) -> web.StreamResponse:
        return _download(cloud, request)

    return [
        web.post("/fuse-ota/{pid}/{dev}/version", call("version", report_version)),
        web.get("/fuse-ota/{pid}/{dev}/version", call("query_version", query_version)),
        web.get("/fuse-ota/{pid}/{dev}/check", call("check", check)),
        web.get(f"{NUMBERED}/check", call("check_task", check_task)),
        web.get(f"{NUMBERED}/download", fetch),
        web.post(f"{NUMBERED}/status", call("status", report_status)),
    ]


def report_version(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Store versions; whether both are needed is told in two ways, see ``demands_both_versions``."""
    device = cloud.devices.get(ask.dev_id)
    if device is None:
        return Reply(errno=Errno.FUSE_NO_TASK)
    given = ask.body.keys() if isinstance(ask.body, dict) else set()
    if cloud.demands_both_versions and not given >= set(FIELDS.values()):
        return Reply(errno=Errno.BAD_PARAMETER)
    return report_versions(cloud, device, ask)


def query_version(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Return what was reported last."""
    device = cloud.devices.get(ask.dev_id)
    return Reply(errno=Errno.FUSE_NO_TASK) if device is None else Reply(data=versions_of(device))


def check(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Find the task; a device that runs its target is told that it has succeeded."""
    device = cloud.devices.get(ask.dev_id)
    if device is None:
        return Reply(errno=Errno.FUSE_NO_TASK)
    why = why_too_early(cloud, device)
    try:
        task = find_task(cloud, device, ask)
    except Refused as refused:
        return Reply(errno=refused.errno, why=why)
    errno = _suitability(task, ask)
    if task is None or errno:
        return Reply(errno=errno, task=task, why=why)
    offer = {
        "target": task.target,
        "tid": task.number,
        "size": task.firmware.size,
        "md5": task.firmware.md5,
        "status": STATUS[task.state],
        "type": 2 if task.is_delta else 1,
    }
    return Reply(data=offer, task=task, why=why)


def check_task(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Tell where a task stands; unlike in the south, asking moves nothing."""
    task = cloud.numbered(ask.number, ask.dev_id)
    if task is None:
        return Reply(errno=Errno.FUSE_NO_TASK)
    if task.state is State.PAUSED:
        return Reply(errno=Errno.PAUSED, task=task)
    return Reply(data={"status": STATUS[task.state]}, task=task)


def report_status(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Take a step or a result code; 208 is not in the list of this interface."""
    task = cloud.numbered(ask.number, ask.dev_id)
    if task is None:
        return Reply(errno=Errno.FUSE_NO_TASK)
    step = ask.integer("step")
    if step is None or step < 0:
        return Reply(errno=Errno.BAD_RESULT, task=task)
    if step == EXPIRED:
        return Reply(errno=Errno.BAD_PARAMETER, task=task)
    if step <= DOWNLOADED:
        task.begin()
    if step <= 100:
        return Reply(errno=task.step(step), task=task, said=f"step {step}")
    return take_result(cloud, task, step)


def respond(reply: Reply) -> web.Response:
    """Speak as the captures do: HTTP 200, whatever the code."""
    body = {"code": int(reply.errno), "msg": TEXTS[reply.errno], "request_id": uuid4().hex}
    return web.json_response(body if reply.data is None else {**body, "data": reply.data})


def _device_of(cloud: "OneNetCloud", request: web.Request) -> str:
    return cloud.dev_id_of(request.match_info["dev"])


def _admits(request: web.Request, resource: str) -> bool:
    # Seen: a user's token and a device's; Studio, the forerunner, took a product's as well.
    product, name = request.match_info["pid"], request.match_info["dev"]
    own = (f"products/{product}", f"products/{product}/devices/{name}")
    return resource in own or resource.startswith("userid/")


INTERFACE = Interface(
    prefix="fuse_",
    device_of=_device_of,
    admits=_admits,
    refusal=Errno.FUSE_AUTH_FAILED,
    respond=respond,
)


def _suitability(task: Task | None, ask: Ask) -> Errno:
    if task is None or (task.is_over and task.state is not State.DONE):
        return Errno.FUSE_NO_TASK
    if task.state is State.DONE:
        return Errno.FUSE_SUCCEEDED if ask.query["version"] == task.target else Errno.FUSE_NO_TASK
    if task.state is State.PAUSED:
        return Errno.PAUSED
    return fitness(task, ask.query["version"])


def _download(cloud: "OneNetCloud", request: web.Request) -> web.Response:
    dev_id = _device_of(cloud, request)
    task = cloud.numbered(int(request.match_info["tid"]), dev_id)
    errno = cloud.fuse_mistake or _download_error(cloud, request, dev_id, task)
    reply = "ok" if errno is OtaErrno.SUCC else f"Ota-Errno {errno:d}"
    take_down(cloud, request, "fuse_download", dev_id, task, reply=reply)
    if task is None or errno is not OtaErrno.SUCC:
        body = {"code": int(errno), "msg": errno.name.lower(), "request_id": uuid4().hex}
        return web.json_response(body, headers={"Ota-Errno": str(int(errno))})
    return send(cloud, request, task, Ota_Errno="0")


def _download_error(cloud: "OneNetCloud", request: web.Request, dev_id: str, task: Task | None) -> OtaErrno:
    if not is_authorized(cloud, INTERFACE, request):
        return OtaErrno.AUTH_FAILED
    if dev_id not in cloud.devices:
        return OtaErrno.NO_DEVICE
    if task is None:
        return OtaErrno.NO_FILE
    return OtaErrno.EXPIRED if task.is_over else OtaErrno.SUCC
