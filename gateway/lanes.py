"""The clouds at work, each in its lane: made, begun and ended one by one, so that the others never notice.

A lane's messages and its breaker outlive whoever works in it; what changes is the session, the adapter and the tasks.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from gateway import wiring
from gateway.clouds import registry
from gateway.clouds.session import HttpSession
from gateway.config import Config
from gateway.core import trail
from gateway.core.clock import Clock
from gateway.core.dispatcher import Dispatcher
from gateway.core.gate import Gate
from gateway.core.ledger import Ledger
from gateway.errors import StoreError
from gateway.metrics import Metrics
from gateway.model.commands import Command
from gateway.model.identity import Lane, UpdateId
from gateway.ports.cloud import CloudAdapter, Site
from gateway.ports.firmware import Downloads
from gateway.ports.store import LaneState, Loaded
from gateway.store.at_rest import AtRest
from gateway.store.database import Database

log = structlog.get_logger()

#: Seconds that the requests in hand may take before a lane is ended without their answers.
PATIENCE = 15.0

#: What runs for a lane, with its name.
Work = tuple[str, Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """Who is to work in a lane; opens nothing yet."""

    lane: Lane
    session: HttpSession
    adapter: CloudAdapter
    dispatcher: Dispatcher


class Lanes:
    """All lanes that lead to clouds; others may look into its dictionaries, which are always the same ones."""

    def __init__(
        self,
        config: Callable[[], Config],
        loaded: Loaded,
        *,
        store: Database | AtRest,
        ledger: Ledger,
        clock: Clock,
        metrics: Metrics,
        downloads: Downloads,
        learn: Callable[[Lane, UpdateId, Command], None],
    ) -> None:
        self._config = config
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._metrics = metrics
        self._downloads = downloads
        self._learn = learn
        #: Breakers of lanes in which nobody works.
        self._states = dict(loaded.lanes)
        self._sessions: dict[Lane, HttpSession] = {}
        self._tasks: dict[Lane, list[asyncio.Task[None]]] = {}
        self.gates: dict[Lane, Gate] = {}
        self.adapters: dict[Lane, CloudAdapter] = {}
        self.dispatchers: dict[Lane, Dispatcher] = {}

    def crew(self, prepared: registry.Prepared, config: Config) -> Crew:
        """Make who is to work for a cloud as the configuration has it."""
        lane, cloud = wiring.lane_of(prepared.name), config.clouds[prepared.name]
        session = HttpSession(lane, cloud, self._metrics, now=self._clock.wall)
        site = Site(
            session=session,
            now=self._clock.wall,
            credential_expires=lambda name, at: self._metrics.credential_expiry.labels(lane, name).set(at),
            data_dir=config.gateway.data_dir,
            heard=trail.heard,
            downloads=self._downloads,
        )
        adapter = prepared.make(site)
        dispatcher = Dispatcher(
            lane,
            adapter,
            store=self._store,
            ledger=self._ledger,
            gate=self.gates.get(lane) or self._gate(lane),
            clock=self._clock,
            metrics=self._metrics,
            settings=wiring.lane_settings(cloud),
            external=wiring.directory(self._config),
            learn=self._learn,
        )
        return Crew(lane=lane, session=session, adapter=adapter, dispatcher=dispatcher)

    def _gate(self, lane: Lane) -> Gate:
        return Gate(
            lane,
            self._states.get(lane, LaneState()),
            ledger=self._ledger,
            clock=self._clock,
            metrics=self._metrics,
        )

    def look_on(self, lane: Lane) -> None:
        """Show the breaker of a lane in which nobody works."""
        self.gates[lane] = self._gate(lane)

    def take_on(self, crew: Crew) -> HttpSession | None:
        """Let a crew have its lane, which is new or has ended; return the session of the one before."""
        lane, before = crew.lane, self._sessions.get(crew.lane)
        crew.session.open()
        self._sessions[lane] = crew.session
        self.gates[lane] = crew.dispatcher.gate
        self.adapters[lane] = crew.adapter
        self.dispatchers[lane] = crew.dispatcher
        return before

    def remove(self, lane: Lane) -> HttpSession:
        """Forget who worked in a lane that has ended; what waits in it stays."""
        self._states[lane] = self.gates.pop(lane).state
        del self.adapters[lane], self.dispatchers[lane]
        self._metrics.forget(lane)
        return self._sessions.pop(lane)

    def begin(self, lane: Lane, group: asyncio.TaskGroup, works: Iterable[Work]) -> None:
        """Let the work of a lane run."""
        named = [(str(lane), self.dispatchers[lane].run()), *works]
        self._tasks[lane] = [group.create_task(work, name=name) for name, work in named]

    async def end(self, lanes: Iterable[Lane]) -> None:
        """End the work of lanes in order, and give their leases back; what waits goes on waiting."""
        await asyncio.gather(*map(self._end, lanes))

    async def _end(self, lane: Lane) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self.dispatchers[lane].finish()
        await self._cancel(self._tasks.pop(lane, ()))
        try:
            async with asyncio.timeout(PATIENCE):
                # A settlement counts only while its lease stands.
                await self._ledger.flush()
                await self._store.take_back(lane)
        except (TimeoutError, StoreError) as err:
            # They run out by themselves.
            log.warning("leases_not_returned", lane=lane, error=str(err))

    async def finish(self) -> None:
        """Take up nothing more in any lane, and wait for the requests in hand."""
        await asyncio.gather(*(dispatcher.finish() for dispatcher in self.dispatchers.values()))

    async def cut(self) -> None:
        """End all work, whatever it is at."""
        await self._cancel([task for tasks in self._tasks.values() for task in tasks])

    async def _cancel(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        ending = list(tasks)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def close(self) -> None:
        """Close every session."""
        for session in self._sessions.values():
            await session.close()
