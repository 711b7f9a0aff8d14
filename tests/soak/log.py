"""The gateway's log: every error in it must be explained by a fault that was at work. Pure but for the reading."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.soak.site import HOSTILE

#: Seconds that a fault may show in the log after it has healed.
AFTER = 20.0
_DISK = frozenset({"disk_full"})
_STORE = _DISK | {"store_locked"}
#: The one line that is no record: a store that others have locked at a start; the manager tries again.
REFUSED_START = "ota-gateway: the store cannot be opened: database is locked"
_IS_REFUSED_START = re.compile(r"ota-gateway: the store \S+ cannot be opened: database is locked")
#: What is logged as an error → the faults that explain it.
EXPLAINED: Mapping[str, frozenset[str]] = {
    "commit_failed": _STORE,
    "commit_late": _STORE | {"freeze"},
    "commits_stand_still": _STORE | {"freeze"},
    "disk_reserve_released": _DISK,
    "disk_reserve_missing": _DISK,
    "config_reload_refused": frozenset({"reload_bad"}),
    # OneNET's signature ends at a time that the gateway's clock says: it is not taken from whoever answers.
    "cloud_denies_us": frozenset({"not set at boot", "years behind"}),
    REFUSED_START: frozenset({"store_locked"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """A fault that was played: seconds of the monotonic clock."""

    kind: str
    #: The same, with the cloud that it struck.
    name: str = ""
    began: float
    ended: float


class Log:
    """Reads what a process has added to its log since the last time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_to = 0
        self._rest = b""

    def news(self) -> list[str]:
        """Return the new lines."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._read_to)
            *lines, self._rest = (self._rest + file.read()).split(b"\n")
            self._read_to = file.tell()
        return [line.decode(errors="replace") for line in lines]


def complaints(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield event and text of every error, and of what is no record at all."""
    for line in lines:
        record = _record(line)
        if record is None:
            if line.strip():
                yield REFUSED_START if _IS_REFUSED_START.fullmatch(line) else "", line
        elif record["level"] in ("error", "critical") or "Traceback" in line:
            yield str(record["event"]), line


def is_hostile(event: str, line: str) -> bool:
    """Say whether a cloud refused what a hostile device made up."""
    return event == "report_rejected" and f'"device": "{HOSTILE}/' in line


def is_explained(event: str, at: float, struck: Sequence[Struck]) -> bool:
    """Say whether a fault was at work that has this effect; `at` is when the line was read, by the monotonic clock.

    The record's own time is of no use: the gateway's wall clock is among what is struck.
    """
    kinds = EXPLAINED.get(event, frozenset())
    return any(each.kind in kinds and each.began <= at <= each.ended + AFTER for each in struck)


def _record(line: str) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) and {"event", "level"} <= said.keys() else None
