"""What is shown while it runs: panels that change on a terminal, a line now and then elsewhere."""

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tests.simulators.demo.campaign import Standing
from tests.simulators.demo.watch import NAMES, CloudView, View

#: What a newcomer reads, with a colour, in the order of an update → where the devices of the fleet stand then.
STAGES = {
    ("not started", "dim"): ("waiting", "version"),
    ("downloading", "cyan"): ("downloading", "downloaded"),
    ("installing", "blue"): ("verified", "installing", "applying"),
    ("done", "green"): ("done",),
    ("failed", "red"): ("failed",),
    ("rolled back", "magenta"): ("rolled back",),
}
#: What a device that takes orders does, in the order of an update → colour.
DOING = {
    "starting": "dim",
    "idle": "dim",
    "asleep": "dim",
    "asking": "yellow",
    "away": "yellow",
    "fetching": "cyan",
    "checking": "cyan",
    "flashing": "blue",
    "booting": "blue",
    "done": "green",
    "failed": "red",
    "rolled back": "magenta",
}
COLUMNS = 3
LINE_EVERY = 2.0  # seconds
REMEMBERED = 4


class Display(Protocol):
    """Where the demo says what it does."""

    def say(self, seconds: float, sentence: str) -> None:
        """Tell an event."""
        ...

    def show(self, view: View) -> None:
        """Show how things stand."""
        ...


@contextmanager
def display(console: Console, devices: int) -> Iterator[Display]:
    """Open the display that suits the console."""
    if not console.is_terminal:
        yield Lines(console)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield Panels(live, devices)


class Lines:
    """One line for an event, and one every two seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0

    def say(self, seconds: float, sentence: str) -> None:
        """Print it."""
        self._print(f"{seconds:5.1f} s  {sentence}")

    def show(self, view: View) -> None:
        """Print a line if it is time."""
        if view.seconds < self._next:
            return
        self._next = view.seconds + LINE_EVERY
        fleet = ", ".join(f"{count} {name}" for name, _, count in _stages(view) if count)
        orders = ", ".join(f"{count} {does}" for does, count in Counter(_doing(view)).items())
        clouds = "; ".join(
            f"{NAMES[cloud.name]}{' DOWN' if cloud.is_down else ''} heard {cloud.heard}, {cloud.waiting} waiting"
            for cloud in view.clouds
        )
        self._print(f"{view.seconds:5.1f} s  by themselves: {fleet} | on orders: {orders} | {clouds}")

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, soft_wrap=True)


class Panels:
    """The fleet, the clouds with their lanes, and the latest events."""

    def __init__(self, live: Live, devices: int) -> None:
        self._live = live
        self._devices = devices
        self._events: deque[Text] = deque(maxlen=REMEMBERED)
        self._view = View()

    def say(self, seconds: float, sentence: str) -> None:
        """Add it to the events."""
        self._events.append(Text.assemble((f"{seconds:5.1f} s  ", "dim"), sentence))
        self._draw()

    def show(self, view: View) -> None:
        """Redraw."""
        self._view = view
        self._draw()

    def _draw(self) -> None:
        events = Panel(Group(*self._events), title="events")
        self._live.update(Group(self._fleet(), self._orders(), self._clouds(), events), refresh=True)

    def _fleet(self) -> RenderableType:
        view = self._view
        counts = [Text(f"{count} {name}", style) for name, style, count in _stages(view) if count]
        title = f"{self._devices} devices update by themselves · {view.seconds:.0f} s"
        reports = f"{view.sent:,} reports sent · {view.acknowledged:,} acknowledged"
        subtitle = f"all together: {view.connected} connected · {reports}"
        return Panel(Text(" · ").join(counts), title=title, subtitle=subtitle)

    def _orders(self) -> RenderableType:
        view = self._view
        grid = Table.grid(padding=(0, 1), expand=True)
        for _ in range(COLUMNS):
            grid.add_column(ratio=1, no_wrap=True)
        cells = [_cell(each) for each in view.standings]
        for row in range(0, len(cells), COLUMNS):
            grid.add_row(*cells[row : row + COLUMNS])
        title = f"{len(cells)} devices take orders"
        subtitle = " · ".join(
            f"image {image.version} fetched {image.times}×, given {image.given}×" for image in view.images
        )
        return Panel(grid, title=title, subtitle=subtitle)

    def _clouds(self) -> RenderableType:
        table = Table(expand=True, box=None, pad_edge=False)
        for column in ("cloud", "is", "heard", "ended", "illegal", "circuit", "waiting", "oldest"):
            table.add_column(column, justify="left" if column in ("cloud", "is") else "right")
        for cloud in self._view.clouds:
            table.add_row(*_row(cloud))
        return Panel(table, title="what the clouds have heard, and what waits for them in the gateway")


def _row(cloud: CloudView) -> tuple[RenderableType, ...]:
    oldest = "" if cloud.oldest_seconds is None else f"{cloud.oldest_seconds:.0f} s"
    return (
        Text(NAMES[cloud.name], "bold"),
        Text("DOWN", "bold red") if cloud.is_down else Text("up", "green"),
        f"{cloud.heard:,}",
        str(cloud.ended),
        Text(str(cloud.illegal), "red" if cloud.illegal else "green"),
        Text(cloud.circuit, "green" if cloud.circuit == "closed" else "red"),
        Text(str(cloud.waiting), "yellow" if cloud.is_down else ""),
        oldest,
    )


def _cell(each: Standing) -> RenderableType:
    return Text.assemble(
        each.name, " ", (f"{each.does} {each.detail}".rstrip(), DOING.get(each.does, "cyan"))
    )


def _doing(view: View) -> list[str]:
    return sorted((each.does for each in view.standings), key=list(DOING).index)


def _stages(view: View) -> list[tuple[str, str, int]]:
    return [
        (name, style, sum(view.stages.get(each, 0) for each in within))
        for (name, style), within in STAGES.items()
    ]
