"""Tell the service manager how things stand: sd_notify(3), over the socket that NOTIFY_SOCKET names.

Its watchdog is fed only while the event loop runs and commits end. One that fails has ended, and a restart would not
mend it; one that hangs has not.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Self

import structlog
from prometheus_client import CollectorRegistry

from gateway.core.ledger import Ledger
from gateway.ops.http import Checks

log = structlog.get_logger()

#: Seconds between two looks where no watchdog is wanted.
EVERY = 15.0
#: Looks in the time that the watchdog gives; each may last as long as the pause after it.
LOOKS = 4
MOST_SAID = 500
_ENDED = ["ota_gateway_store_commit_duration_seconds_count", "ota_gateway_store_commit_failures_total"]


@dataclass(frozen=True, slots=True)
class Manager:
    """The service manager's end of the socket; without an address nobody listens."""

    address: str = ""
    #: Seconds between two looks.
    every: float = EVERY

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Read what systemd says to its services; a watchdog that is meant for another process is not ours."""
        address = environment.get("NOTIFY_SOCKET", "")
        given = environment.get("WATCHDOG_USEC", "")
        is_meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        every = int(given) / 1_000_000 / LOOKS if given.isdecimal() and int(given) and is_meant else EVERY
        # A name in the abstract namespace is written with @.
        return cls("\0" + address[1:] if address.startswith("@") else address, every)

    def tell(self, *facts: str) -> None:
        """Say it if somebody listens; never wait, never fail."""
        if not self.address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
                end.setblocking(False)
                end.sendto("\n".join(facts).encode(), self.address)
        except OSError as err:
            log.warning("service_manager_not_told", error=err.strerror or str(err))


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What the service manager is told about."""

    ledger: Ledger
    registry: CollectorRegistry
    checks: Checks
    stopping: asyncio.Event


@asynccontextmanager
async def supervised(manager: Manager, service: Service) -> AsyncIterator[None]:
    """Say that the service is ready, how it is, and that it stops once it is asked to."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_feed(manager, service), name="service-manager"),
            group.create_task(_say_stopping(manager, service.stopping), name="service-manager-stop"),
        ]
        manager.tell("READY=1")
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def _feed(manager: Manager, service: Service) -> None:
    while manager.address:
        facts = [f"STATUS={await _status(service.checks)}"]
        if await commits_end(service.ledger, service.registry, within_s=manager.every):
            facts.append("WATCHDOG=1")
        else:
            log.error("commits_stand_still", seconds=manager.every)
        manager.tell(*facts)
        await asyncio.sleep(manager.every)


async def _say_stopping(manager: Manager, stopping: asyncio.Event) -> None:
    await stopping.wait()
    manager.tell("STOPPING=1")


async def _status(checks: Checks) -> str:
    troubles = [f"{check.name} {check.detail}" for check in await checks() if not check.is_ok]
    return " ".join("; ".join(troubles).split())[:MOST_SAID] or "all is well"


async def commits_end(ledger: Ledger, registry: CollectorRegistry, *, within_s: float) -> bool:
    """Whether nothing waits for a commit, or one ends within the time."""
    before = _ended(registry)
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await ledger.drain()
            return True
    return _ended(registry) != before


def _ended(registry: CollectorRegistry) -> float:
    families = registry.restricted_registry(_ENDED).collect()
    return sum(sample.value for family in families for sample in family.samples)
