"""Events as a test writes them."""

from typing import Any

from gateway.model.events import StateReported
from gateway.model.identity import DeviceId, Version
from gateway.model.states import Phase, Reason, State

DEVICE = DeviceId("PR0DUCT01", "dev01")
TARGET = Version("2.0")


def event(state: State, **rest: Any) -> StateReported:
    """Return a report about the update of DEVICE to TARGET."""
    return StateReported(**{"device": DEVICE, "version": TARGET, "state": state, **rest})


def failed(phase: Phase, reason: Reason, **rest: Any) -> StateReported:
    """Return a failure."""
    return event(State.FAILED, phase=phase, reason=reason, **rest)


def recorded(words: dict[str, Any]) -> StateReported:
    """Return the event that a vector describes."""
    return event(
        State(words["state"]),
        percent=words.get("percent"),
        phase=Phase(words.get("phase", Phase.UNKNOWN)),
        reason=Reason(words.get("reason", Reason.NONE)),
    )
