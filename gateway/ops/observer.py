"""What is seen from outside, gathered from the parts: gauges every few seconds, readiness, status."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping

import structlog

from gateway.core.clock import Clock
from gateway.core.engine import Engine
from gateway.core.gate import Gate
from gateway.core.ledger import Ledger
from gateway.core.record import Record
from gateway.errors import StoreError
from gateway.metrics import Metrics
from gateway.model.identity import Lane
from gateway.model.states import State
from gateway.ops.api.status import ConfigurationStatus, ImagesStatus, LaneStatus, LeftOver, StatusView
from gateway.ops.kernel_clock import is_synchronised
from gateway.ops.readiness import Check, lane_checks
from gateway.ports.store import Figures, Store

log = structlog.get_logger()

EVERY = 5.0
LAG_EVERY = 0.25
#: Seconds that who asks for the status waits for a store that hangs.
PATIENCE = 2.0


class Observer:
    """Watches the parts; changes none of them."""

    def __init__(
        self,
        *,
        name: str,
        version: str,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        ledger: Ledger,
        engine: Engine,
        record: Record,
        gates: Mapping[Lane, Gate],
        clients: Callable[[], int],
        firmware: Callable[[], ImagesStatus | None] = lambda: None,
        configuration: Callable[[], ConfigurationStatus | None] = lambda: None,
    ) -> None:
        """`firmware` and `configuration` say how things stand with them, None where there is nothing to say."""
        self._name = name
        self._version = version
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._ledger = ledger
        self._engine = engine
        self._record = record
        self._gates = gates
        self._clients = clients
        self._firmware = firmware
        self._configuration = configuration
        self._started = time.monotonic()
        self._oldest: dict[Lane, float | None] = {}

    async def observe_for_ever(self) -> None:
        """Refresh the gauges."""
        while True:
            await self.observe()
            await asyncio.sleep(EVERY)

    async def observe(self) -> None:
        """Refresh the gauges once."""
        self._metrics.clock_synchronised.set(is_synchronised())
        states, stalled = self._record.census()
        for state in State:
            if not state.is_terminal:
                self._metrics.updates.labels(state).set(states[state])
        self._metrics.stalled.set(stalled)
        try:
            figures = await self._store.figures()
        except StoreError as err:
            log.warning("figures_failed", error=str(err))
            return
        for lane in self._gates:
            self._show(lane, figures.get(lane, Figures()))

    def oldest(self) -> dict[Lane, float | None]:
        """Say how long the oldest message of each lane has waited, None where none does."""
        return {lane: self._oldest.get(lane) for lane in self._gates}

    async def measure_lag(self) -> None:
        """Measure how late the event loop runs a timer."""
        while True:
            due = time.monotonic() + LAG_EVERY
            await asyncio.sleep(LAG_EVERY)
            self._metrics.loop_lag.observe(max(time.monotonic() - due, 0.0))

    async def checks(self) -> list[Check]:
        """Say whether the box can take reports; a dead cloud does not make it unready."""
        store = Check(
            name="store",
            is_ok=self._ledger.trouble is None,
            detail=self._ledger.trouble or "",
        )
        full = sorted(self._engine.full_lanes)
        room = Check(
            name="outbox",
            is_ok=not full,
            detail=f"at its quota: {', '.join(full)}" if full else "",
        )
        circuits: dict[str, str] = {lane: gate.state.circuit.value for lane, gate in self._gates.items()}
        return [store, room, *self._file_checks(), *lane_checks(circuits)]

    def _file_checks(self) -> Iterator[Check]:
        """Yield one while the configuration file is refused: the gateway is well, its next start would not be."""
        configuration = self._configuration()
        if configuration is not None and not configuration["ok"]:
            detail = "its file is refused, and the last good one goes on; ota-gateway check says why"
            yield Check(name="configuration", is_ok=False, is_required=False, detail=detail)

    async def status(self) -> StatusView:
        """Say how things stand, for the command line and the dashboard."""
        trouble = self._ledger.trouble
        figures: Mapping[Lane, Figures] = {}
        try:
            async with asyncio.timeout(PATIENCE):
                figures = await self._store.figures()
        except StoreError as err:
            trouble = str(err)
        except TimeoutError:
            trouble = trouble or "the store does not answer"
        states, stalled = self._record.census()
        report: StatusView = {
            "name": self._name,
            "version": self._version,
            "uptime_seconds": round(time.monotonic() - self._started, 1),
            "devices_connected": self._clients(),
            "store_ok": trouble is None,
            "store_error": trouble,
            "clock_synchronized": is_synchronised(),
            "updates": dict(sorted(states.items())),
            "updates_stalled": stalled,
            "lanes": {
                lane: self._lane(gate, figures.get(lane, Figures())) for lane, gate in self._gates.items()
            },
        }
        if left := self._left_over(figures):
            report["lanes_left_over"] = left
        configuration = self._configuration()
        if configuration is not None:
            report["configuration"] = configuration
        images = self._firmware()
        if images is not None:
            report["firmware"] = images
        return report

    def _left_over(self, figures: Mapping[Lane, Figures]) -> dict[str, LeftOver]:
        """Return what waits for clouds that are configured no more: it is told when they are there again."""
        return {
            lane: {"messages": each.messages, "bytes": each.size, "dead_letters": each.dead_letters}
            for lane, each in figures.items()
            if lane not in self._gates and (each.messages or each.dead_letters)
        }

    def _lane(self, gate: Gate, figures: Figures) -> LaneStatus:
        oldest, next_try = figures.oldest_at, gate.next_try_at
        return {
            "circuit": gate.state.circuit.value,
            "reason": gate.state.reason,
            "next_try_seconds": None if next_try is None else round(max(next_try - self._clock.now(), 0), 1),
            "messages": figures.messages,
            "bytes": figures.size,
            "oldest_seconds": None if oldest is None else round(self._clock.now() - oldest, 1),
            "dead_letters": figures.dead_letters,
            "parked_devices": figures.parked,
        }

    def _show(self, lane: Lane, figures: Figures) -> None:
        self._metrics.outbox_messages.labels(lane).set(figures.messages)
        self._metrics.outbox_bytes.labels(lane).set(figures.size)
        oldest = figures.oldest_at
        age = None if oldest is None else self._clock.now() - oldest
        self._oldest[lane] = age
        self._metrics.outbox_oldest.labels(lane).set(0 if age is None else self._clock.wall() - age)
        self._metrics.dead_letters.labels(lane).set(figures.dead_letters)
        self._metrics.parked.labels(lane).set(figures.parked)
