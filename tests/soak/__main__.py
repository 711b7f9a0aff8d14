"""``python -m tests.soak --minutes 60 --seed 7``: load and faults for so long, then a report.

Exit status 0 if everything held, 1 on any breach. Ctrl-C ends it early, with a report of what was.
"""

import argparse
import asyncio
import shutil
import signal
import sys
from pathlib import Path

import pytest
import uvloop

from tests.soak.director import Wanted
from tests.soak.report import Bounds, Report
from tests.soak.stage import soak

INTERRUPTED = 130


def main() -> int:
    """Soak, and return the exit status."""
    options = _parser().parse_args()
    wanted = Wanted(
        minutes=options.minutes,
        seed=options.seed,
        bounds=Bounds(memory_mb=options.memory, slope_mb=options.slope, ready=options.ready),
        drain=options.drain,
        on_server=options.store == "postgresql",
    )
    # Below the configuration, a path that is not absolute would mean another place.
    directory = options.report.absolute()
    if directory.exists():
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    try:
        report = uvloop.run(_run(wanted, directory))
    except asyncio.CancelledError:
        return INTERRUPTED
    except pytest.skip.Exception as why:
        print(why, file=sys.stderr)
        return 1
    print(report.as_markdown())
    for breach in report.breaches():
        print(f"BREACH with --minutes {wanted.minutes:g} --seed {wanted.seed}: {breach}", file=sys.stderr)
    print(f"The report is in {options.report / 'report.md'} and report.json.")
    return 1 if report.breaches() else 0


async def _run(wanted: Wanted, directory: Path) -> Report:
    task = asyncio.current_task()
    assert task is not None
    async with soak(wanted, directory) as made:

        def interrupt() -> None:
            # The second time it ends at once; either way no process is left behind.
            task.cancel() if made.report.interrupted else made.interrupt()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, interrupt)
        report = await made.play(_say)
        if report.breaches():
            for file in made.house.data.glob("gateway.db*"):
                if not file.name.endswith(".reserve"):
                    shutil.copy(file, directory)  # the disk goes with the soak
    report.write(directory)
    return report


def _say(line: str) -> None:
    """Show progress: on a terminal each line takes the place of the one before."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{line[:width]:<{width}}", end="", flush=True)
    else:
        print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    bounds = Bounds()
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="of load and faults; draining comes on top"
    )
    parser.add_argument("--seed", type=int, default=7, help="the same seed and minutes, the same faults")
    parser.add_argument("--report", type=Path, default=Path("build/soak"), help="emptied first")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--memory", type=float, default=bounds.memory_mb, help="MB that the gateway may hold")
    parser.add_argument(
        "--slope", type=float, default=bounds.slope_mb, help="MB an hour that its floor may rise by"
    )
    parser.add_argument("--ready", type=float, default=bounds.ready, help="seconds to be ready after a fault")
    parser.add_argument("--drain", type=float, default=300.0, help="seconds to come to an end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
