"""What proves an update, or disproves it: the version that a device reports, and silence."""

from dataclasses import replace

from gateway.model.events import VersionReported
from gateway.model.identity import Version
from gateway.model.policy import Policy
from gateway.model.states import RANK_GROUP, TABLE, Phase, Reason, State
from gateway.model.update import Outcome, Update, Verdict, entered, failed


def witness(update: Update | None, event: VersionReported, *, now: float) -> Outcome:
    """Let a reported version act on the device's current update: the evidence that success needs."""
    if update is None:
        return Outcome(Verdict.DUPLICATE, None)
    if update.state.is_terminal:
        verdict = Verdict.DUPLICATE if update.rearmed else Verdict.NOTED
        return Outcome(verdict, update if update.rearmed else replace(update, rearmed=True))
    confirming = update.state is State.CONFIRMING
    if event.version == update.target and (confirming or update.source != update.target):
        return Outcome(Verdict.ADVANCED, entered(update, State.SUCCEEDED, now))
    if (confirming or update.state in RANK_GROUP) and event.version not in (update.target, update.doubt):
        # It may say so before it starts the new one, or on the way there; or it was said before the "done" and is
        # redelivered. Only if nothing else is said for a while is it the truth.
        doubted = replace(update, doubt=event.version, touched_at=now if confirming else update.touched_at)
        return Outcome(Verdict.NOTED, doubted)
    return Outcome(Verdict.DUPLICATE, update)


def expire(update: Update, *, policy: Policy, now: float) -> Outcome:
    """Let time act on an open update: past its deadline it is stalled; CONFIRMING ends as the policy says."""
    silence = now - update.touched_at
    confirming = update.state is State.CONFIRMING
    if confirming and update.doubt is not None and silence >= policy.rollback_after.total_seconds():
        return _disproved(update, update.doubt, policy, now)
    deadline = policy.deadline(update.state)
    if deadline is None or silence < deadline.total_seconds() or update.state.is_terminal:
        return Outcome(Verdict.DUPLICATE, update)
    return _overdue(update, policy, now)


def _overdue(update: Update, policy: Policy, now: float) -> Outcome:
    if update.state is State.CONFIRMING:
        return Outcome(Verdict.ADVANCED, _unconfirmed(update, policy, now))
    if update.doubt is not None:
        return _disproved(update, update.doubt, policy, now)
    if policy.times_out:
        return Outcome(Verdict.ADVANCED, _timed_out(update, now, f"nothing was heard in {update.state}"))
    if update.stalled:
        return Outcome(Verdict.DUPLICATE, update)
    return Outcome(Verdict.NOTED, replace(update, stalled=True))


def _disproved(update: Update, runs: Version, policy: Policy, now: float) -> Outcome:
    reason = Reason.ROLLED_BACK if runs == update.source else Reason.VERSION_MISMATCH
    end = replace(
        entered(update, State.FAILED, now, phase=Phase.CONFIRM, reason=reason),
        detail=f"the device runs {runs}",
    )
    return failed(update, end, now) if reason in policy.retry_reasons else Outcome(Verdict.ADVANCED, end)


def _unconfirmed(update: Update, policy: Policy, now: float) -> Update:
    if policy.trusts_silence:
        return replace(entered(update, State.SUCCEEDED, now), unverified=True, synthetic=True)
    return _timed_out(update, now, "no version was reported in time")


def _timed_out(update: Update, now: float, detail: str) -> Update:
    phase = TABLE[update.state].phase
    ended = entered(update, State.TIMED_OUT, now, phase=phase, reason=Reason.STATE_TIMEOUT)
    return replace(ended, synthetic=True, detail=detail)
