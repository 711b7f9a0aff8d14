"""A whole site for a test: both simulated clouds in this process, the gateway as a process of its own."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.leaks import leaks, secrets_of
from tests.simulators import serve
from tests.simulators.onenet import KEY, RESOURCE, OneNetCloud
from tests.simulators.ports import free_port
from tests.simulators.tencent import PATH, TencentCloud

READY_S = 20.0
TOKEN = "site-token"
CLOUD = """\
[clouds.{name}]
adapter = "{name}"
requests_per_second = 5000
progress_interval = "200ms"
poll_minimum = "500ms"
polls_per_second = 500
{more}
"""


#: The system may name the same one again before anybody listens on it.


@dataclass
class Site:
    """Paths and ports of one site; the gateway's process comes and goes."""

    directory: Path
    mqtt_port: int
    http_port: int
    process: asyncio.subprocess.Process | None = None
    #: Seconds that a start may take.
    patience: float = READY_S
    starts: int = 0
    #: What the gateway's process is started by, `prlimit` say, and finds beside the environment of this one.
    wrapper: Sequence[str] = ()
    environment: dict[str, str] = field(default_factory=dict)
    #: What its HTTP side answered last, by path.
    heard: dict[str, str] = field(default_factory=dict)
    #: What its configurations had of secrets, whenever it started.
    secrets: set[str] = field(default_factory=set)
    config: Path = field(init=False)

    def __post_init__(self) -> None:
        self.config = self.directory / "gateway.toml"

    async def start(self) -> None:
        """Start the gateway and wait until it is ready."""
        await self.spawn()
        assert self.process is not None
        async with asyncio.timeout(self.patience):
            while not await self._answers("/healthz"):
                if self.process.returncode is not None:
                    raise AssertionError(f"the gateway ended with {self.process.returncode}:\n{self.log()}")
                await asyncio.sleep(0.02)

    async def spawn(self) -> None:
        """Start the gateway's process."""
        self.starts += 1
        self.secrets |= secrets_of(self.config)
        command = [*self.wrapper, sys.executable, "-m", "gateway", "run", "--config", str(self.config)]
        with (self.directory / "gateway.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *command,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                # Ctrl-C is for whoever plays with the gateway; they end it in their order.
                start_new_session=True,
            )

    async def kill(self) -> None:
        """Pull the plug: SIGKILL."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        """Ask the gateway to end, and return its exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await self._answers("/metrics")
            self.process.terminate()
        return await self.process.wait()

    async def get(self, path: str) -> Any:
        """Ask the gateway's HTTP side."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.http_port}{path}") as answer,
        ):
            text = self.heard[path] = await answer.text()
            return json.loads(text) if answer.content_type == "application/json" else text

    async def status(self, path: str) -> int:
        """Ask the gateway's HTTP side for a status code."""
        async with aiohttp.request("GET", f"http://127.0.0.1:{self.http_port}{path}") as answer:
            return answer.status

    async def metric(self, sample: str) -> float:
        """Return the value of one sample of /metrics, such as `name{label="x"}`; 0 when it is not there."""
        for line in str(await self.get("/metrics")).splitlines():
            name, _, value = line.rpartition(" ")
            if name == sample:
                return float(value)
        return 0.0

    async def settled(self, *, within_s: float) -> None:
        """Wait until no update is open, and no lane has a message left."""
        async with asyncio.timeout(within_s):
            while (await self.get("/api/v1/status"))["updates"]:
                await asyncio.sleep(0.1)
        await self.drained(within_s=within_s)

    async def drained(self, *, within_s: float) -> None:
        """Wait until no lane has a message left."""
        async with asyncio.timeout(within_s):
            while any(lane["messages"] for lane in (await self.get("/api/v1/status"))["lanes"].values()):
                await asyncio.sleep(0.1)

    def leaks(self) -> list[str]:
        """Return what of the configuration's secrets stands in the log, in the metrics or in what was answered."""
        return leaks(self.secrets, {**self.heard, "the log": self.log()})

    def log(self) -> str:
        """Return what the gateway printed."""
        return (self.directory / "gateway.log").read_text()

    def lines(self) -> list[dict[str, Any]]:
        """Return what the gateway logged, as records."""
        return log_lines(self.directory / "gateway.log")

    async def _answers(self, path: str) -> bool:
        with contextlib.suppress(aiohttp.ClientError, OSError):
            await self.get(path)
            return True
        return False


@contextlib.asynccontextmanager
async def site(directory: Path, products: str, clouds: str, *, extra: str = "") -> AsyncIterator[Site]:
    """Write a configuration and end the gateway's process whatever happens."""
    made = Site(directory, free_port(), free_port())
    made.config.write_text(
        f'[gateway]\nname = "e2e"\ndata_dir = "{directory}/data"\n'
        f'[mqtt]\nlisten = "127.0.0.1:{made.mqtt_port}"\n'
        f"[mqtt.limits]\nconnects_per_second = 10000\npublishes_per_second = 1000\n"
        f'[http]\nlisten = "127.0.0.1:{made.http_port}"\n{extra}\n{clouds}\n{products}'
    )
    try:
        yield made
    finally:
        if made.process is not None and made.process.returncode is None:
            await made.kill()
    if made.starts:
        assert made.leaks() == []


def firmware_table(port: int) -> str:
    """Write the part of the configuration that makes the gateway fetch and serve images, from loopback only."""
    return (
        f'[firmware]\nlisten = "127.0.0.1:{port}"\npublic_url = "http://127.0.0.1:{port}"\n'
        'allowed_networks = ["127.0.0.0/8"]\nallowed_ports = []\n'
    )


@contextlib.asynccontextmanager
async def both_clouds(*, onenet_api: str = "south") -> AsyncIterator[tuple[TencentCloud, OneNetCloud, str]]:
    """Serve both clouds; the text is their part of the configuration."""
    tencent, onenet = TencentCloud(), OneNetCloud()
    tencent.admits_any_device = True
    tencent.tokens = {TOKEN: float(1 << 40)}
    async with serve(tencent) as tencent_url, serve(onenet) as onenet_url:
        tables = {
            "tencent": f'url = "{tencent_url}{PATH}"\naccess_token = "{TOKEN}"',
            "onenet": f'url = "{onenet_url}"\napi = "{onenet_api}"\nresource = "{RESOURCE}"\naccess_key = "{KEY}"',
        }
        yield tencent, onenet, "".join(CLOUD.format(name=name, more=more) for name, more in tables.items())


def log_lines(path: Path) -> list[dict[str, Any]]:
    """Return the gateway's log as records."""
    return [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")]
