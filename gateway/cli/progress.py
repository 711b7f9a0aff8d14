"""Progress bars: on standard error, where that is a terminal, and nowhere else."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

#: How much is done, and of how much; None while nobody knows.
Part = tuple[int, int | None]


@contextmanager
def bars() -> Iterator[Callable[[Mapping[str, Part]], None]]:
    """Yield what shows a bar for each work that is under way; they are gone in the end."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("{task.fields[about]}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as shown:
        known: dict[str, TaskID] = {}

        def show(parts: Mapping[str, Part]) -> None:
            for name in known.keys() - parts.keys():
                shown.remove_task(known.pop(name))
            for name, (done, total) in parts.items():
                if name not in known:
                    known[name] = shown.add_task("", total=total, about=Text(name))
                shown.update(known[name], completed=done, total=total)

        yield show


@contextmanager
def bar(about: str) -> Iterator[Callable[[int, int], None]]:
    """Yield what moves the bar of one work on."""
    with bars() as show:
        yield lambda done, total: show({about: (done, total)})
