"""Asks one cloud what it wants of which device: often where something is likely, seldom where nothing ever was.

A device that came, told its version or was pushed for is asked about at once; then ever more seldom, down to once an
interval. Where one device has an order, others of its product likely have one, too. Devices that are away or at work
are not asked about, and of all requests to the cloud no more than a share go here.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from random import random

import structlog
from aiolimiter import AsyncLimiter

from gateway.core.calls import asked_of
from gateway.core.clock import Clock, signalled
from gateway.core.gate import Gate
from gateway.core.orders import Orders
from gateway.core.record import Record
from gateway.core.sense import nonsense
from gateway.errors import CloudError, Denied, Rejected, Scope, StoreError, Unavailable
from gateway.metrics import Metrics
from gateway.model.commands import Order, UpdateOrdered
from gateway.model.identity import DEFAULT_MODULE, Device, DeviceId, Lane, Module
from gateway.ports.cloud import CloudAdapter

log = structlog.get_logger()

#: Seconds after which a device that has just come is asked about: it says first what it runs.
SOON = 1.0
#: Seconds between two questions about a device, however often it is woken.
BREATH = 10.0
#: A device that the cloud does not let us ask about.
PARKED = timedelta(minutes=15)
#: So many that are away are remembered; where everyone may log in, names have no end.
AWAY = 10_000
WORKERS = 4

OUTCOMES = ("orders", "nothing", "unavailable", "rejected", "denied")


#: Whether the end of an update of a device waits to be told in a lane; may raise StoreError.
Waits = Callable[[Lane, DeviceId], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PollSettings:
    """How often a cloud is asked."""

    #: Longest time between two questions about an idle device.
    interval: timedelta = timedelta(hours=1)
    #: Shortest.
    minimum: timedelta = timedelta(minutes=1)
    #: Questions a second, about all devices.
    per_second: float = 2.0


@dataclass(slots=True)
class _Watch:
    """A device that was there: it comes back with what is known of it, or it would be asked about each time."""

    due: float
    pause: float
    is_there: bool = True
    asked_at: float = 0.0
    is_asked: bool = False
    is_urgent: bool = False
    #: What the cloud ordered the last time.
    wants: frozenset[tuple[Module, str]] = frozenset()


@dataclass(order=True, slots=True)
class _Turn:
    due: float
    number: int
    device: DeviceId = field(compare=False)


class Poller:
    """One for each cloud that gives tasks."""

    def __init__(
        self,
        lane: Lane,
        adapter: CloudAdapter,
        *,
        record: Record,
        orders: Orders,
        gate: Gate,
        clock: Clock,
        metrics: Metrics,
        settings: PollSettings,
        external: Callable[[Lane, DeviceId], Device],
        waits: Waits,
        jitter: Callable[[], float] = random,
    ) -> None:
        self._lane = lane
        self._adapter = adapter
        self._record = record
        self._orders = orders
        self._gate = gate
        self._clock = clock
        self._metrics = metrics
        self._least = settings.minimum.total_seconds()
        self._most = max(settings.interval.total_seconds(), self._least)
        self._breath = min(self._least, BREATH)
        self._rate = AsyncLimiter(1, 1 / settings.per_second)
        self._external = external
        self._waits = waits
        self._watched: dict[DeviceId, _Watch] = {}
        #: Those of them that are away; who went first stands first.
        self._away: dict[DeviceId, None] = {}
        self._jitter = jitter
        # Devices that have just come go first. What is no longer due is left in its heap and passed over.
        self._urgent: list[_Turn] = []
        self._routine: list[_Turn] = []
        self._numbers = count()
        self._signal = asyncio.Event()

    def wake(self, device: DeviceId) -> None:
        """Ask about this device soon; no more often than the shortest pause."""
        if self._is_ours(device):
            watch = self._watched.setdefault(device, _Watch(due=0.0, pause=self._least))
            watch.is_there = True
            self._away.pop(device, None)
            self._hurry(device, watch, SOON * self._jitter())

    def hint(self, device: DeviceId) -> bool:
        """Ask about this device now, as often as `wake`; False when it is away, so that it is asked about later."""
        watch = self._watched.get(device)
        if watch is None or not watch.is_there:
            return False
        self._hurry(device, watch, 0.0)
        return True

    def gone(self, device: DeviceId) -> None:
        """Ask no more about a device that is away."""
        watch = self._watched.get(device)
        if watch is not None:
            watch.is_there = watch.is_urgent = False
            self._away.setdefault(device)
            if len(self._away) > AWAY:
                first = next(iter(self._away))
                del self._away[first], self._watched[first]

    async def run(self) -> None:
        """Ask for ever."""
        async with asyncio.TaskGroup() as group:
            for number in range(WORKERS):
                group.create_task(self._work(), name=f"{self._lane}-polls-{number}")

    async def _work(self) -> None:
        while True:
            await self._gate.opened()
            device = await self._next()
            watch = self._watched[device]
            watch.is_urgent, watch.is_asked = False, True
            try:
                pause = self._least
                if not self._orders.is_busy(self._lane, device):
                    async with self._rate, self._gate:
                        pause = await self._ask(device, watch)
            finally:
                watch.is_asked = False
            # One that is at work is not looked at more often than one that is asked about.
            watch.asked_at = self._clock.now()
            if not watch.is_there:
                continue
            if watch.is_urgent:
                # Woken while it was asked about: the answer may be older than the news.
                self._plan(device, watch, watch.asked_at + self._breath, self._urgent)
            else:
                self._plan(device, watch, watch.asked_at + pause * (0.75 + self._jitter() / 2))

    async def _next(self) -> DeviceId:
        """Wait for a device whose turn has come."""
        while True:
            now, next_due = self._clock.now(), None
            for turns in (self._urgent, self._routine):
                turn = self._first(turns)
                if turn is not None and turn.due <= now:
                    heapq.heappop(turns)
                    return turn.device
                if turn is not None and (next_due is None or turn.due < next_due):
                    next_due = turn.due
            self._signal.clear()
            await signalled(self._signal, self._clock.until(next_due))

    def _first(self, turns: list[_Turn]) -> _Turn | None:
        while turns:
            watch = self._watched.get(turns[0].device)
            if watch is not None and watch.is_there and not watch.is_asked and watch.due == turns[0].due:
                return turns[0]
            heapq.heappop(turns)
        return None

    def _hurry(self, device: DeviceId, watch: _Watch, wait: float) -> None:
        watch.pause = self._least
        due = max(self._clock.now() + wait, watch.asked_at + self._breath)
        # Whoever is woken again and again has one turn, and keeps it.
        if not watch.is_urgent or due < watch.due:
            self._plan(device, watch, due, self._urgent)

    def _plan(self, device: DeviceId, watch: _Watch, due: float, turns: list[_Turn] | None = None) -> None:
        watch.due, watch.is_urgent = due, turns is self._urgent
        heap = self._routine if turns is None else turns
        heapq.heappush(heap, _Turn(due, next(self._numbers), device))
        if len(heap) > 2 * len(self._watched) + WORKERS:
            watched = self._watched
            heap[:] = [
                turn for turn in heap if turn.device in watched and watched[turn.device].due == turn.due
            ]
            heapq.heapify(heap)
        self._signal.set()

    async def _ask(self, device: DeviceId, watch: _Watch) -> float:
        """Ask once; return the seconds until the next time."""
        if not watch.is_there or self._orders.is_busy(self._lane, device):
            # It went, or to work, while it waited for its turn at the gate.
            return self._least
        # Of the same moment as the look whether an end waits: a newer one may have brought an end of its own.
        runs = self._record.running(device, DEFAULT_MODULE)
        if await self._is_end_waiting(device):
            # The cloud hears first what it does not know yet: else it would ask for what has just ended, or end it
            # by itself for the version that runs now.
            return self._least
        asked = replace(self._external(self._lane, device), running=runs)
        try:
            found = await asked_of(self._found(asked), self._lane)
        except CloudError as err:
            return self._troubled(device, err, watch)
        self._gate.succeeded()
        return self._answered(device, watch, found)

    async def _found(self, device: Device) -> list[Order]:
        """Read what the cloud wants of this device; what it may say of others was not asked."""
        found = [order for order in await self._adapter.poll(device) if order.device == device.id]
        for order in found:
            flaw = nonsense(order, self._record.known)
            if flaw is not None:
                # No database would take it, and the commit of everybody's reports would fail with it.
                raise Rejected("misshapen", flaw)
        return found

    def _answered(self, device: DeviceId, watch: _Watch, found: Sequence[Order]) -> float:
        wants = self._orders.take(self._lane, device, found)
        self._metrics.polls.labels(self._lane, "orders" if wants else "nothing").inc()
        orders = [order for order in found if isinstance(order, UpdateOrdered)]
        before, watch.wants = watch.wants, frozenset((order.module, order.handle) for order in orders)
        if watch.wants - before:
            self._look_at_others(device)
        pause = watch.pause
        watch.pause = min(pause * 2, self._most)
        return pause

    async def _is_end_waiting(self, device: DeviceId) -> bool:
        try:
            return await self._waits(self._lane, device)
        except StoreError:
            return True

    def _troubled(self, device: DeviceId, err: CloudError, watch: _Watch) -> float:
        self._gate.troubled(err)
        outcome, pause = "rejected", self._most
        match err:
            case Unavailable():
                outcome, pause = "unavailable", max(watch.pause, min(err.retry_after or 0.0, self._most))
            case Denied(scope=Scope.LANE):
                outcome, pause = "denied", watch.pause
            case Denied():
                outcome, pause = "denied", PARKED.total_seconds()
        self._metrics.polls.labels(self._lane, outcome).inc()
        log.info("poll_failed", lane=self._lane, device=str(device), outcome=outcome, error=str(err))
        watch.pause = min(max(watch.pause, self._least) * 2, self._most)
        return pause

    def _look_at_others(self, device: DeviceId) -> None:
        """Where one device has an order, its kin may have one: ask about those that were asked about long ago."""
        now = self._clock.now()
        for other, watch in self._kin(device):
            watch.pause = self._least
            if watch.is_there and watch.due > now + self._least and not watch.is_asked:
                self._plan(other, watch, now + self._least * self._jitter())

    def _kin(self, device: DeviceId) -> Iterator[tuple[DeviceId, _Watch]]:
        return (
            (other, watch)
            for other, watch in self._watched.items()
            if other.product_id == device.product_id and other != device
        )

    def _is_ours(self, device: DeviceId) -> bool:
        rules = self._record.rules(device)
        return rules is not None and rules.asks and self._lane in rules.lanes
