"""What a cloud and the gateway have said to each other about one update, and what may still be said. Pure."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import assert_never

from gateway.errors import CloudError
from gateway.model.commands import Command, TaskAbsent, TaskCanceled, TaskConflict
from gateway.model.states import STEPS, State, Step
from gateway.ports.store import Claim, Kind

NOT_APPLICABLE = "not_applicable"
#: Distinct error codes of a cloud that become label values; the rest are counted as "other".
MAX_CODES = 64

_STATES = MappingProxyType({state.value: state for state in State})


def is_news(claim: Claim) -> bool:
    """Whether the cloud may hear this: the conversation is open, and it never heard this state or a later one."""
    if claim.closed is not None:
        return False
    if claim.after is None:
        return True
    match STEPS[claim.after, claim.event.state]:
        case Step.ADVANCE:
            return True
        case Step.REPEAT:
            return claim.kind is Kind.PROGRESS
        case Step.STALE | Step.ABSORBED:
            return False


def closing(commands: Sequence[Command]) -> str | None:
    """Why the cloud is not to hear more of the update, if its reply taught that."""
    words = [_word(command) for command in commands]
    return words[0] if words else None


def _word(command: Command) -> str:
    match command:
        case TaskAbsent():
            return NOT_APPLICABLE
        case TaskCanceled():
            return "canceled"
        case TaskConflict():
            return "conflict"
        case _:
            assert_never(command)


def reached(error: CloudError) -> State | None:
    """The state that the cloud did acknowledge before the trouble; an adapter's misspelling counts for nothing."""
    return _STATES.get(error.reached or "")


class Codes:
    """Keeps the label values of a cloud's error codes a small set, whatever the cloud may say."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def bounded(self, code: str) -> str:
        """Return the code, or "other" once too many different ones were seen."""
        if code not in self._known:
            if len(self._known) >= MAX_CODES or len(code) > 80:
                return "other"
            self._known.add(code)
        return code
