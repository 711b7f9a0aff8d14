"""A running site whose configuration file is written anew, and what the gateway makes of it."""

import asyncio
import json
import signal
import sys
from typing import Any

from tests.e2e.site import Site

WORDS = ("config_reloaded", "config_reload_refused")
WITHIN_S = 20.0


def rewrite(site: Site, old: str, new: str) -> None:
    """Change the file, and nobody knows yet."""
    text = site.config.read_text()
    assert old in text
    site.config.write_text(text.replace(old, new))


def outcomes(site: Site) -> list[dict[str, Any]]:
    """What the log says of reloads, the newest last."""
    return [line for line in site.lines() if line["event"] in WORDS]


def hang_up(site: Site) -> None:
    """Ask as systemd does."""
    assert site.process is not None
    site.process.send_signal(signal.SIGHUP)


async def reloaded(site: Site) -> dict[str, Any]:
    """Send SIGHUP, and return what the log says of it."""
    before = len(outcomes(site))
    hang_up(site)
    async with asyncio.timeout(WITHIN_S):
        while len(outcomes(site)) == before:
            await asyncio.sleep(0.02)
    return outcomes(site)[-1]


async def command(site: Site, *arguments: str) -> tuple[int, str, str]:
    """Run `ota-gateway` beside the gateway; return its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        *arguments,
        "--config",
        str(site.config),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def as_json(site: Site, *arguments: str) -> Any:
    """Run a command with --json, and return what it printed."""
    _, out, _ = await command(site, *arguments, "--json")
    return json.loads(out)


async def left(site: Site, count: int) -> list[tuple[str, str]]:
    """Wait until so many devices have left, and return which, and why."""
    async with asyncio.timeout(5):
        while len(found := _left(site)) < count:
            await asyncio.sleep(0.02)
    return found


def _left(site: Site) -> list[tuple[str, str]]:
    lines = [line for line in site.lines() if line["event"] == "device_disconnected"]
    return [(line["device"], line["reason"]) for line in lines]
