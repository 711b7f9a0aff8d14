"""Devices and their firmware tasks, as the cloud holds them."""

from dataclasses import dataclass
from enum import IntEnum

from tests.simulators.tencent.request import Report


class Status(IntEnum):
    """The Status of AppDescribeFirmwareUpdateStatus (1081/47128)."""

    OFFLINE = 0  # never stored: shown instead of an open task while the device is away
    PENDING = 1
    DELIVERED = 2
    DOWNLOADING = 3
    BURNING = 4
    FAILED = 5
    FINISHED = 6
    PROCESSING = 7
    WAITING_FOR_USER = 8
    TIMED_OUT = 10  # listed in API 3.0 only
    DOWNLOADED = 20


CLOSED = frozenset({Status.FAILED, Status.FINISHED, Status.TIMED_OUT})


@dataclass(slots=True)
class Device:
    """A device of the account."""

    version: str = "1.0"
    online: bool = True
    permitted: bool = True


@dataclass(slots=True)
class Task:
    """An order to bring one device to one version."""

    target: str
    source: str
    status: Status = Status.PENDING
    percent: int = 0
    error: str = ""
    is_cancelled: bool = False

    @property
    def is_open(self) -> bool:
        """Say whether the device is still expected to do something."""
        return self.status not in CLOSED

    def hear(self, report: Report) -> None:
        """Move on with a legal report about the target."""
        if self.is_cancelled:
            return
        self.status = _status_after(report)
        self.error = report.message if report.state == "fail" else ""
        if report.state == "done":
            self.percent = 100
        elif report.percent is not None:
            self.percent = report.percent

    def cancel(self) -> None:
        """Stop: the console shows a cancelled device as failed, and nothing is sent to the device."""
        self.status, self.error, self.is_cancelled = Status.FAILED, "task canceled", True


def _status_after(report: Report) -> Status:
    match report.state:
        case "downloading":
            return Status.DOWNLOADED if report.percent == 100 else Status.DOWNLOADING
        case "done":
            return Status.FINISHED
        case "fail":
            return Status.FAILED
        case _:
            # The number for `updating` is written nowhere; 4 is the nearest.
            return Status.BURNING
