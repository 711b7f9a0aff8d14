"""How long attacks last, and the table of what they did."""

import asyncio
import os
from collections.abc import Callable

import pytest
import uvloop

from tests.fire.mqtt.fort import Held, Watched

SECONDS = float(os.environ.get("FIRE_SECONDS", "1"))
"""Of each attack; some need more to be refused."""


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Attack on the loop that the gateway itself runs on."""
    return {"uvloop": uvloop.new_event_loop}


_NOTES: list[str] = []


def note(name: str, calm: Watched, fire: Watched, before: Held, after: Held) -> None:
    """Keep a line for the end."""
    _NOTES.append(
        f"{name:24} {len(fire.latencies):6} {calm.quantile_ms(0.99):8.1f} {fire.quantile_ms(0.5):8.1f}"
        f" {fire.quantile_ms(0.99):8.1f} {max(fire.latencies) * 1000:8.1f}"
        f" {before.resident_mb:7.1f} {fire.peak_mb:7.1f} {after.resident_mb:7.1f}"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what good devices felt, and what the gateway held."""
    if not _NOTES:
        return
    terminalreporter.section("MQTT under fire")
    terminalreporter.line(
        f"{'attack':24} {'acked':>6} {'calm p99':>8} {'p50':>8} {'p99':>8} {'worst ms':>8}"
        f" {'MB':>7} {'peak':>7} {'after':>7}"
    )
    for line in _NOTES:
        terminalreporter.line(line)
