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
    """Plain facts come first; a section has a table of its facts and one of its rows."""
    console = Console(width=100)
    made = list(tables(REPORT))
    assert [table.title for table in made] == ["gateway", "lanes", "lanes", "updates"]
    assert [column.header for column in made[2].columns] == ["", "circuit", "codes"]
    assert [column.header for column in made[3].columns] == ["", "device", "percent"]
    assert [table.row_count for table in made] == [4, 1, 1, 2]
    assert "x=1" in "".join(segment.text for segment in console.render(made[2]))
