"""What one device said about one version, judged.

Law: forward by rank; burning and updating in either order; nothing after ``done``; after ``fail`` only
``downloading``, which begins a new attempt. The cloud itself answers success to all of it: whether it minds
is written nowhere, so the simulator accepts and remembers.
"""

from dataclasses import dataclass, field

RANK = {"": 0, "downloading": 30, "burning": 50, "updating": 50, "done": 100, "fail": 100}


@dataclass(slots=True)
class History:
    """The states heard for one device and version; repeated states are kept once."""

    version: str
    attempts: int = 0
    state: str = ""
    percent: int | None = None
    states: list[str] = field(default_factory=list)

    def hear(self, state: str, percent: int | None) -> str:
        """Take a state in and return nothing, or return the rule that it breaks and change nothing."""
        why = broken_rule(self.state, state)
        if why:
            return why
        self.attempts += self.state in ("", "fail")
        if state != self.state:
            self.states.append(state)
        self.state, self.percent = state, percent
        return ""

    def reopen(self) -> None:
        """Begin anew: the cloud has ordered the same version once more."""
        self.state, self.percent = "", None


def broken_rule(last: str, state: str) -> str:
    """Return the name of the rule that ``state`` after ``last`` breaks, or nothing."""
    match last, state:
        case ("done", "done") | ("fail", "fail"):
            return "duplicate_terminal"
        case ("done", _):
            return "after_done"
        case ("fail", "downloading"):
            return ""
        case ("fail", _):
            return "after_fail"
        case _:
            return "backwards" if RANK[state] < RANK[last] else ""
