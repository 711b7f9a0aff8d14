"""The gateway as the demo sees it: what any operator can ask of it over HTTP."""

import re
from typing import Any

import aiohttp

from tests.simulators.demo.processes import finished

_SAMPLE = re.compile(r"^(\w+)(?:\{([^}]*)\})? (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


class Gateway:
    """A running gateway; ``started`` is the line of its log that says where it listens."""

    def __init__(self, session: aiohttp.ClientSession, started: dict[str, Any]) -> None:
        self._session = session
        self.config: str = started["config"]
        self.url = f"http://{started['http']}"
        host, _, port = started["mqtt"][0].rpartition(":")
        self.mqtt = (host, int(port))

    async def operate(self, *command: str) -> None:
        """Do what an operator does at the command line; raises ProcessError when it fails."""
        await finished("ota-gateway", "gateway", *command, "--config", self.config)

    async def status(self) -> dict[str, Any]:
        """Return /api/v1/status."""
        async with self._session.get(f"{self.url}/api/v1/status") as response:
            response.raise_for_status()
            status: dict[str, Any] = await response.json()
            return status

    async def total(self, metric: str, label: str = "") -> dict[str, float]:
        """Return the sums of a metric by one of its labels; without a label under the empty name."""
        async with self._session.get(f"{self.url}/metrics") as response:
            response.raise_for_status()
            return sums(await response.text(), metric, label)


def sums(exposition: str, metric: str, label: str = "") -> dict[str, float]:
    """Add up a metric's samples by a label."""
    found: dict[str, float] = {}
    for name, labels, value in _SAMPLE.findall(exposition):
        if name == metric:
            key = dict(_LABEL.findall(labels)).get(label, "")
            found[key] = found.get(key, 0.0) + float(value)
    return found
