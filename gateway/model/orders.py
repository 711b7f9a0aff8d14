"""What a cloud or a person wants of an update: ordered, agreed to, held, begun anew."""

import re
from dataclasses import dataclass, replace

from gateway.model.commands import UpdateOrdered
from gateway.model.events import StateReported
from gateway.model.identity import Version
from gateway.model.policy import Policy
from gateway.model.states import Phase, Reason, State
from gateway.model.update import Outcome, Update, Verdict, cancel, entered, opened

_NUMBERS = re.compile(r"[vV]?(\d{1,9}(?:\.\d{1,9}){0,7})")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an order is not carried out."""

    reason: Reason
    detail: str


def refusal(command: UpdateOrdered, *, running: Version | None, policy: Policy) -> Refusal | None:
    """Say why the order does not fit the device as it is, None if it does."""
    if command.is_delta and command.source is not None and running != command.source:
        return Refusal(
            Reason.INCOMPATIBLE_DEVICE,
            f"the image is a difference to {command.source}, and the device runs {running or 'we know not what'}",
        )
    if policy.refuses_downgrades and running is not None and _is_older(command.version, running):
        return Refusal(
            Reason.VERSION_MISMATCH,
            f"{command.version} is older than {running}, which runs, and downgrades are refused",
        )
    return None


def order(
    last: Update | None,
    command: UpdateOrdered,
    *,
    running: Version | None,
    refused: Refusal | None,
    policy: Policy,
    now: float,
) -> Outcome:
    """Begin what a cloud ordered, and supersede what is open; a version that runs already has succeeded."""
    event = StateReported(
        device=command.device,
        module=command.module,
        version=command.version,
        state=State.QUEUED,
        synthetic=True,
    )
    state = State.QUEUED
    if running == command.version:
        state, event = State.SUCCEEDED, replace(event, detail="the device runs it already")
    elif refused is not None:
        state = State.REJECTED
        event = replace(event, phase=Phase.PRECHECK, reason=refused.reason, detail=refused.detail)
    elif command.needs_confirmation or policy.asks_first:
        state = State.WAITING_CONFIRMATION
    begun = _adopted(opened(last, event, state=state, running=running, now=now), command, policy)
    superseded = None
    if last is not None and not last.state.is_terminal:
        superseded = cancel(last, Reason.SUPERSEDED, now=now).update
    return Outcome(Verdict.OPENED, begun, superseded)


def join(
    update: Update, command: UpdateOrdered, *, running: Version | None, policy: Policy, now: float
) -> Outcome:
    """Let an open update serve one more order: from now on the gateway sees it through."""
    if update.state.is_terminal:
        return Outcome(Verdict.ABSORBED, update)
    if command.needs_confirmation and update.state is State.QUEUED and not update.confirmed:
        held = entered(_adopted(update, command, policy), State.WAITING_CONFIRMATION, now)
        return Outcome(Verdict.ADVANCED, replace(held, synthetic=True))
    # A device that installs once more what it runs does so by itself: nobody would tell it to.
    if update.ordered or running == update.target:
        return Outcome(Verdict.DUPLICATE, update)
    return Outcome(Verdict.NOTED, _adopted(update, command, policy))


def _adopted(update: Update, command: UpdateOrdered, policy: Policy) -> Update:
    if update.ordered:
        return update
    return replace(
        update,
        ordered=True,
        retries_left=policy.retries if command.retries is None else command.retries,
        retry_pause=command.retry_interval or policy.retry_after.total_seconds(),
    )


def agree(update: Update, *, accept: bool, now: float) -> Outcome:
    """Let a user agree to an update that waits for it, or refuse it."""
    if update.state is not State.WAITING_CONFIRMATION or update.confirmed:
        return Outcome(Verdict.DUPLICATE, update)
    if accept:
        return Outcome(Verdict.AGREED, replace(update, confirmed=True, touched_at=now))
    denied = entered(update, State.REJECTED, now, phase=Phase.PRECHECK, reason=Reason.DENIED_BY_USER)
    return Outcome(Verdict.ADVANCED, denied)


def hold(update: Update, *, paused: bool) -> Outcome:
    """Let an operator hold an open update back, or let it go on."""
    if update.state.is_terminal or update.paused == paused:
        return Outcome(Verdict.DUPLICATE, update)
    return Outcome(Verdict.NOTED, replace(update, paused=paused))


def _is_older(version: Version, than: Version) -> bool:
    """Whether both are made of numbers, and the first is less; what cannot be compared is not older."""
    here, there = _NUMBERS.fullmatch(version), _NUMBERS.fullmatch(than)
    if here is None or there is None:
        return False
    return _parts(here[1]) < _parts(there[1])


def _parts(numbers: str) -> tuple[int, ...]:
    parts = [int(part) for part in numbers.split(".")]
    while parts and not parts[-1]:
        parts.pop()
    return tuple(parts)
