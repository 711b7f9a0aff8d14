"""The configuration, read again while the gateway runs: by SIGHUP or by an operator, one way for both.

Law: what cannot be taken up whole is not taken up at all. The last good configuration goes on, and says why.
"""

import asyncio
import time
from pathlib import Path

import structlog

from gateway import changeover, logs
from gateway.assembly import Gateway
from gateway.config.difference import Difference, difference
from gateway.errors import ConfigError, GatewayError
from gateway.examination import reread
from gateway.ops import notify
from gateway.ops.outcome import Outcome
from gateway.ops.taken_up import TakenUp

log = structlog.get_logger()


class Reload:
    """Reads again when it is asked to; who asks while it reads is answered by one more reading."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        path: Path,
        wanted: asyncio.Event,
        group: asyncio.TaskGroup,
        manager: notify.Manager,
    ) -> None:
        """`wanted` may be set by anybody, a signal for one; `group` runs the tasks of lanes that begin."""
        self._gateway = gateway
        self._taken_up = gateway.taken_up = TakenUp(gateway.metrics, gateway.clock)
        self._path = path
        self._wanted = wanted
        self._group = group
        self._manager = manager
        self._asking: list[asyncio.Future[Outcome]] = []

    async def ask(self) -> Outcome:
        """Have it read, and return what came of it."""
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._asking.append(answer)
        self._wanted.set()
        return await answer

    async def run(self) -> None:
        """Read whenever somebody wants it, for ever."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            asking, self._asking = self._asking, []
            # systemd takes READY=1 for the end of this, whatever came of it.
            self._manager.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
            outcome = await self._reload()
            self._taken_up.note(outcome)
            self._manager.tell("READY=1")
            for answer in asking:
                if not answer.done():
                    answer.set_result(outcome)

    async def _reload(self) -> Outcome:
        try:
            # Thousands of devices take a second or two: on a thread, the others are heard meanwhile.
            found = await asyncio.to_thread(self._compared)
            ready = await changeover.prepare(self._gateway, found)
        except ConfigError as err:
            return self._refused(err.problems)
        except (GatewayError, OSError) as err:
            # What was there when it was looked at went since.
            return self._refused([str(err)])
        disconnected = await changeover.apply(self._gateway, ready, self._group)
        return self._applied(found, disconnected)

    def _compared(self) -> Difference:
        config = reread(self._path)
        for _, secret in config.secrets():
            secret.watch(logs.redact)
        found = difference(self._gateway.config, config)
        if problems := list(found.problems()):
            raise ConfigError(problems)
        return found

    def _refused(self, problems: list[str]) -> Outcome:
        log.error("config_reload_refused", config=str(self._path), problems=problems)
        return Outcome(problems=problems)

    def _applied(self, found: Difference, disconnected: int) -> Outcome:
        needs_restart = list(found.waiting.values())
        log.info(
            "config_reloaded",
            config=str(self._path),
            applied=list(found.applied),
            disconnected=disconnected,
            needs_restart=needs_restart,
        )
        return Outcome(applied=found.applied, needs_restart=needs_restart, disconnected=disconnected)
