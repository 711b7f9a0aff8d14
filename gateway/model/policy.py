"""What a product demands of its updates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from gateway.model.states import TABLE, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a product demands of its updates."""

    #: `on_version_match`: success needs the target version to be reported; else the device's word suffices.
    needs_evidence: bool = True
    #: `trust_done`: when the evidence never comes, believe the device, marked unverified; else time out.
    trusts_silence: bool = True
    #: Deadlines that differ from the table's.
    deadlines: Mapping[State, timedelta] = field(default_factory=dict)

    def deadline(self, state: State) -> timedelta | None:
        """How long the owner of the state may keep silent."""
        return self.deadlines.get(state, TABLE[state].deadline)
