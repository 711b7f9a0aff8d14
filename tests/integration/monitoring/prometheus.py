"""A Prometheus of its own for a test, with the configuration that is shipped."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

SHIPPED = Path(__file__).parents[3] / "deploy" / "prometheus"
READY_S = 30.0


@dataclass(frozen=True)
class Prometheus:
    """One that runs."""

    url: str

    async def get(self, path: str, **parameters: str) -> Any:
        """Ask its API."""
        async with (
            aiohttp.ClientSession(raise_for_status=True) as session,
            session.get(f"{self.url}/api/v1/{path}", params=parameters) as answer,
        ):
            return (await answer.json())["data"]

    async def values(self, expression: str) -> list[float]:
        """Evaluate an expression now."""
        return [float(found["value"][1]) for found in (await self.get("query", query=expression))["result"]]

    async def until(self, expression: str, *, within_s: float = READY_S) -> None:
        """Wait until an expression has a result."""
        async with asyncio.timeout(within_s):
            while not await self.values(expression):
                await asyncio.sleep(0.2)


def _write_files(directory: Path, target: str, token: str) -> None:
    directory.mkdir()
    shutil.copy(SHIPPED / "alerts.yml", directory)
    config = (SHIPPED / "prometheus.yml").read_text().replace(": 15s", ": 1s")
    (directory / "prometheus.yml").write_text(config)
    (directory / "targets.yml").write_text(f'- targets: ["{target}"]\n')
    (directory / "ota-gateway-token").write_text(token)


@contextlib.asynccontextmanager
async def prometheus(directory: Path, *, port: int, target: str, token: str) -> AsyncIterator[Prometheus]:
    """Run one on the shipped files, but for the target, the token, and how often it looks."""
    _write_files(directory, target, token)
    with (directory / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=log,
            stderr=log,
        )
    try:
        made = Prometheus(f"http://127.0.0.1:{port}")
        await _ready(made, process, directory / "log")
        yield made
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _ready(made: Prometheus, process: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(READY_S):
        while True:
            assert process.returncode is None, f"Prometheus ended, see {log}"
            with contextlib.suppress(aiohttp.ClientError):
                await made.get("status/buildinfo")
                return
            await asyncio.sleep(0.1)
