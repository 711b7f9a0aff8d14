"""Progress bars: on standard error, where that is a terminal, and nowhere else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

#: Told how much is done, and of how much.
Advance = Callable[[int, int], None]


@contextmanager
def bar(about: str) -> Iterator[Advance]:
    """Yield what moves a bar on; it is gone when the work is done."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _done, _all: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(about, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
