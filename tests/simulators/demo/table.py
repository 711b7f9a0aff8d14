"""The table at the end: what was said, acknowledged and heard, and whether it agrees."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tests.simulators.demo.verdict import Count, Hearing

NOTES = """\
¹ Progress reports are coalesced: of 20 %, 21 %, 22 % … a cloud hears the newest in each interval, never an older one. \
Every change of state and every end is told.
² At OneNET some devices have no task: nothing about them is told there.\
"""


def table(count: Count, hearings: Sequence[Hearing]) -> RenderableType:
    """Return the table with its footnote."""
    shown = Table(title="What the devices said and what the clouds heard", title_style="bold")
    shown.add_column("")
    shown.add_column("fleet", justify="right")
    for hearing in hearings:
        shown.add_column(hearing.name, justify="right")
    blank = [""] * len(hearings)
    shown.add_row("reports sent by devices", _count(count.sent), *blank)
    shown.add_row("reports acknowledged by the gateway", _count(count.acknowledged), *blank)
    shown.add_row("of these, sent again after a lost connection", _count(count.resent), *blank)
    shown.add_row("of these, not understood: in quarantine", _count(count.quarantined), *blank)
    shown.add_row("of these, changed nothing (duplicates)", _count(sum(count.suppressed.values())), *blank)
    shown.add_section()
    shown.add_row("reports heard by the cloud ¹", "", *[_count(each.heard) for each in hearings])
    shown.add_row("requests that it missed while away", "", *[_count(each.unheard) for each in hearings])
    shown.add_row("updates that must end there ²", "", *[_count(len(each.expected)) for each in hearings])
    shown.add_row("updates whose end it heard", "", *[_count(len(each.finals)) for each in hearings])
    shown.add_section()
    shown.add_row("illegal sequences", "", *[_zero(each.illegal) for each in hearings])
    shown.add_row("lost terminals", "", *[_zero(len(each.lost)) for each in hearings])
    return Group(shown, Text(NOTES, "dim"))


def verdict(differences: Sequence[str]) -> RenderableType:
    """Return the last word."""
    if not differences:
        return Text("The clouds' own records agree with what the devices said.", "bold green")
    lines = [Text(f"  {each}") for each in differences]
    return Group(Text("The records do not agree:", "bold red"), *lines)


def _count(number: int) -> str:
    return f"{number:,}"


def _zero(number: int) -> Text:
    return Text(str(number), "bold red" if number else "bold green")
