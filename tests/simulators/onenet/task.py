"""Devices and their update tasks, the same for both interfaces.

    to_be_upgraded --token check--> downloading --step 100 | 101--> upgrading --201 | version = target--> done

From any of the three active states 102..107 and 202..208 lead to failed (upgrading accepts only 2xx), the
console to cancelled, or to paused and back.
"""

from dataclasses import dataclass
from enum import StrEnum

from tests.simulators.firmware import SAMPLE, Firmware
from tests.simulators.onenet.errno import Errno

DOWNLOADED = 101
UPGRADED = 201
DOWNLOAD_FAILURES = range(102, 108)
UPGRADE_FAILURES = range(202, 209)


class State(StrEnum):
    """Where a task stands."""

    TO_BE_UPGRADED = "to_be_upgraded"
    DOWNLOADING = "downloading"
    UPGRADING = "upgrading"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PAUSED = "paused"


ACTIVE = frozenset({State.TO_BE_UPGRADED, State.DOWNLOADING, State.UPGRADING})
OVER = frozenset({State.DONE, State.FAILED, State.CANCELLED})
REFUSALS = {
    State.PAUSED: Errno.PAUSED,
    State.CANCELLED: Errno.CANCELLED,
    State.DONE: Errno.FINISHED,
    State.FAILED: Errno.FINISHED,
}


@dataclass(slots=True)
class Device:
    """A device of the product; ``versions`` by type: 1 the module (f_version), 2 the MCU (s_version)."""

    versions: dict[int, str]
    manuf: str = "100"  # "other", SOTA
    model: str = "10001"
    has_reported: bool = False  # a version by the call for it, rather than with a check


@dataclass(slots=True)
class Task:
    """An order to bring one device to one version."""

    number: int
    dev_id: str
    kind: int  # the type of the query: 1 FOTA, 2 SOTA
    target: str
    source: str
    firmware: Firmware = SAMPLE
    is_delta: bool = False
    lacks_delta: bool = False  # a delta task without a package for this device
    signal: int = 10  # its unit is written nowhere
    power: int = 50  # per cent
    retry: int = 0
    interval: int = 0  # seconds
    state: State = State.TO_BE_UPGRADED
    percent: int = 0
    result: int | None = None  # the last code that was accepted
    token: str = ""
    cancel_was_told: bool = False
    state_before_pause: State = State.TO_BE_UPGRADED

    @property
    def is_active(self) -> bool:
        """Say whether the device has something to do."""
        return self.state in ACTIVE

    @property
    def is_over(self) -> bool:
        """Say whether it has ended for good."""
        return self.state in OVER

    def begin(self) -> None:
        """Begin the download without a token check, as the fuse interface does."""
        if self.state is State.TO_BE_UPGRADED:
            self.state = State.DOWNLOADING

    def check_token(self) -> Errno:
        """Begin the download, or go on with it."""
        if self.state is State.UPGRADING:
            return Errno.WRONG_STATE
        if self.is_active:
            self.state = State.DOWNLOADING
        return REFUSALS.get(self.state, Errno.SUCC)

    def step(self, percent: int) -> Errno:
        """Take progress; 100 ends the download just as 101 does."""
        if not self.is_active:
            return REFUSALS[self.state]
        if self.state is not State.DOWNLOADING:
            # The page prints the text "invalid state" and no number; 17 has that meaning in the token check.
            return Errno.WRONG_STATE
        self.percent = percent
        if percent == 100:
            self.state = State.UPGRADING
        return Errno.SUCC

    def report(self, code: int) -> Errno:
        """Take a result code; an error changes nothing."""
        if not self.is_active:
            return REFUSALS[self.state] if _is_known(code) else Errno.BAD_PARAMETER
        after = self._state_after(code)
        if isinstance(after, Errno):
            return after
        self.state, self.result = after, code
        return Errno.SUCC

    def runs(self, version: str) -> None:
        """Take note of what the device says it runs; the target ends the task."""
        if self.is_active and version == self.target:
            self.state = State.DONE

    def fail(self) -> None:
        """End it for good: the device does not fit."""
        self.state = State.FAILED

    def cancel(self) -> None:
        """Stop it from the console; a finished task stays what it is."""
        if self.is_active or self.state is State.PAUSED:
            self.state = State.CANCELLED

    def pause(self) -> None:
        """Hold it from the console."""
        if self.is_active:
            self.state_before_pause, self.state = self.state, State.PAUSED

    def resume(self) -> None:
        """Let it go on where it was."""
        if self.state is State.PAUSED:
            self.state = self.state_before_pause

    def _state_after(self, code: int) -> State | Errno:
        if code == DOWNLOADED:
            return State.UPGRADING if self.state is State.DOWNLOADING else Errno.INVALID_OPERATION
        if code == UPGRADED:
            return State.DONE if self.state is State.UPGRADING else Errno.INVALID_OPERATION
        if code in DOWNLOAD_FAILURES:
            return Errno.INVALID_OPERATION if self.state is State.UPGRADING else State.FAILED
        return State.FAILED if code in UPGRADE_FAILURES else Errno.BAD_PARAMETER


def _is_known(code: int) -> bool:
    return code in (DOWNLOADED, UPGRADED) or code in DOWNLOAD_FAILURES or code in UPGRADE_FAILURES
