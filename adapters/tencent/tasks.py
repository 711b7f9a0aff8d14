"""Tencent's words on the way down: what an account says of a device's task and of its image. Pure.

AppGetDeviceOTAInfo (1081/86901), AppDescribeFirmwareUpdateStatus (1081/47128) and AppDescribeFirmware
(1081/100658); the recorded forms stand in `tests/vectors/tencent.json`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from adapters.tencent.replies import Fields, MisshapenError
from gateway.model.firmware import Md5, read_md5
from gateway.ports.cloud import DEFAULT_MODULE, CloudView, Module, State, Version

MAX_RAW = 1000
MAX_TARGET = 1024
OFFLINE = 0

#: Status → state. Device events win over 5 and 6 of another DstVersion: they tell of the task before.
STATES = MappingProxyType(
    {
        1: State.QUEUED,
        2: State.NOTIFIED,
        3: State.DOWNLOADING,
        4: State.INSTALLING,
        5: State.FAILED,
        6: State.SUCCEEDED,
        7: State.QUEUED,
        8: State.WAITING_CONFIRMATION,
        # Listed by the API 3.0 only, whose cloud it is all the same.
        10: State.TIMED_OUT,
        20: State.DOWNLOADED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An image for a device, and the version that it told the cloud."""

    url: str
    target: Version
    source: Version | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the cloud sees the latest task of a device."""

    target: Version | None
    #: None when the cloud does not say, as in its own page's sample: never 0, which means offline.
    status: int | None
    percent: int | None
    text: str
    raw: str

    @property
    def state(self) -> State | None:
        """The canonical state; None when there is no word for it."""
        return None if self.status is None else STATES.get(self.status)

    @property
    def is_confirmed(self) -> bool:
        """Whether the user's consent has been taken already."""
        return self.state in (
            State.NOTIFIED,
            State.DOWNLOADING,
            State.DOWNLOADED,
            State.INSTALLING,
            State.SUCCEEDED,
        )

    def view(self, module: Module) -> CloudView:
        """Say it in canonical words."""
        detail = "the device is offline" if self.status == OFFLINE and not self.text else self.text
        return CloudView(
            module=module,
            target=self.target,
            state=self.state,
            percent=self.percent,
            detail=detail,
            raw=self.raw,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What else is known of an image."""

    module: Module = DEFAULT_MODULE
    md5: Md5 | None = None


def read_offer(fields: Fields) -> Offer | None:
    """Read AppGetDeviceOTAInfo; None when it offers nothing."""
    match fields:
        case {"FirmwareURL": str(), "TargetVersion": str(target)} if len(target) > MAX_TARGET:
            # It would be remembered, for each of thousands of devices.
            raise MisshapenError("an offer of a version without end")
        case {"FirmwareURL": str(url), "TargetVersion": str(target)} if url and target:
            return Offer(url=url, target=Version(target), source=_version(fields.get("UploadVersion")))
        case {"FirmwareURL": "" | None} | {"TargetVersion": "" | None}:
            return None
        case _:
            raise MisshapenError("an offer without FirmwareURL or TargetVersion")


def read_standing(fields: Fields) -> Standing:
    """Read AppDescribeFirmwareUpdateStatus; each of its fields may be missing."""
    percent, status = fields.get("Percent"), fields.get("Status")
    return Standing(
        target=_version(fields.get("DstVersion")),
        status=status if type(status) is int else None,
        percent=min(max(percent, 0), 100) if type(percent) is int else None,
        text=str(fields.get("ErrMsg") or "")[:MAX_RAW],
        raw=json.dumps(_told(fields), ensure_ascii=False)[:MAX_RAW],
    )


def read_details(fields: Fields, modules: Mapping[str, str]) -> Details:
    """Read AppDescribeFirmware, whose fields may be null; `modules` says what the site calls a FwType."""
    kind, md5 = fields.get("FwType"), fields.get("Md5sum")
    return Details(
        module=Module(modules.get(kind, kind)) if isinstance(kind, str) and kind else DEFAULT_MODULE,
        md5=_md5(md5) if isinstance(md5, str) else None,
    )


def _told(fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if name != "RequestId"}


def _version(value: object) -> Version | None:
    return Version(value) if isinstance(value, str) and value else None


def _md5(text: str) -> Md5 | None:
    try:
        return read_md5(text)
    except ValueError:
        return None
