"""OneNET's words, for both generations: result codes, and the order in which they must come. Pure.

Law: a token check before anything else, one 101 before any 201, nothing after a 2xx or a failed 1xx. Pages
"上报状态" (/ota/south/report) and its neighbours; the recorded forms stand in `tests/vectors/onenet.json`.
"""

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, assert_never

from gateway.model.states import STEPS, TABLE
from gateway.model.states import Step as Transition
from gateway.ports.cloud import Phase, Reason, State, StateReported, Version


class Meaning(NamedTuple):
    """What a result code says, in canonical words."""

    state: State
    phase: Phase
    reason: Reason


def _failed(phase: Phase, reason: Reason) -> Meaning:
    return Meaning(State.FAILED, phase, reason)


#: The fifteen codes, lossless both ways.
CODES = MappingProxyType(
    {
        101: Meaning(State.DOWNLOADED, Phase.UNKNOWN, Reason.NONE),
        102: _failed(Phase.DOWNLOAD, Reason.INSUFFICIENT_STORAGE),
        103: _failed(Phase.DOWNLOAD, Reason.OUT_OF_MEMORY),
        104: _failed(Phase.DOWNLOAD, Reason.DOWNLOAD_TIMEOUT),
        105: _failed(Phase.DOWNLOAD, Reason.LOW_BATTERY),
        106: _failed(Phase.DOWNLOAD, Reason.WEAK_SIGNAL),
        107: _failed(Phase.DOWNLOAD, Reason.UNKNOWN),
        201: Meaning(State.SUCCEEDED, Phase.UNKNOWN, Reason.NONE),
        202: _failed(Phase.INSTALL, Reason.LOW_BATTERY),
        203: _failed(Phase.INSTALL, Reason.OUT_OF_MEMORY),
        204: _failed(Phase.INSTALL, Reason.VERSION_MISMATCH),
        205: _failed(Phase.VERIFY, Reason.INTEGRITY_CHECK_FAILED),
        206: _failed(Phase.INSTALL, Reason.UNKNOWN),
        207: _failed(Phase.INSTALL, Reason.RETRIES_EXHAUSTED),
        208: Meaning(State.TIMED_OUT, Phase.UNKNOWN, Reason.TASK_EXPIRED),
    }
)
_OF_MEANING = MappingProxyType({meaning: code for code, meaning in CODES.items()})

#: Reasons that mean the same in whatever phase before the install.
_OF_REASON = MappingProxyType(
    {
        Reason.DOWNLOAD_TIMEOUT: 104,
        Reason.CONNECTION_LOST: 106,
        Reason.WEAK_SIGNAL: 106,
        Reason.PACKAGE_NOT_FOUND: 107,
        Reason.URL_EXPIRED: 107,
        Reason.INSUFFICIENT_STORAGE: 102,
    }
)
_VERIFY_REASONS = frozenset({Reason.INTEGRITY_CHECK_FAILED, Reason.SIGNATURE_INVALID})
_INSTALL_PHASES = frozenset({Phase.INSTALL, Phase.APPLY, Phase.CONFIRM})
_OTHER_DOWNLOAD, _OTHER_INSTALL = 107, 206


#: The pattern of errno 27; the platform writes down what a device runs, and compares it with a task's target.
_VERSION = re.compile(r"[A-Za-z0-9_.-]{1,20}")


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """Check the task's token, which moves the task on to downloading."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Report a step, 0 to 99: 100 would mean 101, and only one of them may be sent."""

    percent: int


@dataclass(frozen=True, slots=True)
class Report:
    """Report a result code."""

    code: int


Request = TokenCheck | Progress | Report
DOWNLOADED, INSTALLED = Report(101), Report(201)


def is_upgrading(after: State | None) -> bool:
    """Whether the cloud has acknowledged a 101: each state from DOWNLOADED on makes sure of that."""
    return after is not None and TABLE[after].rank >= TABLE[State.DOWNLOADED].rank


def objection(version: Version) -> str | None:
    """Say why the platform takes no such version; None when it does."""
    if _VERSION.fullmatch(version):
        return None
    return f"version is {version!r}; OneNET carries 1 to 20 letters, digits and . _ -"


def requests(after: State | None, event: StateReported) -> list[Request]:
    """Return what remains to be said so that the cloud learns this state; nothing when it has no word for it."""
    if after is not None and STEPS[after, event.state] in (Transition.STALE, Transition.ABSORBED):
        return []
    is_open = after is not None and TABLE[after].rank >= TABLE[State.DOWNLOADING].rank
    opening: list[Request] = [] if is_open else [TokenCheck()]
    downloaded = [] if is_upgrading(after) else [*opening, DOWNLOADED]
    match event.state:
        case State.DOWNLOADING:
            return opening if event.percent is None else [*opening, Progress(min(max(event.percent, 0), 99))]
        case State.DOWNLOADED | State.VERIFIED | State.INSTALLING | State.APPLYING | State.CONFIRMING:
            return downloaded
        case State.SUCCEEDED:
            return [*downloaded, INSTALLED]
        case State.FAILED | State.TIMED_OUT | State.REJECTED:
            return [*opening, Report(failure_code(event, is_upgrading=is_upgrading(after)))]
        case State.QUEUED | State.WAITING_CONFIRMATION | State.NOTIFIED | State.CANCELED:
            return []
        case _:
            assert_never(event.state)


def failure_code(event: StateReported, *, is_upgrading: bool) -> int:
    """Return the code of a failure: the vocabulary's own where there is one, else the nearest."""
    code = _timeout_code(event) if event.state is State.TIMED_OUT else _failure_code(event)
    # Once upgrading, a task takes only 2xx.
    return _OTHER_INSTALL if is_upgrading and code < 200 else code


def _timeout_code(event: StateReported) -> int:
    if event.reason is Reason.TASK_EXPIRED:
        return 208
    return 104 if event.phase is Phase.DOWNLOAD else _OTHER_INSTALL


def _failure_code(event: StateReported) -> int:
    if event.state is State.REJECTED:
        return _OTHER_INSTALL
    if event.reason in _VERIFY_REASONS:
        return 205
    is_download = event.phase is Phase.DOWNLOAD
    phase = Phase.DOWNLOAD if is_download else Phase.INSTALL
    own = _OF_MEANING.get(Meaning(State.FAILED, phase, event.reason))
    if own is not None:
        return own
    if event.phase in _INSTALL_PHASES:
        return _OTHER_INSTALL
    return _OF_REASON.get(event.reason, _OTHER_DOWNLOAD if is_download else _OTHER_INSTALL)
