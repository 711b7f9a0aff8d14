"""The ground truth: how an update ended, from what the device said and got acknowledged. Pure.

The rules are those of the product's documents, written down a second time: the first terminal report wins, and
with ``on_version_match`` a "done" is a claim that the next version report proves or disproves.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tests.simulators.fleet.device import Success
from tests.simulators.fleet.saying import Failure, Saying, Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """An end, in the words that each cloud must hear."""

    state: Literal["done", "fail"]
    #: ResultCode of AppReportOTAStatus.
    tencent: int
    #: `result` of /ota/south/report.
    onenet: int
    why: str

    @classmethod
    def failed(cls, failure: Failure) -> "Ending":
        """Return the end of a failure."""
        why = f"{failure.phase} {failure.reason}"
        return cls(state="fail", tencent=failure.tencent, onenet=failure.onenet, why=why)


DONE = Ending(state="done", tencent=0, onenet=201, why="done")
ROLLED_BACK = Ending(state="fail", tencent=-5, onenet=206, why="rolled back")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What is certain about one device and version."""

    #: Acknowledged, in order.
    said: tuple[Saying, ...]
    #: None while nothing final was acknowledged.
    ending: Ending | None


def results_of(acknowledged: Iterable[Saying], success: Success) -> dict[str, Result]:
    """Return a device's results by version."""
    by_target: dict[str, list[Saying]] = {}
    for saying in acknowledged:
        by_target.setdefault(saying.target, []).append(saying)
    return {
        target: Result(said=tuple(said), ending=_conclude(said, success))
        for target, said in by_target.items()
    }


def _conclude(said: Iterable[Saying], success: Success) -> Ending | None:
    is_open = is_claimed = False
    for saying in said:
        if saying.failure is not None:
            return Ending.failed(saying.failure)
        if saying.word is Word.DONE and success == "on_done":
            return DONE
        if saying.word is not Word.VERSION:
            is_open, is_claimed = True, is_claimed or saying.word is Word.DONE
        elif is_open and saying.version == saying.target:
            return DONE
        elif is_claimed:
            return ROLLED_BACK
    return None
