"""What the demo shows, on a terminal and elsewhere."""

import io

from rich.console import Console

from tests.simulators.demo.display import display
from tests.simulators.demo.table import table, verdict
from tests.simulators.demo.test_verdict import COUNT, ONENET, TENCENT, of_onenet, of_tencent
from tests.simulators.demo.watch import CloudView, View, news


def a_cloud(*, circuit: str = "closed", is_down: bool = False) -> CloudView:
    """Return a cloud as it may look."""
    return CloudView(
        name="tencent",
        is_down=is_down,
        heard=1234,
        ended=5,
        illegal=0,
        circuit=circuit,
        waiting=17,
        oldest_seconds=6.4,
    )


VIEW = View(
    seconds=12.3,
    stages={"downloading": 7, "done": 3},
    sent=2000,
    acknowledged=1999,
    clouds=(a_cloud(circuit="open", is_down=True),),
)


def shown(console: Console) -> str:
    """Return what was printed."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_lines() -> None:
    """Without a terminal: events at once, the state of things every two seconds."""
    console = Console(file=io.StringIO(), width=200)
    with display(console, 10) as lines:
        lines.say(1.0, "it begins")
        lines.show(VIEW)
        lines.show(VIEW)
    assert shown(console).splitlines() == [
        "  1.0 s  it begins",
        " 12.3 s  7 downloading, 3 done | Tencent DOWN heard 1234, 17 waiting",
    ]


def test_panels() -> None:
    """On a terminal: the fleet, the clouds, the events."""
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None)
    with display(console, 10) as panels:
        panels.say(1.0, "it begins")
        panels.show(VIEW)
    for part in ("downloading    7 ━", "1,999 acknowledged", "DOWN", "1,234", "open", "6 s", "it begins"):
        assert part in shown(console)


def test_table() -> None:
    """The issue's rows, with a zero in each of the last two."""
    console = Console(file=io.StringIO(), width=120)
    console.print(table(COUNT, [of_tencent(*TENCENT), of_onenet(*ONENET)]), verdict([]))
    rows = {row[1].strip(): [cell.strip() for cell in row[2:5]] for row in _rows(shown(console))}
    assert rows["reports sent by devices"] == ["10", "", ""]
    assert rows["reports heard by the cloud ¹"] == ["", "4", "4"]
    assert rows["updates that must end there ²"] == ["", "3", "2"]
    assert rows["illegal sequences"] == rows["lost terminals"] == ["", "0", "0"]
    assert "agree" in shown(console)


def test_differences() -> None:
    """Each on its own line."""
    console = Console(file=io.StringIO(), width=120)
    console.print(verdict(["one thing", "another"]))
    assert shown(console).splitlines() == ["The records do not agree:", "  one thing", "  another"]


def test_news() -> None:
    """A circuit that opens or closes is an event; a probe is not."""
    closed = View(clouds=(a_cloud(),))
    is_open = View(clouds=(a_cloud(circuit="open"),))
    assert "opens" in news(a_cloud(circuit="open"), closed)
    assert "again" in news(a_cloud(), is_open)
    assert (
        news(a_cloud(circuit="half_open"), is_open)
        == news(a_cloud(), closed)
        == news(a_cloud(), View())
        == ""
    )


def _rows(text: str) -> list[list[str]]:
    return [line.split("│") for line in text.splitlines() if line.startswith("│")]
