"""One attempt to bring one module of one device to one target version, and what each event makes of it.

Pure: the same update and event always give the same outcome. Law: an update never leaves the table of `states`,
a terminal state absorbs, a repeat changes nothing.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from gateway.model.events import StateReported, VersionReported
from gateway.model.identity import DEFAULT_MODULE, DeviceId, Module, UpdateId, Version
from gateway.model.policy import Policy
from gateway.model.states import RANK_GROUP, STEPS, TABLE, Phase, Reason, State, Step

#: States that announce an update rather than carry it out.
ANNOUNCEMENTS = frozenset({State.QUEUED, State.WAITING_CONFIRMATION, State.NOTIFIED})
#: How long a doubt waits for the "done" that would dispel it; a device sends both on one connection.
DOUBT = timedelta(seconds=30)


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
    #: A version other than the target that a redelivery (DUP) reported while success waits for evidence. It may be
    #: older than the "done": then that comes again right after it. If it does not, this is the evidence.
    doubt: Version | None = None
    #: The device reported a version after the end: it asks for orders again and may start over.
    rearmed: bool = False
    #: The gateway, not the device, brought the update into its state.
    synthetic: bool = False
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
        )


class Verdict(StrEnum):
    """What an event did."""

    OPENED = "opened"
    ADVANCED = "advanced"
    PROGRESSED = "progressed"
    #: Worth remembering, nothing to tell: a version report after the end, a deadline passed.
    NOTED = "noted"
    DUPLICATE = "duplicate"
    STALE = "stale"
    ABSORBED = "absorbed"
    #: The device named no target and has no update that it could mean.
    UNTARGETED = "untargeted"


CHANGES = frozenset({Verdict.OPENED, Verdict.ADVANCED, Verdict.PROGRESSED, Verdict.NOTED})


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict, the update as it now is, and the older one that it closed by superseding."""

    verdict: Verdict
    update: Update | None
    closed: Update | None = None


def apply(
    update: Update | None, event: StateReported, *, running: Version | None, policy: Policy, now: float
) -> Outcome:
    """Let a reported state act on the device's current update (None: it never had one)."""
    target = event.version or (update.target if update else None)
    if target is None:
        return Outcome(Verdict.UNTARGETED, None)
    if update is None:
        return Outcome(Verdict.OPENED, _open(None, event, target, running=running, policy=policy, now=now))
    if target == update.target:
        if _starts_over(update, event):
            return Outcome(
                Verdict.OPENED, _open(update, event, target, running=running, policy=policy, now=now)
            )
        return _advance(update, event, running=running, policy=policy, now=now)
    return _replace(update, event, target, running=running, policy=policy, now=now)


def witness(update: Update | None, event: VersionReported, *, now: float) -> Outcome:
    """Let a reported version act on the device's current update: the evidence that success needs."""
    if update is None:
        return Outcome(Verdict.DUPLICATE, None)
    if update.state.is_terminal:
        verdict = Verdict.DUPLICATE if update.rearmed else Verdict.NOTED
        return Outcome(verdict, update if update.rearmed else replace(update, rearmed=True))
    confirming = update.state is State.CONFIRMING
    if event.version == update.target and (confirming or update.source != update.target):
        return Outcome(Verdict.ADVANCED, _enter(update, State.SUCCEEDED, now))
    if confirming and event.redelivered:
        return Outcome(Verdict.NOTED, replace(update, doubt=event.version, touched_at=now))
    if confirming:
        return Outcome(Verdict.ADVANCED, _disproved(update, event.version, now))
    return Outcome(Verdict.DUPLICATE, update)


def expire(update: Update, *, policy: Policy, now: float) -> Outcome:
    """Let time act on an open update: past its deadline it is stalled; CONFIRMING ends as the policy says."""
    if update.doubt is not None and now - update.touched_at >= DOUBT.total_seconds():
        return Outcome(Verdict.ADVANCED, _disproved(update, update.doubt, now))
    deadline = policy.deadline(update.state)
    if deadline is None or now - update.touched_at < deadline.total_seconds() or update.state.is_terminal:
        return Outcome(Verdict.DUPLICATE, update)
    if update.state is State.CONFIRMING:
        return Outcome(Verdict.ADVANCED, _unconfirmed(update, policy, now))
    if update.stalled:
        return Outcome(Verdict.DUPLICATE, update)
    return Outcome(Verdict.NOTED, replace(update, stalled=True))


