"""What came of reading the configuration again."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Of one reload."""

    #: Why nothing was changed; empty where it was.
    problems: Sequence[str] = ()
    #: What is in force now and was not before.
    applied: Sequence[str] = ()
    #: What is not, each with the sentence that says so.
    needs_restart: Sequence[str] = ()
    #: Devices that have to come again.
    disconnected: int = 0
