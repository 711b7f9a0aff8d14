"""Show nested JSON to people: tables on a terminal, one `path value` a line for grep."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from rich import box
from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from gateway.ops.words import LANGUAGES, say

_OBEYED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_COLOURS = {
    "green": {"ok", "closed", "connected", "running", "ready", "true", "up", "synchronised", "succeeded"},
    "yellow": {"half_open", "degraded", "draining", "unknown", "waiting_confirmation", "conflict"},
    "red": {"open", "denied", "failed", "false", "down", "stopped", "timed_out"},
}
#: What stands in these sections has its colour in every language.
_COLOURED = ("state", "circuit", "truth")
#: How a fact is written that is not there.
_NOTHING: Final = "-"
#: Less of a column than this cannot be read.
_READABLE = 12


def lines(value: Any, path: str = "") -> Iterator[str]:
    """Yield every leaf with its dotted path."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from lines(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from lines(inner, f"{path}[{index}]")
    else:
        yield f"{path} {words(value)}".replace("\n", "\\n").replace("\r", "\\r")


def tables(report: Mapping[str, Any], name: str = "gateway") -> Iterator[Table]:
    """Yield one table for the plain facts and one for each section and each of its entries, readable in 80 columns."""
    facts = {key: value for key, value in report.items() if not _is_section(value)}
    if facts:
        yield _facts(name, facts)
    for title, section in report.items():
        if isinstance(section, list) and _is_section(section):
            yield from _entries(title, {str(index + 1): row for index, row in enumerate(section)})
        elif isinstance(section, Mapping) and section:
            rows = {key: row for key, row in section.items() if isinstance(row, Mapping)}
            rest = {key: value for key, value in section.items() if key not in rows}
            if rest:
                yield _facts(title, rest)
            if rows:
                yield from _entries(title, rows)


def listing(
    title: str, headings: Sequence[str], found: Sequence[Sequence[str]], width: int
) -> Iterator[RenderableType]:
    """Yield a table of many things; where that is too narrow to be read, one thing below the other."""
    table = rows(title, headings, found)
    if _least(headings, found) <= width:
        yield table
        return
    yield Text(str(table.title), style="italic")
    for row in found:
        yield Text(f"\n{row[0]}", style="bold", overflow="fold")
        facts = zip(headings[1:], row[1:], strict=True)
        yield _facts("", {heading: fact for heading, fact in facts if fact != _NOTHING})


def _least(headings: Sequence[str], found: Sequence[Sequence[str]]) -> int:
    """Return how wide a table must be to be read: the first column is never cut."""
    name, *others = (max(map(cell_len, column)) for column in zip(headings, *found, strict=True))
    return name + 4 + sum(min(other, _READABLE) + 3 for other in others)


def rows(title: str, headings: Sequence[str], found: Sequence[Sequence[str]]) -> Table:
    """Return one table of many things; the first column, their name, is never cut."""
    table = Table(title=f"{title}: {len(found)}", title_justify="left", box=box.SIMPLE_HEAD)
    for index, heading in enumerate(headings):
        table.add_column(heading, no_wrap=index == 0, overflow="fold")
    for row in found:
        table.add_row(*(_coloured(shown) for shown in row))
    return table


def _is_section(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(row, Mapping) for row in value)
    return isinstance(value, Mapping) and bool(value)


def _facts(title: str, facts: Mapping[str, Any]) -> Table:
    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in facts.items():
        table.add_row(Text(str(key)), _cell(value))
    return table


def _entries(title: str, rows: Mapping[str, Mapping[str, Any]]) -> Iterator[Table]:
    # One below the other: side by side, the facts of a lane are wider than a terminal.
    return (_facts(f"{title} {name}", row) for name, row in rows.items())


def _cell(value: Any) -> Text:
    return _coloured(words(value))


def _coloured(shown: str) -> Text:
    return Text(shown, style=_palette().get(shown.lower(), ""))


@cache
def _palette() -> Mapping[str, str]:
    """Return the colour of each word that has one: codes, and what they are called in words."""
    codes = {code: colour for colour, those in _COLOURS.items() for code in those}
    called = {
        say(section, code, language): colour
        for code, colour in codes.items()
        for section in _COLOURED
        for language in LANGUAGES
    }
    return called | codes


def words(value: Any) -> str:
    """Write one fact; nothing and empty are a dash."""
    match value:
        case None | "":
            return _NOTHING
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:,.3f}".rstrip("0").rstrip(".")
        case list():
            return ", ".join(words(item) for item in value) or _NOTHING
        case {}:
            return _NOTHING if not value else ", ".join(f"{key}={words(item)}" for key, item in value.items())
    return visible(str(value))


def visible(text: str) -> str:
    """Write out what a terminal would obey, or hide behind: control characters but tab and newline, and turned text."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
