"""How devices with an SDK of Tencent Cloud IoT Explorer speak, as document 1081/39359 and five SDKs have it.

Facts are the vendor's; each sample stands in `tests/vectors/dialects`. Sent upstream, `result_code` and `percent`
are strings; sent downstream, `result_code` and `file_size` are numbers. Numbers and strings are taken for each other
here, but written as the cloud writes them: some SDKs read with types.

A device sends its version again to be told its update again; nothing else asks for it.
"""

from types import MappingProxyType
from typing import Any, Final, assert_never

from gateway.devices.dialects import payload as fields
from gateway.devices.dialects.dialect import Publish, Reading
from gateway.errors import NotUnderstoodError
from gateway.model.commands import AskVersion, Install, Instruction, Withdraw
from gateway.model.events import StateReported, VersionReported
from gateway.model.identity import DEFAULT_MODULE, DeviceId
from gateway.model.states import Phase, Reason, State

#: `updating` belongs to the vendor's HTTP interface: something else pushes the image to the device.
_STATES: Final = MappingProxyType(
    {
        "downloading": State.DOWNLOADING,
        "burning": State.INSTALLING,
        "updating": State.APPLYING,
        "done": State.SUCCEEDED,
        "fail": State.FAILED,
    }
)

_FAILURES: Final = MappingProxyType(
    {
        -1: (Phase.DOWNLOAD, Reason.DOWNLOAD_TIMEOUT),
        -2: (Phase.DOWNLOAD, Reason.PACKAGE_NOT_FOUND),
        -3: (Phase.DOWNLOAD, Reason.URL_EXPIRED),
        -4: (Phase.VERIFY, Reason.INTEGRITY_CHECK_FAILED),
        -5: (Phase.INSTALL, Reason.INSTALL_FAILED),
    }
)


class Tencent:
    """`$ota/report/{product}/{device}` up, `$ota/update/{product}/{device}` down."""

    name = "tencent"

    def up_topics(self, device: DeviceId) -> frozenset[str]:
        """Return the report topic."""
        return frozenset({f"$ota/report/{device}"})

    def down_filters(self, device: DeviceId) -> frozenset[str]:
        """Return the update topic."""
        return frozenset({f"$ota/update/{device}"})

    def write(self, instruction: Instruction) -> Publish | None:
        """Translate an update; see Dialect. The vendor has no word for anything else.

        A task that its cloud calls off is not told to a device, and versions are said unasked.
        """
        match instruction:
            case Install():
                return _to(instruction.device, _update(instruction))
            case Withdraw() | AskVersion():
                return None
            case _:
                assert_never(instruction)

    def read(self, device: DeviceId, topic: str, payload: bytes) -> Reading:  # noqa: ARG002 - only one topic
        """Translate a report; see Dialect. A version report has a reply."""
        said = fields.parse(payload)
        match said.get("type"):
            case "report_progress":
                return Reading(_progress(device, _report(said)), "state")
            case "report_version":
                event = _version(device, _report(said))
                return Reading(event, "version", _version_reply(event))
            case other:
                raise NotUnderstoodError("unknown_type", f"type is {fields.shown(other)}")


def _to(device: DeviceId, said: dict[str, Any]) -> Publish:
    return Publish(f"$ota/update/{device}", fields.compact(said))


def _update(order: Install) -> dict[str, Any]:
    """Return update_firmware as the cloud sends it, without its `task_id`: the cloud tells a gateway of none."""
    said = {
        "type": "update_firmware",
        "version": order.version,
        "url": order.url,
        "md5sum": order.image.md5,
        "file_size": order.image.size,
    }
    return said if order.module == DEFAULT_MODULE else {**said, "fw_type": order.module}


def _report(said: dict[str, Any]) -> dict[str, Any]:
    if "report" not in said:
        raise NotUnderstoodError("missing_field", "report is missing")
    return fields.as_object(said["report"], "report")


def _version(device: DeviceId, report: dict[str, Any]) -> VersionReported:
    return VersionReported(
        device=device,
        version=fields.required_version(report.get("version")),
        module=fields.module(report.get("fw_type")),
    )


def _version_reply(event: VersionReported) -> Publish:
    answer = {
        "type": "report_version_rsp",
        "version": event.version,
        "result_code": 0,
        "result_msg": "success",
    }
    if event.module != DEFAULT_MODULE:
        answer["fw_type"] = event.module
    return _to(event.device, answer)


def _progress(device: DeviceId, report: dict[str, Any]) -> StateReported:
    if "progress" not in report:
        raise NotUnderstoodError("missing_field", "progress is missing")
    progress = fields.as_object(report["progress"], "progress")
    percent = _percent(progress)
    code = fields.text(progress.get("result_code"), fields.MAX_NAME_CHARS)
    state = _state(progress.get("state"), percent, code)
    phase, reason = _failure(code) if state is State.FAILED else (Phase.UNKNOWN, Reason.NONE)
    return StateReported(
        device=device,
        state=state,
        version=fields.version(report.get("version") or progress.get("version")),
        module=fields.module(report.get("fw_type")),
        percent=percent,
        phase=phase,
        reason=reason,
        code=code,
        detail=fields.text(progress.get("result_msg")),
    )


def _percent(progress: dict[str, Any]) -> int | None:
    # The vendor's own HTTP interface spells the word Persent in requests and Percent in replies.
    for spelling in ("percent", "Percent", "Persent", "persent"):
        if spelling in progress:
            return fields.percent(progress[spelling])
    return None


def _state(value: object, percent: int | None, code: str) -> State:
    state = _STATES.get(value.lower()) if isinstance(value, str) else None
    if state is None:
        raise NotUnderstoodError("unknown_state", f"state is {fields.shown(value)}")
    if state is State.DOWNLOADING and percent == 100:
        return State.DOWNLOADED
    # The vendor's resource channel says `done` with a negative code for a failure; what copies it must not be
    # taken for a success. Any other code beside `done` stays a success, held until the version proves it.
    if state is State.SUCCEEDED and _number(code) < 0:
        return State.FAILED
    return state


def _failure(code: str) -> tuple[Phase, Reason]:
    return _FAILURES.get(_number(code), (Phase.UNKNOWN, Reason.UNKNOWN))


def _number(code: str) -> int:
    """Return the code as a number, 0 if it is none."""
    try:
        return int(code)
    except ValueError:
        return 0
