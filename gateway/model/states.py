"""The table: every state of an update, in rank order, with who must move next.

Theory of operation. An update walks forward by rank. Skipping is allowed, because devices are terse; the same
state again is progress or a duplicate; a lower rank within the same update is *stale*; a terminal state absorbs.
INSTALLING and APPLYING form one rank group: devices disagree about their order, so either may come first, but
each is entered once. Rule 1: everything that decides a transition stands in this file. Rule 2: this file knows
no device, no cloud and no clock. The diagram in the README is generated from this table.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType


class State(StrEnum):
    """Where an update stands."""

    QUEUED = "queued"
    WAITING_CONFIRMATION = "waiting_confirmation"
    NOTIFIED = "notified"
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"
    VERIFIED = "verified"
    INSTALLING = "installing"
    APPLYING = "applying"
    CONFIRMING = "confirming"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELED = "canceled"
    REJECTED = "rejected"

    @property
    def is_terminal(self) -> bool:
        """True once nothing more can happen to the update."""
        return self in TERMINAL


class Phase(StrEnum):
    """The part of an update in which something went wrong."""

    PRECHECK = "precheck"
    DOWNLOAD = "download"
    VERIFY = "verify"
    INSTALL = "install"
    APPLY = "apply"
    CONFIRM = "confirm"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why an update did not succeed; stable words, the device's own code and text stand beside them."""

    NONE = "NONE"
    DOWNLOAD_TIMEOUT = "DOWNLOAD_TIMEOUT"
    CONNECTION_LOST = "CONNECTION_LOST"
    WEAK_SIGNAL = "WEAK_SIGNAL"
    PACKAGE_NOT_FOUND = "PACKAGE_NOT_FOUND"
    URL_EXPIRED = "URL_EXPIRED"
    INSUFFICIENT_STORAGE = "INSUFFICIENT_STORAGE"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    LOW_BATTERY = "LOW_BATTERY"
    DEVICE_BUSY = "DEVICE_BUSY"
    ALREADY_INSTALLED = "ALREADY_INSTALLED"
    INTEGRITY_CHECK_FAILED = "INTEGRITY_CHECK_FAILED"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    INCOMPATIBLE_DEVICE = "INCOMPATIBLE_DEVICE"
    VERSION_MISMATCH = "VERSION_MISMATCH"
    INSTALL_FAILED = "INSTALL_FAILED"
    BOOT_FAILED = "BOOT_FAILED"
    ROLLED_BACK = "ROLLED_BACK"
    INTERRUPTED = "INTERRUPTED"
    RETRIES_EXHAUSTED = "RETRIES_EXHAUSTED"
    TASK_EXPIRED = "TASK_EXPIRED"
    STATE_TIMEOUT = "STATE_TIMEOUT"
    DENIED_BY_USER = "DENIED_BY_USER"
    OUTSIDE_WINDOW = "OUTSIDE_WINDOW"
    CANCELED_BY_CLOUD = "CANCELED_BY_CLOUD"
    CANCELED_BY_OPERATOR = "CANCELED_BY_OPERATOR"
    SUPERSEDED = "SUPERSEDED"
    CLOUD_REJECTED = "CLOUD_REJECTED"
    UNKNOWN = "UNKNOWN"


class Owner(StrEnum):
    """Who must move the update out of a state."""

    DEVICE = "device"
    GATEWAY = "gateway"
    CLOUD = "cloud"
    OPERATOR = "operator"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Rule:
    """What the table says of one state."""

    rank: int
    owner: Owner
    phase: Phase
    #: How long the owner may keep silent before the update counts as stalled.
    deadline: timedelta | None = None


_HOURS = timedelta(hours=1)
_MINUTES = timedelta(minutes=1)

TABLE = MappingProxyType(
    {
        State.QUEUED: Rule(0, Owner.CLOUD, Phase.PRECHECK),
        State.WAITING_CONFIRMATION: Rule(10, Owner.OPERATOR, Phase.PRECHECK),
        State.NOTIFIED: Rule(20, Owner.DEVICE, Phase.PRECHECK, 30 * _MINUTES),
        State.DOWNLOADING: Rule(30, Owner.DEVICE, Phase.DOWNLOAD, 2 * _HOURS),
        State.DOWNLOADED: Rule(40, Owner.DEVICE, Phase.VERIFY, 1 * _HOURS),
        State.VERIFIED: Rule(45, Owner.DEVICE, Phase.INSTALL, 1 * _HOURS),
        State.INSTALLING: Rule(50, Owner.DEVICE, Phase.INSTALL, 30 * _MINUTES),
        State.APPLYING: Rule(55, Owner.DEVICE, Phase.APPLY, 30 * _MINUTES),
        State.CONFIRMING: Rule(60, Owner.DEVICE, Phase.CONFIRM, 15 * _MINUTES),
        State.SUCCEEDED: Rule(100, Owner.NOBODY, Phase.UNKNOWN),
        State.FAILED: Rule(100, Owner.NOBODY, Phase.UNKNOWN),
        State.TIMED_OUT: Rule(100, Owner.NOBODY, Phase.UNKNOWN),
        State.CANCELED: Rule(100, Owner.NOBODY, Phase.UNKNOWN),
        State.REJECTED: Rule(100, Owner.NOBODY, Phase.UNKNOWN),
    },
)

TERMINAL = frozenset(state for state, rule in TABLE.items() if rule.rank == 100)
RANK_GROUP = frozenset({State.INSTALLING, State.APPLYING})


class Step(StrEnum):
    """What a reported state means for an update that stands in another."""

    ADVANCE = "advance"
    REPEAT = "repeat"
    STALE = "stale"
    ABSORBED = "absorbed"


def _step(current: State, reported: State) -> Step:
    if current.is_terminal:
        return Step.ABSORBED
    if reported == current:
        return Step.REPEAT
    if TABLE[reported].rank > TABLE[current].rank or {current, reported} == RANK_GROUP:
        return Step.ADVANCE
    return Step.STALE


STEPS = MappingProxyType({(a, b): _step(a, b) for a in State for b in State})


def diagram() -> str:
    """Draw the table as a Mermaid state diagram: forward in rank order, and from any open state to an end."""
    chain = [state for state in State if not state.is_terminal]
    ends = [state for state in State if state.is_terminal]
    lines = ["stateDiagram-v2", "    [*] --> OPEN", "    state OPEN {", f"        [*] --> {chain[0].name}"]
    lines += [f"        {a.name} --> {b.name}" for a, b in pairwise(chain)]
    lines += [f"        {State.APPLYING.name} --> {State.INSTALLING.name}: either order, each once", "    }"]
    lines += [f"    OPEN --> {end.name}" for end in ends]
    lines += [f"    {end.name} --> [*]" for end in ends]
    return "\n".join(lines)
