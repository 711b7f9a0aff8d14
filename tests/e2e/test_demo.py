"""The demo as a newcomer runs it, shorter and with fewer devices."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from pathlib import Path

import aiohttp
import pytest

SHORT = ("--devices", "16", "--seconds", "6")
PATIENCE = 55.0  # seconds


async def start(directory: Path, *options: str) -> Process:
    """Start the demo without a terminal; its files go where the test can see them."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.simulators.demo",
        *options,
        stdout=PIPE,
        stderr=STDOUT,
        env={**os.environ, "TMPDIR": str(directory), "COLUMNS": "120"},
    )


async def printed(demo: Process, until: str = "") -> list[str]:
    """Return the lines up to the one with this text, or all."""
    assert demo.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(PATIENCE):
        while line := (await demo.stdout.readline()).decode():
            lines.append(line.rstrip())
            if until and until in line:
                break
    return lines


def row(lines: list[str], name: str) -> list[str]:
    """Return the cells of a row of the table: fleet, Tencent, OneNET."""
    cells = next(line.split("│") for line in lines if name in line and line.startswith("│"))
    return [cell.strip() for cell in cells[2:-1]]


def left_in(directory: Path) -> list[Path]:
    """Return the files that the demo has not removed."""
    return list(directory.iterdir())


@pytest.mark.timeout(60)
async def test_the_demo_agrees(tmp_path: Path) -> None:
    """Exit status 0, nothing illegal, nothing lost, nothing left behind."""
    demo = await start(tmp_path, *SHORT)
    lines = await printed(demo)
    assert await demo.wait() == 0, "\n".join(lines)
    assert row(lines, "illegal sequences") == ["", "0", "0"]
    assert row(lines, "lost terminals") == ["", "0", "0"]
    assert row(lines, "updates that must end there") == row(lines, "updates whose end it heard")
    assert row(lines, "reports sent by devices") == row(lines, "reports acknowledged")
    assert any("Tencent's cloud goes away" in line for line in lines)
    assert left_in(tmp_path) == []


@pytest.mark.timeout(60)
async def test_keep_leaves_everything_running(tmp_path: Path) -> None:
    """With --keep the addresses are printed and answer, until SIGINT ends it all."""
    demo = await start(tmp_path, *SHORT, "--keep")
    lines = await printed(demo, until="mosquitto_pub")
    addresses = [word for line in lines for word in line.split() if word.startswith("http://")]
    async with aiohttp.ClientSession() as session:
        for address in addresses:
            async with session.get(address) as response:
                assert response.status == 200
    assert len(addresses) == 7
    demo.send_signal(signal.SIGINT)
    await printed(demo)
    assert await demo.wait() == 0
    async with aiohttp.ClientSession() as session:
        for address in addresses:
            with pytest.raises(aiohttp.ClientConnectionError):
                await session.get(address)
