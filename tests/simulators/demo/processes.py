"""The processes of the demo: started with a handle each, and ended by it whatever happens."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_SECONDS = 30.0
END_SECONDS = 10.0
EXCERPT = 2000  # characters


class ProcessError(Exception):
    """A process did not come up, or did not stay; the message has the end of what it printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A process that is up."""

    name: str
    process: Process
    log: Path
    #: What it printed when it came up.
    line: dict[str, Any]

    async def fail_when_it_ends(self) -> None:
        """Wait for an end that should not come, and raise ProcessError."""
        status = await self.process.wait()
        raise ProcessError(
            f"{self.name} ended with status {status}. The end of its log:\n{_end_of(self.log)}"
        )


async def finished(name: str, *command: str) -> None:
    """Run ``python -m …`` to its end; raises ProcessError, with what it printed, when that is not a good one."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, start_new_session=True
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        raise ProcessError(f"{name} {command[1]} did not end") from None
    finally:
        await _end(process)
    if process.returncode:
        printed = output.decode(errors="replace")[-EXCERPT:]
        raise ProcessError(f"{name} {command[1]} ended with status {process.returncode}:\n{printed}")


@asynccontextmanager
async def running(name: str, *command: str, log: Path, event: str = "") -> AsyncIterator[Running]:
    """Run ``python -m …`` until the JSON line that says it is up: the first one, or the one of that event."""
    with log.open("wb", buffering=0) as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *command,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=output,
            # Ctrl-C is for the demo alone; it ends its processes in their order.
            start_new_session=True,
        )
        try:
            line = await _line_of(process, event, output)
            if line is None:
                raise ProcessError(f"{name} did not start. The end of its log:\n{_end_of(log)}")
            copying = asyncio.create_task(_copy(process, output), name=f"output of {name}")
            yield Running(name=name, process=process, log=log, line=line)
        finally:
            await _end(process)
        await copying


async def _line_of(process: Process, event: str, output: Any) -> dict[str, Any] | None:
    try:
        async with asyncio.timeout(START_SECONDS):
            async for line in _lines(process, output):
                said = _json(line)
                if said and (not event or said.get("event") == event):
                    return said
    except TimeoutError:
        pass
    return None


async def _copy(process: Process, output: Any) -> None:
    """Write what it prints to its log, so that its pipe never fills."""
    async for _ in _lines(process, output):
        pass


async def _lines(process: Process, output: Any) -> AsyncIterator[bytes]:
    assert process.stdout is not None
    while chunk := await process.stdout.readline():
        output.write(chunk)
        yield chunk


def _json(line: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-EXCERPT:]


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
