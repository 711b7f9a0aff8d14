"""The report: the same for a machine and for a reader, and it names the seed."""

import json
from pathlib import Path

from tests.soak.memory import Memory
from tests.soak.report import Bounds, Report

MEMORY = Memory(peak_mb=120.4, last_mb=110, slope=3.25, samples=900, floors=50, minutes=25, lives=2)


def made(**more: object) -> Report:
    """Return a report of a soak that held."""
    told = {
        "lasted": 300.0,
        "drained": 12.0,
        "sent": 3001,
        "acknowledged": 3000,
        "faults": {"kill": 2, "tencent: down": 3},
        "skipped": {"disk_full": "it takes root"},
        "hostile": {"packets": 1234},
        "clouds": {"tencent": {"heard": 700, "illegal": 0, "illegal_by_reason": {}}},
        "starts": [1.5, 2.5, 1.0],
        "memory": MEMORY,
        **more,
    }
    return Report(seed=4711, minutes=5, **told)  # type: ignore[arg-type]


def test_both_forms_say_the_same(tmp_path: Path) -> None:
    """Verdict, seed, load, faults, hostile streams, restarts, memory."""
    made().write(tmp_path / "soak")
    said = json.loads((tmp_path / "soak/report.json").read_text())
    page = (tmp_path / "soak/report.md").read_text()
    assert (said["holds"], said["breaches"], said["seed"], said["rate"]) == (True, [], 4711, 10.0)
    assert said["memory"]["slope"] == 3.25
    assert said["bounds"]["ready"] == Bounds().ready
    for words in (
        "seed 4711",
        "It holds.",
        "10.0 reports/s",
        "| tencent: down | 3 |",
        "| disk_full | it takes root |",
        "| packets | 1234 |",
        "3, to readiness 2.5 s at worst",
        "+3.2 MB an hour (least squares over 50 half minutes of 2 lives, 25 min after the warm-up)",
    ):
        assert words in page, words


def test_a_breach_stands_at_the_top() -> None:
    """Before any figure."""
    page = made(seen=["unready: for 45 s"]).as_markdown()
    assert page.startswith("# Soak of 5 minutes, seed 4711\n\n**It does not hold.**\n- unready: for 45 s\n")


def test_an_early_end_is_said() -> None:
    """A soak that was interrupted claims no more than it lasted."""
    assert "It was interrupted after 5.0 minutes." in made(interrupted=True).as_markdown()
