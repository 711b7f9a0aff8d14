"""One report on its way to OneNET: what is left to ask, and what each answer makes of it. Pure.

Law: it ends; every answer either shortens what is left, or is one of two chances that are given once (a fresh
token, a second order of codes).
"""

from enum import Enum, auto
from types import MappingProxyType

from adapters.onenet.wire import (
    DOWNLOADED,
    INSTALLED,
    Progress,
    Report,
    Request,
    TokenCheck,
    is_upgrading,
    requests,
)
from gateway.ports.cloud import State, StateReported


class Act(Enum):
    """What an errno asks of the caller."""

    GO_ON = auto()
    RENEW_TOKEN = auto()
    RESYNC = auto()
    PAUSED = auto()
    FINISHED = auto()
    CANCELED = auto()
    REJECT = auto()
    PARK_DEVICE = auto()


_ACTS = MappingProxyType(
    {0: Act.GO_ON, 19: Act.PAUSED, 20: Act.FINISHED, 22: Act.CANCELED}
    | dict.fromkeys((1, 4, 12, 15, 18, 23), Act.RENEW_TOKEN)
    | dict.fromkeys((13, 17, 21), Act.RESYNC)
)


def act_on(errno: int) -> Act:
    """Return what an errno of a token check, a step or a report asks; an unknown one will never be taken."""
    return _ACTS.get(errno, Act.REJECT)


class Conversation:
    """The requests of one delivery, revised by their answers."""

    def __init__(self, after: State | None, event: StateReported) -> None:
        self._event = event
        self._left = requests(after, event)
        self._was_upgrading = self._upgrading = is_upgrading(after)
        self._renewed = self._reordered = False

    @property
    def pending(self) -> Request | None:
        """What to send next; None once there is nothing left to say."""
        return self._left[0] if self._left else None

    @property
    def reached(self) -> State | None:
        """What the cloud has acknowledged in this delivery on the way to the event's own state."""
        return State.DOWNLOADED if self._upgrading and not self._was_upgrading else None

    def hear(self, errno: int) -> Act:
        """Take the answer to `pending`: GO_ON, or what the caller must do about it."""
        act = act_on(errno)
        match act:
            case Act.GO_ON:
                self._take()
            case Act.RESYNC:
                return self._resync()
            case Act.RENEW_TOKEN:
                return self._renew()
            case Act.FINISHED if self._event.state is State.SUCCEEDED:
                # An earlier reply was lost, or the version report closed the task.
                self._left = []
                return Act.GO_ON
        return act

    def _take(self) -> None:
        self._upgrading |= self._left[0] == DOWNLOADED
        self._left = self._left[1:]

    def _renew(self) -> Act:
        if self._renewed:
            return Act.PARK_DEVICE
        self._renewed = True
        if not self._upgrading and self._left[0] != TokenCheck():
            # A new token may stand for a new task, which skipping the check would leave unopened.
            self._left = [TokenCheck(), *self._left]
        return Act.RENEW_TOKEN

    def _resync(self) -> Act:
        match self._left[0]:
            case TokenCheck():
                # Wrong state: the task is upgrading, an earlier 101 was taken and its reply lost.
                self._upgrading = True
                self._left = _while_upgrading(self._left[1:])
            case Report(101):
                self._take()
            case Progress():
                # The task stands further on than this step, which then says nothing new.
                self._left = self._left[1:]
            case Report(201) if not self._reordered:
                self._reordered = True
                self._left = [TokenCheck(), DOWNLOADED, INSTALLED]
            case Report(code) if code < 200:
                self._left = _while_upgrading(self._left)
            case Report():
                return Act.REJECT
        return Act.GO_ON


def _while_upgrading(left: list[Request]) -> list[Request]:
    failed: list[Request] = [
        Report(206) for each in left if isinstance(each, Report) and 101 < each.code < 200
    ]
    return failed or [each for each in left if isinstance(each, Report) and each.code >= 200]
