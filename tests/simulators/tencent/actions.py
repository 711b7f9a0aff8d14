"""The Actions of the token API, each a function from the request to its answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.simulators.tencent.request import Body, Refusal, Report, device_of, report_of, text
from tests.simulators.tencent.task import Device, Status, Task

if TYPE_CHECKING:
    from tests.simulators.tencent.cloud import TencentCloud


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back, and what the record keeps of it."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    said: str = ""
    why: str = ""


Action = Callable[["TencentCloud", Body, str], Answer]


def report_status(cloud: "TencentCloud", body: Body, origin: str) -> Answer:
    """AppReportOTAStatus (1081/86902). No task is needed: its error table knows none."""
    address = device_of(body)
    report = report_of(body)
    device = _permitted(cloud, address)
    history = cloud.history(address, report.version)
    why = "contradiction" if report.contradicts_itself else history.hear(report.state, report.percent)
    if not why:
        _move_on(cloud.tasks.get(address), device, report)
    return Answer(version=report.version, said=report.said, why=why)


def get_ota_info(cloud: "TencentCloud", body: Body, origin: str) -> Answer:
    """AppGetDeviceOTAInfo (1081/86901)."""
    address = device_of(body)
    device = _permitted(cloud, address)
    task = cloud.tasks.get(address)
    if task is None or not task.is_open:
        raise Refusal("ResourceNotFound.DeviceFirmwareTaskNotExist", f"no firmware task for {address}")
    product = address.partition("/")[0]
    url = origin + cloud.sign_url(product, task.target)
    return Answer(
        fields={"FirmwareURL": url, "TargetVersion": task.target, "UploadVersion": device.version},
        version=task.target,
    )


def describe_status(cloud: "TencentCloud", body: Body, origin: str) -> Answer:
    """AppDescribeFirmwareUpdateStatus (1081/47128); its page names no code for a device without a task."""
    address = device_of(body)
    device = _permitted(cloud, address)
    task = cloud.tasks.get(address)
    if task is None:
        raise Refusal("ResourceNotFound.DeviceFirmwareTaskNotExist", f"no firmware task for {address}")
    answer: dict[str, Any] = {
        "OriVersion": task.source,
        "DstVersion": task.target,
        "ErrMsg": task.error,
        "Percent": task.percent,
        "Status": int(_shown_status(device, task)),
    }
    if cloud.omits_status:
        del answer["Status"]  # as in the page's own sample
    return Answer(fields=answer, version=task.target)


def publish_update(cloud: "TencentCloud", body: Body, origin: str) -> Answer:
    """AppPublishFirmwareUpdateMessage (1081/47131): the user has confirmed."""
    address = device_of(body)
    device = _permitted(cloud, address)
    task = cloud.tasks.get(address)
    if task is None or not task.is_open:
        raise Refusal("ResourceNotFound.DeviceHasNoFirmware", f"no firmware for {address}")
    if not device.online:
        raise Refusal("FailedOperation.DeviceOffline", f"{address} is offline")
    if task.status in (Status.WAITING_FOR_USER, Status.PENDING):
        task.status = Status.DELIVERED
    return Answer(version=task.target)


def describe_firmware(cloud: "TencentCloud", body: Body, origin: str) -> Answer:
    """AppDescribeFirmware (1081/100658); mind the capital D of ProductID."""
    product, version = text(body, "ProductID"), text(body, "FirmwareVersion")
    firmware = cloud.firmware_of(product, version)
    if firmware is None:
        raise Refusal("ResourceNotFound", f"{product} has no firmware {version}")
    answer = {
        "Version": version,
        "ProductId": product,
        "ProductName": product,
        "Name": f"firmware-{version}",
        "Description": "",
        "Md5sum": firmware.md5,
        "FwType": firmware.kind,
        "Createtime": 1_700_000_000,
    }
    return Answer(fields=answer, version=version)


ACTIONS: Mapping[str, Action] = {
    "AppReportOTAStatus": report_status,
    "AppGetDeviceOTAInfo": get_ota_info,
    "AppDescribeFirmwareUpdateStatus": describe_status,
    "AppPublishFirmwareUpdateMessage": publish_update,
    "AppDescribeFirmware": describe_firmware,
}


def _permitted(cloud: "TencentCloud", address: str) -> Device:
    # A device that the account does not have is one for which the user has no permission.
    device = cloud.device(address)
    if device is None or not device.permitted:
        raise Refusal("InvalidParameterValue.NoPermission", f"no permission for {address}")
    return device


def _move_on(task: Task | None, device: Device, report: Report) -> None:
    if task is not None and task.target == report.version:
        task.hear(report)
    if report.state == "done":
        device.version = report.version


def _shown_status(device: Device, task: Task) -> Status:
    return Status.OFFLINE if task.is_open and not device.online else task.status
