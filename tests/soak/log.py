"""The gateway's log: every error in it must be explained by a fault that was at work. Pure but for the reading."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.soak.site import HOSTILE

#: Seconds that a fault may show in the log after it has healed.
AFTER = 20.0
_DISK = frozenset({"disk_full"})
_STORE = _DISK | {"store_locked"}
#: What is logged as an error → the faults that explain it.
EXPLAINED: Mapping[str, frozenset[str]] = {
    "commit_failed": _STORE,
    "commit_late": _STORE | {"freeze"},
    "commits_stand_still": _STORE | {"freeze"},
    "disk_reserve_released": _DISK,
    "disk_reserve_missing": _DISK,
    "config_reload_refused": frozenset({"reload_bad"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """A fault that was played: unix seconds."""

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


def complaints(lines: Sequence[str]) -> Iterator[tuple[str, float | None, str]]:
    """Yield event, time and text of every error, and of what is no log line at all."""
    for line in lines:
        record = _record(line)
        if record is None:
            if line.strip():
                yield "", None, line
        elif record["level"] in ("error", "critical") or "Traceback" in line:
            yield str(record["event"]), _time(record), line


def is_hostile(event: str, line: str) -> bool:
    """Say whether a cloud refused what a hostile device made up."""
    return event == "report_rejected" and f'"device": "{HOSTILE}/' in line


def is_explained(event: str, at: float | None, struck: Sequence[Struck]) -> bool:
    """Say whether a fault was at work that has this effect."""
    kinds = EXPLAINED.get(event, frozenset())
    return at is not None and any(
        each.kind in kinds and each.began - 1 <= at <= each.ended + AFTER for each in struck
    )


def _record(line: str) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) and {"event", "level"} <= said.keys() else None


def _time(record: Mapping[str, Any]) -> float | None:
    try:
        return datetime.fromisoformat(str(record["timestamp"])).timestamp()
    except (KeyError, ValueError):
        return None
