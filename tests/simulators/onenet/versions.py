"""What devices say they run, with all that follows from it; the same for both interfaces."""

import re
from typing import TYPE_CHECKING, Any

from tests.simulators.onenet.asking import Ask, Reply
from tests.simulators.onenet.errno import Errno
from tests.simulators.onenet.task import Device, Task

if TYPE_CHECKING:
    from tests.simulators.onenet.cloud import OneNetCloud

VERSION = re.compile(r"[A-Za-z0-9_.-]{1,20}")
FIELDS = {1: "f_version", 2: "s_version"}


class Refused(Exception):  # noqa: N818  answered and not raised further
    """The cloud says no."""

    def __init__(self, errno: Errno) -> None:
        super().__init__(errno)
        self.errno = errno


def report_versions(cloud: "OneNetCloud", device: Device, ask: Ask) -> Reply:
    """Store versions; one that equals a task's target completes the task."""
    if not isinstance(ask.body, dict):
        return Reply(errno=Errno.BAD_PARAMETER)
    given = {kind: ask.body[name] for kind, name in FIELDS.items() if name in ask.body}
    if not all(_is_version(version) for version in given.values()):
        return Reply(errno=Errno.BAD_VERSION)
    device.has_reported = True
    for kind, version in given.items():
        store_version(cloud, ask.dev_id, device, kind, version)
    return Reply()


def versions_of(device: Device) -> dict[str, str]:
    """Return what was reported last; a version never reported is missing."""
    return {FIELDS[kind]: version for kind, version in device.versions.items()}


def store_version(cloud: "OneNetCloud", dev_id: str, device: Device, kind: int, version: str) -> None:
    """Overwrite a version, and complete the task whose target it is."""
    device.versions[kind] = version
    task = cloud.tasks.get((dev_id, kind))
    if task is not None:
        task.runs(version)


def find_task(cloud: "OneNetCloud", device: Device, ask: Ask) -> Task | None:
    """Do what every check does first: believe the version, and add a task if a policy says so."""
    kind, version = ask.kind, ask.query.get("version", "")
    if kind is None or not version:
        raise Refused(Errno.BAD_PARAMETER)
    if not _is_version(version):
        raise Refused(Errno.BAD_VERSION)
    store_version(cloud, ask.dev_id, device, kind, version)
    return _add_by_policy(cloud, ask.dev_id, kind, version)


def fitness(task: Task, version: str) -> Errno:
    """Say whether there is a package for who runs this version; a delta for another one fails the task."""
    if task.lacks_delta:
        return Errno.NO_DELTA
    if task.is_delta and version != task.source:
        task.fail()
        return Errno.WRONG_VERSION
    return Errno.SUCC


def why_too_early(cloud: "OneNetCloud", device: Device) -> str:
    """Name the rule that a check breaks when it comes before any version, if the cloud is to mind."""
    return "check_before_version" if cloud.wants_version_first and not device.has_reported else ""


def take_result(cloud: "OneNetCloud", task: Task, code: int) -> Reply:
    """Take a result code; success makes the target the device's version."""
    errno = task.report(code)
    if errno is Errno.SUCC and code == 201:
        cloud.devices[task.dev_id].versions[task.kind] = task.target
    return Reply(errno=errno, task=task, said=f"result {code}")


def _add_by_policy(cloud: "OneNetCloud", dev_id: str, kind: int, version: str) -> Task | None:
    task = cloud.tasks.get((dev_id, kind))
    if cloud.auto_add in ("", version) or (
        task is not None and (not task.is_over or task.target == cloud.auto_add)
    ):
        return task
    if cloud.licences is not None and dev_id not in cloud.licensed:
        if len(cloud.licensed) >= cloud.licences:
            raise Refused(Errno.NO_LICENCE)
        cloud.licensed.add(dev_id)
    return cloud.create_task(dev_id, cloud.auto_add, kind=kind)


def _is_version(version: Any) -> bool:
    return isinstance(version, str) and VERSION.fullmatch(version) is not None
