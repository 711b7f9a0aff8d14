"""One attempt to bring one module of one device to one target version: the record, and its elementary moves.

What makes it move stands beside it: `reports` (what a device says), `evidence` (what proves or disproves it, time
among it) and `orders` (what a cloud or a person wants). All of it is pure: the same update and event always give the
same outcome. Law: an update never leaves the table of `states`, a terminal state absorbs, a repeat changes nothing.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.model.events import StateReported
from gateway.model.identity import DEFAULT_MODULE, DeviceId, Module, UpdateId, Version
from gateway.model.states import RANK_GROUP, TABLE, Phase, Reason, State

#: A retry waits twice as long as the one before it, so many times.
MAX_DOUBLINGS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """The record of one attempt. Times are seconds of the site clock."""

    device: DeviceId
    target: Version
    module: Module = DEFAULT_MODULE
    #: Counts all updates of this module of this device; part of the identity.
    number: int = 1
    #: Counts attempts at the same target, from 1.
    attempt: int = 1
    state: State = State.QUEUED
    percent: int | None = None
    phase: Phase = Phase.UNKNOWN
    reason: Reason = Reason.NONE
    code: str = ""
    detail: str = ""
    #: What ran when the update began, where the device had said so.
    source: Version | None = None
    #: The target of the update before this one; late reports of it are stale.
    predecessor: Version | None = None
    #: INSTALLING and APPLYING may come in either order, but each once: set when both were entered.
    both_entered: bool = False
    stalled: bool = False
    #: Success taken on the device's word alone.
    unverified: bool = False
    #: A version other than the target that the device reported while it installed, or while success waits for evidence.
    #: It may be older than what was said last; if nothing else is said for a while, this is the outcome.
    doubt: Version | None = None
    #: The device reported a version after the end: it asks for orders again and may start over.
    rearmed: bool = False
    #: The gateway, not the device, brought the update into its state.
    synthetic: bool = False
    #: A cloud or an operator wants it, and the gateway sees it through.
    ordered: bool = False
    #: A user has agreed, who had to be asked.
    confirmed: bool = False
    #: An operator holds it back.
    paused: bool = False
    #: Failures that may still be answered by beginning anew, and seconds before that.
    retries_left: int = 0
    retry_pause: float = 0.0
    #: How often it was begun anew.
    retries: int = 0
    #: Nothing is sent to the device before this time.
    not_before: float = 0.0
    opened_at: float = 0.0
    entered_at: float = 0.0
    #: The last event that changed anything.
    touched_at: float = 0.0

    @property
    def id(self) -> UpdateId:
        """The update's name in the store, the API and the logs."""
        return UpdateId(f"{self.device}/{self.module}/{self.number}")

    def report(self) -> StateReported:
        """Say where the update stands: the event that the clouds hear."""
        return StateReported(
            device=self.device,
            state=self.state,
            version=self.target,
            module=self.module,
            percent=self.percent,
            phase=self.phase,
            reason=self.reason,
            code=self.code,
            detail=self.detail,
            synthetic=self.synthetic,
            confirmed=self.confirmed,
        )

    @property
    def is_held(self) -> bool:
        """Whether it waits for a person."""
        return self.paused or (self.state is State.WAITING_CONFIRMATION and not self.confirmed)


class Verdict(StrEnum):
    """What an event did."""

    OPENED = "opened"
    ADVANCED = "advanced"
    PROGRESSED = "progressed"
    #: Worth remembering, nothing to tell: a version report after the end, a deadline passed.
    NOTED = "noted"
    #: A user agreed.
    AGREED = "agreed"
    #: It failed, and begins anew before anybody is told.
    RETRIED = "retried"
    DUPLICATE = "duplicate"
    STALE = "stale"
    ABSORBED = "absorbed"
    #: The device named no target and has no update that it could mean.
    UNTARGETED = "untargeted"


CHANGES = frozenset(
    {
        Verdict.OPENED,
        Verdict.ADVANCED,
        Verdict.PROGRESSED,
        Verdict.NOTED,
        Verdict.AGREED,
        Verdict.RETRIED,
    }
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict, the update as it now is, and the older one that it closed by superseding."""

    verdict: Verdict
    update: Update | None
    closed: Update | None = None


def opened(
    last: Update | None, event: StateReported, *, state: State, running: Version | None, now: float
) -> Update:
    """Begin an update in this state, after the last one of the same module; the event names its target."""
    if event.version is None:
        raise ValueError("an update needs a target")
    same = last is not None and last.target == event.version
    return Update(
        device=event.device,
        module=event.module,
        target=event.version,
        number=last.number + 1 if last else 1,
        attempt=last.attempt + 1 if last and same else 1,
        state=state,
        percent=event.percent,
        phase=event.phase,
        reason=event.reason,
        code=event.code,
        detail=event.detail,
        source=running,
        predecessor=last.predecessor if last and same else last.target if last else None,
        synthetic=event.synthetic,
        opened_at=now,
        entered_at=now,
        touched_at=now,
    )


def entered(
    update: Update,
    state: State,
    now: float,
    *,
    event: StateReported | None = None,
    phase: Phase = Phase.UNKNOWN,
    reason: Reason = Reason.NONE,
) -> Update:
    """Return the update in its next state."""
    return replace(
        update,
        state=state,
        percent=event.percent if event else None,
        phase=event.phase if event else phase,
        reason=event.reason if event else reason,
        code=event.code if event else "",
        detail=event.detail if event else "",
        synthetic=event.synthetic if event else False,
        both_entered=update.both_entered or {update.state, state} == RANK_GROUP,
        stalled=False,
        doubt=None,
        entered_at=now,
        touched_at=now,
    )


def failed(update: Update, end: Update, now: float) -> Outcome:
    """End the update so, or begin it anew while its reason may pass and retries are left.

    Nobody is told of what is tried again: to a cloud, a failure is the end of its task.
    """
    if update.retries_left <= 0:
        return Outcome(Verdict.ADVANCED, end)
    waits = update.state is State.WAITING_CONFIRMATION and not update.confirmed
    pause = update.retry_pause * 2 ** min(update.retries, MAX_DOUBLINGS)
    again = replace(
        end,
        # Nobody has agreed yet.
        state=State.WAITING_CONFIRMATION if waits else State.QUEUED,
        percent=None,
        both_entered=False,
        synthetic=True,
        retries_left=update.retries_left - 1,
        retries=update.retries + 1,
        not_before=now + pause,
    )
    return Outcome(Verdict.RETRIED, again)


def cancel(update: Update, reason: Reason, *, now: float) -> Outcome:
    """End an open update because a cloud or an operator called it off."""
    if update.state.is_terminal:
        return Outcome(Verdict.ABSORBED, update)
    canceled = entered(update, State.CANCELED, now, phase=TABLE[update.state].phase, reason=reason)
    return Outcome(Verdict.ADVANCED, replace(canceled, synthetic=True))
