"""What a reported state makes of a device's current update."""

from dataclasses import replace

from gateway.model.events import StateReported
from gateway.model.identity import Version
from gateway.model.policy import Policy
from gateway.model.states import RANK_GROUP, STEPS, Reason, State, Step
from gateway.model.update import Outcome, Update, Verdict, cancel, entered, failed, opened

#: States that announce an update rather than carry it out.
ANNOUNCEMENTS = frozenset({State.QUEUED, State.WAITING_CONFIRMATION, State.NOTIFIED})


def apply(
    update: Update | None, event: StateReported, *, running: Version | None, policy: Policy, now: float
) -> Outcome:
    """Let a reported state act on the device's current update (None: it never had one)."""
    target = event.version or (update.target if update else None)
    if target is None:
        return Outcome(Verdict.UNTARGETED, None)
    told = event if event.version else replace(event, version=target)
    state = _claimed(event, target, running, policy)
    if update is None:
        return Outcome(Verdict.OPENED, opened(None, told, state=state, running=running, now=now))
    if target != update.target:
        return _replace(update, told, state, running=running, now=now)
    if _starts_over(update, event):
        return Outcome(Verdict.OPENED, opened(update, told, state=state, running=running, now=now))
    return _advance(update, event, state, policy=policy, now=now)


def _starts_over(update: Update, event: StateReported) -> bool:
    if not update.state.is_terminal or event.state.is_terminal:
        return False
    if event.synthetic and event.state in ANNOUNCEMENTS:
        return True
    if update.ordered and update.state is State.CANCELED:
        # It was away when that was called off, and is told now.
        return False
    return update.rearmed and update.state is not State.SUCCEEDED and not event.redelivered


def _replace(
    update: Update, event: StateReported, state: State, *, running: Version | None, now: float
) -> Outcome:
    announced = event.synthetic and event.state in ANNOUNCEMENTS
    # An end is nobody's beginning: of the update before this one it is heard again, or too late.
    starts_over = announced or (update.rearmed and not event.redelivered and not event.state.is_terminal)
    if event.version == update.predecessor and not starts_over:
        return Outcome(Verdict.STALE, update)
    begun = opened(update, event, state=state, running=running, now=now)
    if update.state.is_terminal:
        return Outcome(Verdict.OPENED, begun)
    closed = cancel(update, Reason.SUPERSEDED, now=now).update
    return Outcome(Verdict.OPENED, begun, closed)


def _advance(update: Update, event: StateReported, state: State, *, policy: Policy, now: float) -> Outcome:
    step = STEPS[update.state, state]
    if step is Step.ABSORBED:
        return Outcome(Verdict.ABSORBED, update)
    if step is Step.REPEAT:
        return _repeated(update, event, now)
    if step is Step.STALE or (update.both_entered and state in RANK_GROUP) or _is_leftover(update, event):
        return Outcome(Verdict.STALE, update)
    after = entered(update, state, now, event=event)
    if state is State.FAILED and event.reason in policy.retry_reasons:
        return failed(update, after, now)
    return Outcome(Verdict.ADVANCED, after)


def _is_leftover(update: Update, event: StateReported) -> bool:
    """Whether it belongs to the try before: vendor SDKs report a failure twice, in other words, and all come again."""
    if event.synthetic or not update.retries or update.state not in ANNOUNCEMENTS - {State.NOTIFIED}:
        return False
    return event.state is State.FAILED or (event.redelivered and not event.state.is_terminal)


def _repeated(update: Update, event: StateReported, now: float) -> Outcome:
    """The state that it is in anyhow: no more in doubt, and further on where another percentage is said."""
    trusted = replace(update, doubt=None, touched_at=now)
    if event.percent is not None and event.percent != update.percent:
        progressed = replace(trusted, percent=event.percent, synthetic=event.synthetic, stalled=False)
        return Outcome(Verdict.PROGRESSED, progressed)
    if update.doubt is not None:
        return Outcome(Verdict.NOTED, trusted)
    return Outcome(Verdict.DUPLICATE, update)


def _claimed(event: StateReported, target: Version, running: Version | None, policy: Policy) -> State:
    """A device's "done" is a claim until the evidence is in."""
    if event.state is State.SUCCEEDED and policy.needs_evidence and running != target:
        return State.CONFIRMING
    return event.state
