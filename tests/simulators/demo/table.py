"""The tables at the end: what was said and heard, what was ordered and came of it, and whether all agrees."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tests.simulators.demo.campaign import Deed
from tests.simulators.demo.verdict import Count, Fetched, Hearing

CLOUDS = {("tencent", "onenet"): "both", ("tencent",): "Tencent", ("onenet",): "OneNET"}
NOTES = """\
¹ Progress reports are coalesced: of 20 %, 21 %, 22 % … a cloud hears the newest in each interval, never an older one. \
Every change of state and every end is told.
² At OneNET some devices have no task: nothing about them is told there.\
"""


def orders(deeds: Sequence[Deed], hearings: Sequence[Hearing]) -> RenderableType:
    """Return the table of the devices that took orders; Tencent's hearing first."""
    tencent, onenet = hearings
    shown = Table(title="What was ordered, and what came of it", title_style="bold")
    for column in ("device", "story", "over", "orders"):
        shown.add_column(column)
    for column in ("flash", "runs", "Tencent", "OneNET"):
        shown.add_column(column, justify="right")
    for deed in deeds:
        role = deed.role
        flashed = sum(deed.flashes.values())
        shown.add_row(
            role.device.name,
            role.story,
            "MQTT" if role.manner.fetch == "chunks" else "HTTP",
            CLOUDS[role.ordered_by],
            Text(f"{flashed}×", "green" if flashed == 1 else "bold red"),
            deed.runs,
            ", ".join(tencent.finals.get(role.device.address, ())),
            ", ".join(each.removeprefix("result ") for each in onenet.finals.get(role.member.dev_id, ())),
        )
    return shown


def table(
    count: Count, hearings: Sequence[Hearing], images: Sequence[Fetched], deeds: Sequence[Deed]
) -> RenderableType:
    """Return the table of all devices with its footnotes."""
    shown = Table(title="What the devices said and what the clouds heard", title_style="bold")
    shown.add_column("")
    shown.add_column("devices", justify="right")
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
    told = [f"{len(each.rollbacks_told)} of {len(each.rolled_back)}" for each in hearings]
    shown.add_row("rollbacks, told as such", "", *told)
    shown.add_section()
    for image in images:
        began = [image.begun.get(hearing.name.lower(), 0) for hearing in hearings]
        shown.add_row(f"image {image.version}, fetched from the cloud", "", *_once(began))
        shown.add_row(f"image {image.version}, given to devices", _count(image.given), *blank)
    shown.add_row("flashes of a device that took orders", _flashes(deeds), *blank)
    shown.add_section()
    shown.add_row("illegal sequences", "", *[_zero(each.illegal) for each in hearings])
    shown.add_row("lost terminals", "", *[_zero(len(each.lost)) for each in hearings])
    return Group(shown, Text(NOTES, "dim"))


def verdict(differences: Sequence[str]) -> RenderableType:
    """Return the last word."""
    if not differences:
        return Text("The records of clouds and devices agree.", "bold green")
    lines = [Text(f"  {each}") for each in differences]
    return Group(Text("The records do not agree:", "bold red"), *lines)


def _count(number: int) -> str:
    return f"{number:,}"


def _once(times: Sequence[int]) -> list[Text]:
    """Show how often each cloud gave something that should be had once in all."""
    style = "bold green" if sum(times) == 1 else "bold red"
    return [Text(str(each), style) for each in times]


def _flashes(deeds: Sequence[Deed]) -> Text:
    """Show how often devices were flashed: each once."""
    each = sorted({sum(deed.flashes.values()) for deed in deeds})
    return Text(" or ".join(map(str, each)), "bold green" if each == [1] else "bold red")


def _zero(number: int) -> Text:
    return Text(str(number), "bold red" if number else "bold green")
