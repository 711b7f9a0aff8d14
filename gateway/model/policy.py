"""What a product demands of its updates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo

from gateway.model.states import TABLE, Reason, State

#: Failures that say nothing of the image or of the device, and may be gone the next time.
PASSING = frozenset(
    {
        Reason.DOWNLOAD_TIMEOUT,
        Reason.CONNECTION_LOST,
        Reason.WEAK_SIGNAL,
        Reason.URL_EXPIRED,
        Reason.DEVICE_BUSY,
        Reason.INTERRUPTED,
    }
)


@dataclass(frozen=True, slots=True)
class Window:
    """The hours of the day in which updates may begin; across midnight where the end is before the start."""

    start: time
    end: time
    zone: tzinfo = UTC

    def is_open(self, wall: float) -> bool:
        """Whether it is open at this time, Unix seconds."""
        now = datetime.fromtimestamp(wall, self.zone).time()
        if self.start <= self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a product demands of its updates."""

    #: `on_version_match`: success needs the target version to be reported; else the device's word suffices.
    needs_evidence: bool = True
    #: `trust_done`: when the evidence never comes, believe the device, marked unverified; else time out.
    trusts_silence: bool = True
    #: Deadlines that differ from the table's.
    deadlines: Mapping[State, timedelta] = field(default_factory=dict)
    #: How long another version than the target must stand after a "done" before it counts as the outcome.
    rollback_after: timedelta = timedelta(seconds=30)
    #: An update whose owner passed its deadline ends in TIMED_OUT; else it is only marked.
    times_out: bool = False
    #: Nothing is sent to a device before a user agreed.
    asks_first: bool = False
    #: How often an ordered update that failed for one of these reasons is begun anew before a cloud hears of it.
    retries: int = 0
    retry_reasons: frozenset[Reason] = PASSING
    #: Before the first retry; doubles with each.
    retry_after: timedelta = timedelta(minutes=5)
    refuses_downgrades: bool = False
    window: Window | None = None
    #: Devices of the product that may be under way at once.
    max_at_once: int = 50

    def deadline(self, state: State) -> timedelta | None:
        """How long the owner of the state may keep silent."""
        return self.deadlines.get(state, TABLE[state].deadline)

    def may_begin(self, wall: float) -> bool:
        """Whether updates may begin at this time, Unix seconds."""
        return self.window is None or self.window.is_open(wall)
