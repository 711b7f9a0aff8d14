"""The calls of the south interface, each a function from what was asked to the reply."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.simulators.onenet.errno import Errno
from tests.simulators.onenet.task import Device, Task

if TYPE_CHECKING:
    from tests.simulators.onenet.cloud import OneNetCloud

VERSION = re.compile(r"[A-Za-z0-9_.-]{1,20}")
FIELDS = {1: "f_version", 2: "s_version"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request: the token from path or query, the rest as it came."""

    query: Mapping[str, str]
    token: str = ""
    body: Any = None
    host: str = ""

    @property
    def dev_id(self) -> str:
        """The device that it is about."""
        return self.query.get("dev_id", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer, and what the record keeps of it; only reports say something."""

    errno: Errno = Errno.SUCC
    data: Mapping[str, Any] | None = None
    task: Task | None = None
    said: str = ""
    is_injected: bool = False  # a fault says so, not the rules


def report_version(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Call 0: store versions; one that equals a task's target completes the task."""
    device = cloud.devices.get(ask.dev_id)
    if device is None:
        return Reply(errno=Errno.AUTH_FAILED)
    if not isinstance(ask.body, dict):
        return Reply(errno=Errno.BAD_PARAMETER)
    given = {kind: ask.body[name] for kind, name in FIELDS.items() if name in ask.body}
    if not all(_is_version(version) for version in given.values()):
        return Reply(errno=Errno.BAD_VERSION)
    for kind, version in given.items():
        _store_version(cloud, ask.dev_id, device, kind, version)
    return Reply()


def query_version(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Call 7: return what was reported last; a version never reported is missing."""
    device = cloud.devices.get(ask.dev_id)
    if device is None:
        return Reply(errno=Errno.AUTH_FAILED)
    return Reply(data={FIELDS[kind]: version for kind, version in device.versions.items()})


def check(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Call 1: find the task, with all side effects of the original.

    The version given overwrites the stored one, task or no task; a wrong manuf or model fails the task.
    """
    device = cloud.devices.get(ask.dev_id)
    if device is None:
        return Reply(errno=Errno.AUTH_FAILED)
    kind, version = _kind(ask), ask.query.get("version", "")
    if kind is None or not all(ask.query.get(name) for name in ("manuf", "model", "version")):
        return Reply(errno=Errno.BAD_PARAMETER)
    if not _is_version(version):
        return Reply(errno=Errno.BAD_VERSION)
    _store_version(cloud, ask.dev_id, device, kind, version)
    task = cloud.tasks.get((ask.dev_id, kind))
    errno = _fitness(device, task, ask, version)
    if task is None or errno:
        return Reply(errno=errno, task=task)
    return Reply(data=_offer(task, cloud.issue_token(task), ask), task=task)


def check_token(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Call 2: a valid token moves the task on to downloading."""
    task = cloud.task_of(ask.token, ask.dev_id)
    if task is None:
        return Reply(errno=Errno.WRONG_TOKEN)
    if cloud.token_is_over(ask.token):
        return Reply(errno=Errno.TOKEN_EXPIRED, task=task)
    return Reply(errno=task.check_token(), task=task)


def tasking(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Call 6: like check, without side effects, and only while a token is valid."""
    kind = _kind(ask)
    if ask.dev_id not in cloud.devices:
        return Reply(errno=Errno.AUTH_FAILED)
    if kind is None:
        return Reply(errno=Errno.BAD_PARAMETER)
    task = cloud.tasks.get((ask.dev_id, kind))
    # The table has 4 for "no task, or token expired" and 12 for "token expired"; 4 covers both.
    if task is None or not task.is_active or not task.token or cloud.token_is_over(task.token):
        return Reply(errno=Errno.WRONG_TOKEN, task=task)
    return Reply(data=_offer(task, task.token, ask), task=task)


def progress(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Call 4: a step or a result code. Its numbers are not documented; those of the token check are taken."""
    task = cloud.task_of(ask.token, ask.dev_id)
    if task is None:
        return Reply(errno=Errno.WRONG_TOKEN)
    if cloud.token_is_over(ask.token):
        return Reply(errno=Errno.TOKEN_EXPIRED, task=task)
    step = _integer(ask.body, "step")
    if step is None or step < 0:
        return Reply(errno=Errno.BAD_RESULT, task=task)
    if step <= 100:
        return Reply(errno=task.step(step), task=task, said=f"step {step}")
    return _take_result(cloud, task, step)


def report(cloud: "OneNetCloud", ask: Ask) -> Reply:
    """Call 8: a result code. Whatever is wrong with the token is 1: the page has no other number for it."""
    task = cloud.task_of(ask.token, ask.dev_id)
    if task is None or cloud.token_is_over(ask.token):
        return Reply(errno=Errno.AUTH_FAILED, task=task)
    code = _integer(ask.body, "result")
    if code is None:
        return Reply(errno=Errno.BAD_RESULT, task=task)
    return _take_result(cloud, task, code)


def _take_result(cloud: "OneNetCloud", task: Task, code: int) -> Reply:
    errno = task.report(code)
    if errno is Errno.SUCC and code == 201:
        cloud.devices[task.dev_id].versions[task.kind] = task.target
    return Reply(errno=errno, task=task, said=f"result {code}")


def _fitness(device: Device, task: Task | None, ask: Ask, version: str) -> Errno:
    if task is None or not (task.is_active or task.state == "paused"):
        return Errno.NO_TASK
    if task.state == "paused":
        return Errno.PAUSED
    if (ask.query["manuf"], ask.query["model"]) != (device.manuf, device.model):
        task.fail()
        return Errno.WRONG_MODEL
    if task.is_delta and version != task.source:
        task.fail()
        return Errno.WRONG_VERSION
    return Errno.SUCC


def _store_version(cloud: "OneNetCloud", dev_id: str, device: Device, kind: int, version: str) -> None:
    device.versions[kind] = version
    task = cloud.tasks.get((dev_id, kind))
    if task is not None:
        task.runs(version)


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


def _kind(ask: Ask) -> int | None:
    return {"1": 1, "2": 2}.get(ask.query.get("type", ""))


def _integer(body: Any, name: str) -> int | None:
    value = body.get(name) if isinstance(body, dict) else None
    return value if type(value) is int else None


def _is_version(version: Any) -> bool:
    return isinstance(version, str) and VERSION.fullmatch(version) is not None
