"""The table is whole: every statement has its test, and every test its statement."""

import ast
import re
from itertools import pairwise
from pathlib import Path

from tests.conformance.table import BESIDES, TABLE

#: How many statements each section of the standard has.
COUNTS = {
    "1.5.3": 3, "2.2.2": 2, "2.3.1": 7, "3.1.0": 2, "3.1.2": 24, "3.1.3": 11, "3.1.4": 5, "3.2.0": 1, "3.2.2": 6,
    "3.3.1": 12, "3.3.2": 3, "3.3.4": 1, "3.3.5": 2, "3.6.1": 1, "3.8.1": 1, "3.8.3": 4, "3.8.4": 6, "3.9.3": 2,
    "3.10.1": 1, "3.10.3": 2, "3.10.4": 6, "3.12.4": 1, "3.14.1": 1, "3.14.4": 3, "4.1.0": 2, "4.2.0": 1, "4.3.1": 1,
    "4.3.2": 2, "4.3.3": 2, "4.4.0": 1, "4.5.0": 2, "4.6.0": 6, "4.7.1": 3, "4.7.2": 1, "4.7.3": 4, "4.8.0": 2,
    "6.0.0": 4,
}  # fmt: skip


def shown_here() -> set[str]:
    """Name every test of this directory but those of the table itself."""
    found = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        if path == Path(__file__):
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef) and node.name.startswith("test_"):
                found.add(f"{path.stem}.{node.name}")
    return found


def test_every_statement_stands_in_the_table() -> None:
    """As many as the standard has in each section, in its order, none twice."""
    expected = [f"{section}-{at}" for section, count in COUNTS.items() for at in range(1, count + 1)]

    assert list(TABLE) == expected
    numbers = [[int(each) for each in re.split(r"[.-]", name)] for name in TABLE]
    assert all(before < after for before, after in pairwise(numbers))


def test_every_statement_has_a_test_and_every_test_a_statement() -> None:
    """A test that goes, or comes, without the table is noticed."""
    named = {each.shown_by for each in TABLE.values()}

    assert named | BESIDES.keys() == shown_here()
    assert not named & BESIDES.keys()


def test_every_statement_says_something() -> None:
    """In a few words of ours."""
    for number, statement in TABLE.items():
        assert 10 < len(statement.says) < 100, number
        assert len(statement.instead) < 100, number
