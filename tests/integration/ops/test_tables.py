"""How a report reads."""

from typing import Any

from rich.console import Console

from gateway.ops.tables import lines, tables

REPORT: dict[str, Any] = {
    "name": "site-01",
    "nothing": None,
    "empty": {},
    "share": 0.25,
    "lanes": {"cloud/a": {"circuit": "open", "codes": {"x": 1}}, "oldest": 12.0},
    "updates": [{"device": "P/d", "percent": 20}, {"device": "P/e"}],
}


def test_every_leaf_has_a_line() -> None:
    """A path leads to each value; nothing and empty are a dash."""
    assert list(lines(REPORT)) == [
        "name site-01",
        "nothing -",
        "empty -",
        "share 0.25",
        "lanes.cloud/a.circuit open",
        "lanes.cloud/a.codes.x 1",
        "lanes.oldest 12",
        "updates[0].device P/d",
        "updates[0].percent 20",
        "updates[1].device P/e",
    ]


def test_facts_and_sections_have_tables() -> None:
    """Plain facts come first; a section has a table of its facts and one for each of its entries."""
    made = list(tables(REPORT))
    assert [table.title for table in made] == [
        "gateway",
        "lanes",
        "lanes cloud/a",
        "updates 1",
        "updates 2",
    ]
    assert [table.row_count for table in made] == [4, 1, 2, 2, 1]
    assert "x=1" in _shown({"lanes": REPORT["lanes"]})


STATUS: dict[str, Any] = {
    "name": "site-01",
    "store_error": "database or disk is full; the gateway takes nothing until it can write again",
    "clock_synchronized": False,
    "quarantined": 12,
    "lanes": {
        f"cloud/{name}": {
            "circuit": "half_open",
            "reason": "InternalError.Unknown: the service is being moved, come back in an hour or so",
            "messages": 123_456,
            "bytes": 268_435_456,
            "oldest_seconds": 86_400.5,
            "next_try_seconds": wait,
            "dead_letters": 1,
            "parked_devices": 0,
        }
        for name, wait in (("tencent", 12.5), ("onenet-with-a-name-of-32-letters", None))
    },
}


def test_a_report_can_be_read_in_eighty_columns() -> None:
    """No name of a lane or a fact is cut, and no value: a long one goes on in the next line."""
    shown = _shown(STATUS, width=80)
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    words = shown.split()
    for lane, facts in STATUS["lanes"].items():
        assert {lane, *facts, *facts["reason"].split()} <= set(words)
    for key in ("store_error", "clock_synchronized", "quarantined"):
        assert key in words
    assert "next_try_seconds 12.5" in " ".join(words)
    assert "next_try_seconds -" in " ".join(words)


def _shown(report: dict[str, Any], width: int = 100) -> str:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(*tables(report), sep="\n")
    return captured.get()
