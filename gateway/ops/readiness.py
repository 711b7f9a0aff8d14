"""What `/readyz` says: required checks decide whether the box can take reports, the others inform."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One named answer to "can it work?"; a required one that fails makes the gateway unready."""

    name: str
    is_ok: bool
    detail: str = ""
    is_required: bool = True


def lane_checks(states: Mapping[str, str], good: str = "closed") -> list[Check]:
    """Return a check for each lane by its circuit's state; a dead cloud never makes the box unready."""
    return [
        Check(name=lane, is_ok=state == good, detail=state, is_required=False)
        for lane, state in states.items()
    ]