def cancel(update: Update, reason: Reason, *, now: float) -> Outcome:
    """End an open update because a cloud or an operator called it off."""
    if update.state.is_terminal:
        return Outcome(Verdict.ABSORBED, update)
    canceled = _enter(update, State.CANCELED, now, phase=TABLE[update.state].phase, reason=reason)
    return Outcome(Verdict.ADVANCED, replace(canceled, synthetic=True))


def _disproved(update: Update, runs: Version, now: float) -> Update:
    reason = Reason.ROLLED_BACK if runs == update.source else Reason.VERSION_MISMATCH
    failed = _enter(update, State.FAILED, now, phase=Phase.CONFIRM, reason=reason)
    return replace(failed, detail=f"the device runs {runs}")


def _unconfirmed(update: Update, policy: Policy, now: float) -> Update:
    if policy.trusts_silence:
        return replace(_enter(update, State.SUCCEEDED, now), unverified=True, synthetic=True)
    ended = _enter(update, State.TIMED_OUT, now, phase=Phase.CONFIRM, reason=Reason.STATE_TIMEOUT)
    return replace(ended, synthetic=True, detail="no version was reported in time")


def _starts_over(update: Update, event: StateReported) -> bool:
    if not update.state.is_terminal or event.state.is_terminal:
        return False
    if event.synthetic and event.state in ANNOUNCEMENTS:
        return True
    return update.rearmed and update.state is not State.SUCCEEDED and not event.redelivered


def _replace(
    update: Update,
    event: StateReported,
    target: Version,
    *,
    running: Version | None,
    policy: Policy,
    now: float,
) -> Outcome:
    announced = event.synthetic and event.state in ANNOUNCEMENTS
    starts_over = announced or (update.rearmed and not event.redelivered)
    if target == update.predecessor and not starts_over:
        return Outcome(Verdict.STALE, update)
    opened = _open(update, event, target, running=running, policy=policy, now=now)
    if update.state.is_terminal:
        return Outcome(Verdict.OPENED, opened)
    closed = cancel(update, Reason.SUPERSEDED, now=now).update
    return Outcome(Verdict.OPENED, opened, closed)


def _open(
    last: Update | None,
    event: StateReported,
    target: Version,
    *,
    running: Version | None,
    policy: Policy,
    now: float,
) -> Update:
    same = last is not None and last.target == target
    return Update(
        device=event.device,
        module=event.module,
        target=target,
        number=last.number + 1 if last else 1,
        attempt=last.attempt + 1 if last and same else 1,
        state=_claimed(event, target, running, policy),
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


def _advance(
    update: Update, event: StateReported, *, running: Version | None, policy: Policy, now: float
) -> Outcome:
    state = _claimed(event, update.target, running, policy)
    step = STEPS[update.state, state]
    if step is Step.ABSORBED:
        return Outcome(Verdict.ABSORBED, update)
    if step is Step.REPEAT and update.doubt is not None:
        return Outcome(Verdict.NOTED, replace(update, doubt=None, touched_at=now))
    if step is Step.REPEAT:
        return _progress(update, event, now)
    if step is Step.STALE or (update.both_entered and state in RANK_GROUP):
        return Outcome(Verdict.STALE, update)
    return Outcome(Verdict.ADVANCED, _enter(update, state, now, event=event))


def _progress(update: Update, event: StateReported, now: float) -> Outcome:
    if event.percent is None or event.percent == update.percent:
        return Outcome(Verdict.DUPLICATE, update)
    return Outcome(Verdict.PROGRESSED, replace(update, percent=event.percent, touched_at=now, stalled=False))


def _claimed(event: StateReported, target: Version, running: Version | None, policy: Policy) -> State:
    """A device's "done" is a claim until the evidence is in."""
    if event.state is State.SUCCEEDED and policy.needs_evidence and running != target:
        return State.CONFIRMING
    return event.state


def _enter(
    update: Update,
    state: State,
    now: float,
    *,
    event: StateReported | None = None,
    phase: Phase = Phase.UNKNOWN,
    reason: Reason = Reason.NONE,
) -> Update:
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
