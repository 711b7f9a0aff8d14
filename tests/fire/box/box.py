"""A site on a box that is being hurt: a gateway that is started again whenever it dies, devices, and both clouds."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.site import Site, both_clouds, site
from tests.e2e.truth import agree, order, products
from tests.simulators.fleet import Device, Fleet, cast
from tests.simulators.fleet.device import Success
from tests.simulators.onenet import OneNetCloud
from tests.simulators.tencent import TencentCloud

#: As systemd does it, only sooner: see deploy/ota-gateway.service.
RESTART_S = 0.2
#: The exit code after which nobody starts it again.
MISCONFIGURED = 2
SEED = 20261121


@dataclass
class Box:
    """One site; `fleet` plays meanwhile."""

    site: Site
    tencent: TencentCloud
    onenet: OneNetCloud
    devices: Sequence[Device]
    fleet: Fleet
    #: The exit codes of gateways that nobody had asked to end.
    deaths: list[int] = field(default_factory=list)

    @property
    def pid(self) -> int:
        """The gateway's process now."""
        assert self.site.process is not None
        return self.site.process.pid

    @property
    def data(self) -> Path:
        """The gateway's data directory."""
        return self.site.directory / "data"

    @property
    def store(self) -> Path:
        """The store's file."""
        return self.data / "gateway.db"

    def said(self, event: str) -> int:
        """Count the log's lines of one kind."""
        return sum(line["event"] == event for line in self.site.lines())

    async def says(self, event: str, *, times: int = 1, within_s: float = 20.0) -> None:
        """Wait until the log has said something."""
        async with asyncio.timeout(within_s):
            while self.said(event) < times:
                await asyncio.sleep(0.05)

    async def dies(self, *, times: int, within_s: float = 30.0) -> None:
        """Wait until so many gateways have ended."""
        async with asyncio.timeout(within_s):
            while len(self.deaths) < times:
                await asyncio.sleep(0.05)

    async def is_ready(self) -> bool:
        """Whether the gateway answers, and that it takes reports."""
        with contextlib.suppress(OSError):
            return await self.site.status("/readyz") == 200
        return False

    async def becomes(self, *, ready: bool, within_s: float = 30.0) -> None:
        """Wait until it takes reports, or says that it does not."""
        async with asyncio.timeout(within_s):
            while await self.is_ready() is not ready:
                await asyncio.sleep(0.05)

    async def acknowledges(self, count: int, *, within_s: float = 30.0) -> None:
        """Wait until so many more reports are acknowledged."""
        wanted = self.fleet.acknowledged + count
        async with asyncio.timeout(within_s):
            while self.fleet.acknowledged < wanted:
                await asyncio.sleep(0.02)

    async def end(self, *, orderly: bool) -> None:
        """End the gateway's process, and return while it is down."""
        assert self.site.process is not None
        self.site.process.send_signal(signal.SIGTERM if orderly else signal.SIGKILL)
        await self.site.process.wait()

    def die(self, code: int) -> None:
        """Note that a gateway ended: what was on the wire then is told again, once; at least once is the promise."""
        self.deaths.append(code)
        if code == 0:
            return  # it ended in order, with nothing on the wire
        self.tencent.record.excuse_resends()
        self.onenet.record.excuse_resends()

    async def keep_running(self) -> None:
        """Start the gateway again whenever it dies."""
        while True:
            assert self.site.process is not None
            code = await self.site.process.wait()
            self.die(code)
            assert code != MISCONFIGURED, self.site.log()
            await asyncio.sleep(RESTART_S)
            await self.site.spawn()


@contextlib.asynccontextmanager
async def box(
    directory: Path,
    *,
    count: int = 8,
    pace: float = 4.0,
    environment: Mapping[str, str] | None = None,
    wrapper: Sequence[str] = (),
    success: Success = "on_done",
    more: str = 'rollback_after = "1s"',
    extra: str = "",
    agrees: bool = True,
) -> AsyncIterator[Box]:
    """Run it while the devices play; afterwards everything acknowledged was told, once and legally.

    `more` goes into each product's table, `extra` into the configuration. Where an injury takes what was acknowledged,
    or told, the test says itself what must have been heard (`agrees` False).
    """
    devices = cast("PLAIN", count, success=success)
    devices += cast("TENCENT", count, dialect="tencent", success=success)
    async with (
        both_clouds() as (tencent, onenet, clouds),
        site(
            directory, products(devices, more=f'success = "{success}"\n{more}'), clouds, extra=extra
        ) as made,
    ):
        made.environment.update(environment or {})
        made.wrapper = wrapper
        order(onenet, devices)
        await made.start()
        fleet = Fleet(("127.0.0.1", made.mqtt_port), devices, seed=SEED, pace=pace, spread=pace / 4)
        sick = Box(made, tencent, onenet, devices, fleet)
        async with asyncio.TaskGroup() as group:
            keeper = group.create_task(sick.keep_running(), name="service manager")
            playing = group.create_task(fleet.run(), name="fleet")
            yield sick
            async with asyncio.timeout(60):
                await playing
            await sick.becomes(ready=True)
            await made.settled(within_s=60)
            keeper.cancel()
        assert await made.stop() == 0
        if agrees:
            agree(fleet, tencent, onenet)
