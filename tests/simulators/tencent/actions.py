"""The Actions of the token API, each a function from the request to its answer."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tests.simulators.tencent.request import Answer, Body, Refusal, Report, device_of, report_of, text
from tests.simulators.tencent.task import UNBEGUN, Device, Status, Task

if TYPE_CHECKING:
    from tests.simulators.tencent.cloud import TencentCloud


Action = Callable[["TencentCloud", Body, str], Answer]


def report_status(cloud: "TencentCloud", body: Body, origin: str) -> Answer:
    """AppReportOTAStatus (1081/86902). No task is needed: its error table knows none."""
    address = device_of(body)
    report = report_of(body)
    device = _permitted(cloud, address)
    task, history = cloud.task_of(address), cloud.history(address, report.version)
    if report.contradicts_itself:
        why = "contradiction"
    elif _lacks_consent(task, report):
        why = "unconfirmed"
    else:
        why = history.hear(report.state, report.percent)
    if not why:
        _move_on(task, device, report, now=cloud.now())
    return Answer(version=report.version, said=report.said, why=why)


def get_ota_info(cloud: "TencentCloud", body: Body, origin: str) -> Answer:
    """AppGetDeviceOTAInfo (1081/86901). Every answer carries a URL that is signed anew."""
    address = device_of(body)
    device = _permitted(cloud, address)
    task = cloud.task_of(address)
    if task is None or not task.is_open or (cloud.hides_unconfirmed and _waits(task)):
        raise Refusal("ResourceNotFound.DeviceFirmwareTaskNotExist", f"no firmware task for {address}")
    product = address.partition("/")[0]
    url = task.url or origin + cloud.sign_url(product, task.target)
    return Answer(
        fields={"FirmwareURL": url, "TargetVersion": task.target, "UploadVersion": device.version},
        version=task.target,
    )


def describe_status(cloud: "TencentCloud", body: Body, origin: str) -> Answer:
    """AppDescribeFirmwareUpdateStatus (1081/47128); its page names no code for a device without a task."""
    address = device_of(body)
    device = _permitted(cloud, address)
    task = cloud.task_of(address)
    if task is None:
        raise Refusal("ResourceNotFound.DeviceFirmwareTaskNotExist", f"no firmware task for {address}")
    task = task.seen()
    answer: dict[str, Any] = {
        "OriVersion": task.source,
        "DstVersion": task.target,
        "ErrMsg": task.error,
        "Percent": task.percent,
        "Status": _shown_status(device, task),
    }
    if cloud.omits_status:
        del answer["Status"]  # as in the page's own sample
    return Answer(fields=answer, version=task.target)


def check_update(cloud: "TencentCloud", body: Body, origin: str) -> Answer:
    """AppCheckFirmwareUpdate (876/47129). For a device without a task, which has no code, DstVersion is empty."""
    address = device_of(body)
    device = _permitted(cloud, address)
    task = cloud.task_of(address)
    if task is None or not task.is_open:
        return Answer(fields={"CurrentVersion": device.version, "DstVersion": ""})
    if device.version != task.source:
        raise Refusal("FailedOperation.DeviceInfoOutdated", f"{address} no longer runs {task.source}")
    return Answer(fields={"CurrentVersion": device.version, "DstVersion": task.target}, version=task.target)


def publish_update(cloud: "TencentCloud", body: Body, origin: str) -> Answer:
    """AppPublishFirmwareUpdateMessage (1081/47131): the user has confirmed. Once is enough."""
    address = device_of(body)
    device = _permitted(cloud, address)
    task = cloud.task_of(address)
    if task is None or not task.is_open:
        raise Refusal("ResourceNotFound.DeviceHasNoFirmware", f"no firmware for {address}")
    if not device.online:
        raise Refusal("FailedOperation.DeviceOffline", f"{address} is offline")
    why = "" if task.status in UNBEGUN else "confirmed_again"
    task.deliver(now=cloud.now())
    return Answer(version=task.target, why=why, repeatable="confirm")


def describe_versions(cloud: "TencentCloud", body: Body, origin: str) -> Answer:
    """AppDescribeDeviceVersion (1081/126563); a device that never reported gets the page's only code."""
    address = device_of(body)
    device = _permitted(cloud, address)
    known = {**({"mcu": device.version} if device.version else {}), **device.modules}
    if not known:
        raise Refusal("ResourceNotFound.DeviceFirmwareTaskNotExist", f"{address} has reported no version")
    versions = [{"Version": version, "Module": module} for module, version in known.items()]
    return Answer(fields={"DeviceVersions": versions})


def describe_firmware(cloud: "TencentCloud", body: Body, origin: str) -> Answer:
    """AppDescribeFirmware (1081/100658); mind the capital D of ProductID."""
    product, version = text(body, "ProductID"), text(body, "FirmwareVersion")
    if cloud.forbids_firmware_details:
        raise Refusal("InvalidParameterValue.NoPermission", f"no permission for {product}")
    firmware = cloud.firmware_of(product, version)
    if firmware is None:
        raise Refusal("ResourceNotFound", f"{product} has no firmware {version}")
    answer = {
        "Version": version,
        "ProductId": product,
        "ProductName": product,
        "Name": f"firmware-{version}",
        "Description": "",
        "Md5sum": firmware.md5 or None,
        "FwType": firmware.kind or None,
        "Createtime": 1_700_000_000,
    }
    return Answer(fields=answer, version=version)


ACTIONS: Mapping[str, Action] = {
    "AppReportOTAStatus": report_status,
    "AppGetDeviceOTAInfo": get_ota_info,
    "AppDescribeFirmwareUpdateStatus": describe_status,
    "AppCheckFirmwareUpdate": check_update,
    "AppPublishFirmwareUpdateMessage": publish_update,
    "AppDescribeFirmware": describe_firmware,
    "AppDescribeDeviceVersion": describe_versions,
}


def _permitted(cloud: "TencentCloud", address: str) -> Device:
    # A device that the account does not have is one for which the user has no permission.
    device = cloud.device(address)
    if device is None or not device.permitted:
        raise Refusal("InvalidParameterValue.NoPermission", f"no permission for {address}")
    return device


def _waits(task: Task) -> bool:
    return task.status is Status.WAITING_FOR_USER


def _lacks_consent(task: Task | None, report: Report) -> bool:
    # A refusal of the user is told as a failure; anything else needs a yes first.
    return task is not None and _waits(task) and task.target == report.version and report.state != "fail"


def _move_on(task: Task | None, device: Device, report: Report, *, now: float) -> None:
    if task is not None and task.target == report.version:
        task.hear(report, now=now)
    if report.state == "done":
        device.version = report.version


def _shown_status(device: Device, task: Task) -> int:
    if task.shown is not None:
        return task.shown
    return int(Status.OFFLINE if task.is_open and not device.online else task.status)
