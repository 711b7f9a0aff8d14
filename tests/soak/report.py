"""The report: everything that a soak has to say, as data and as a page to read. Pure but for the writing."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.soak.books import Judgement
from tests.soak.memory import Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What must hold."""

    memory_mb: float = 320.0
    #: MB an hour, of the floor after the warm-up.
    slope_mb: float = 40.0
    #: Seconds from a restart to readiness, and from the end of a fault.
    ready: float = 45.0


@dataclass(slots=True, kw_only=True)
class Report:
    """All that was found."""

    seed: int
    minutes: float
    #: Seconds of load, draining not counted.
    lasted: float = 0.0
    drained: float = 0.0
    interrupted: bool = False
    store: str = "sqlite"
    bounds: Bounds = field(default_factory=Bounds)
    sent: int = 0
    acknowledged: int = 0
    devices: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)
    #: Kind → why it was not played.
    skipped: Mapping[str, str] = field(default_factory=dict)
    #: Kind → streams, or runs.
    hostile: Mapping[str, int] = field(default_factory=dict)
    #: Cloud → what it counted.
    clouds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: The first of them.
    illegal_calls: Sequence[Mapping[str, Any]] = ()
    judgement: Judgement | None = None
    #: Seconds to readiness, start by start.
    starts: Sequence[float] = ()
    memory: Memory | None = None
    puback_ms: Mapping[str, float | None] = field(default_factory=dict)
    gateway: Mapping[str, Any] = field(default_factory=dict)
    requests: Mapping[str, int] = field(default_factory=dict)
    explained_errors: Mapping[str, int] = field(default_factory=dict)
    #: A sentence each, as it was seen; the judgement's come on top.
    seen: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Reports a second, acknowledged."""
        return self.acknowledged / self.lasted if self.lasted else 0.0

    @property
    def illegal(self) -> int:
        """What both clouds call illegal."""
        return sum(cloud["illegal"] for cloud in self.clouds.values())

    def breaches(self) -> list[str]:
        """Return a sentence for everything that did not hold."""
        return [*self.seen, *self._told(), *self._measured()]

    def _told(self) -> Iterator[str]:
        if (found := self.judgement) is not None:
            yield from (f"lost: {each}" for each in found.lost)
            yield from (f"unfinished: {each}" for each in found.unfinished)
            yield from (f"told wrongly: {each}" for each in found.wrong)
        for name, cloud in self.clouds.items():
            if cloud["illegal"]:
                yield f"illegal: {name} heard {cloud['illegal']} reports out of order: {cloud['illegal_by_reason']}"
        yield from (f"illegal: {dict(call)}" for call in self.illegal_calls)

    def _measured(self) -> Iterator[str]:
        memory, bounds = self.memory, self.bounds
        if memory is not None:
            if memory.peak_mb > bounds.memory_mb:
                yield f"memory: {memory.peak_mb:.0f} MB at its peak, {bounds.memory_mb:.0f} are allowed"
            if memory.slope is not None and memory.slope > bounds.slope_mb:
                yield f"memory: its floor rises by {memory.slope:.1f} MB an hour, {bounds.slope_mb:.0f} are allowed"
        for number, seconds in enumerate(self.starts, 1):
            if seconds > bounds.ready:
                yield f"start {number} took {seconds:.1f} s to be ready, {bounds.ready:.0f} are allowed"

    def as_json(self) -> dict[str, Any]:
        """Return all of it, the verdict first."""
        breaches = self.breaches()
        shown = {"holds": not breaches, "breaches": breaches, "rate": round(self.rate, 1), **asdict(self)}
        return {**shown, "illegal": self.illegal}

    def as_markdown(self) -> str:
        """Return it as a page."""
        return "\n".join(_page(self)) + "\n"

    def write(self, directory: Path) -> None:
        """Write both forms."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "report.json").write_text(
            json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n"
        )
        (directory / "report.md").write_text(self.as_markdown())


def _page(report: Report) -> Iterator[str]:
    breaches = report.breaches()
    yield f"# Soak of {report.minutes:g} minutes, seed {report.seed}"
    yield ""
    yield f"**{'It holds.' if not breaches else 'It does not hold.'}**" + (
        f" It was interrupted after {report.lasted / 60:.1f} minutes." if report.interrupted else ""
    )
    yield from (f"- {each}" for each in breaches)
    yield ""
    yield from _table("What", _facts(report))
    yield from _table("Fault played", report.faults)
    yield from _table("Not played", report.skipped)
    yield from _table("Hostile inputs: streams, or runs", report.hostile)
    for name, cloud in report.clouds.items():
        yield from _table(f"What {name} did", cloud)
    yield from _table("Errors in the log, each explained by a fault", report.explained_errors)


def _facts(report: Report) -> dict[str, Any]:
    memory, judged = report.memory, report.judgement
    facts: dict[str, Any] = {
        "store": report.store,
        "devices": report.devices,
        "load": f"{report.rate:.1f} reports/s over {report.lasted / 60:.1f} min, then {report.drained:.0f} s to drain",
        "sent / acknowledged": f"{report.sent} / {report.acknowledged}",
        "heard by the clouds": ", ".join(f"{name} {each['heard']}" for name, each in report.clouds.items()),
        "illegal": report.illegal,
        "hostile inputs": sum(report.hostile.values()),
    }
    if judged is not None:
        facts |= {
            "updates": f"{judged.updates}: {', '.join(f'{n} {why}' for why, n in sorted(judged.endings.items()))}",
            "lost / unfinished / told wrongly": f"{len(judged.lost)} / {len(judged.unfinished)} / {len(judged.wrong)}",
        }
    starts = report.starts
    worst = f", to readiness {max(starts):.1f} s at worst, {min(starts):.1f} s at best" if starts else ""
    facts["starts"] = f"{len(starts)}{worst}"
    if memory is not None:
        slope = "too short to say" if memory.slope is None else f"{memory.slope:+.1f} MB an hour"
        facts |= {
            "memory": f"{memory.peak_mb:.0f} MB at its peak, {memory.last_mb:.0f} MB at last, {memory.samples} samples",
            "memory's floor": f"{slope} (least squares over {memory.floors} half minutes of {memory.lives} lives, "
            f"{memory.minutes:.0f} min after the warm-up)",
        }
    facts["PUBACK"] = ", ".join(f"{name} {ms} ms" for name, ms in report.puback_ms.items())
    return facts | dict(report.gateway) | {f"asked: {path}": times for path, times in report.requests.items()}


def _table(head: str, rows: Mapping[str, Any]) -> Iterator[str]:
    if rows:
        yield from (
            f"| {head} | |",
            "|---|---|",
            *(f"| {name} | {value} |" for name, value in sorted(rows.items())),
            "",
        )
