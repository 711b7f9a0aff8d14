"""Devices and their firmware tasks, as the cloud holds them."""

from dataclasses import dataclass, field
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
UNBEGUN = frozenset({Status.PENDING, Status.WAITING_FOR_USER})


@dataclass(slots=True)
class Device:
    """A device of the account; an empty ``version`` was never reported."""

    version: str = "1.0"
    online: bool = True
    permitted: bool = True
    modules: dict[str, str] = field(default_factory=dict)  # beside the MCU: module → version


@dataclass(slots=True)
class Task:
    """An order to bring one device to one version."""

    target: str
    source: str
    status: Status = Status.PENDING
    percent: int = 0
    error: str = ""
    is_cancelled: bool = False
    timeout: float | None = None  # seconds from its delivery or first report; from when, no page says
    begun_at: float | None = None
    url: str = ""  # offered instead of a signed one
    shown: int | None = None  # the Status that queries see, whatever it is
    former: "Task | None" = None  # the finished task that queries still see …
    lag: int = 0  # … so many times

    @property
    def is_open(self) -> bool:
        """Say whether the device is still expected to do something."""
        return self.status not in CLOSED

    def hear(self, report: Report, *, now: float) -> None:
        """Move on with a legal report about the target; what comes after a cancellation or time-out is late."""
        if self.is_cancelled or self.status is Status.TIMED_OUT:
            return
        self._begin(now)
        self.status = _status_after(report)
        self.error = report.message if report.state == "fail" else ""
        if report.state == "done":
            self.percent = 100
        elif report.percent is not None:
            self.percent = report.percent

    def deliver(self, *, now: float) -> None:
        """Send the message to the device, as its user has agreed."""
        self._begin(now)
        if self.status in UNBEGUN:
            self.status = Status.DELIVERED

    def age(self, *, now: float) -> None:
        """Time out, if it is time."""
        if self.is_open and self.timeout is not None and self.begun_at is not None:
            self.status = Status.TIMED_OUT if now >= self.begun_at + self.timeout else self.status

    def cancel(self) -> None:
        """Stop: the console shows a cancelled device as failed, and nothing is sent to the device."""
        self.status, self.error, self.is_cancelled = Status.FAILED, "task canceled", True

    def seen(self) -> "Task":
        """Return the task that a query sees: for a while the one before."""
        if self.former is None or self.lag <= 0:
            return self
        self.lag -= 1
        return self.former

    def _begin(self, now: float) -> None:
        self.begun_at = now if self.begun_at is None else self.begun_at


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
