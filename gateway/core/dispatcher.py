"""A lane at work: claim the heads of due queues, hand them to the adapter, settle what came of it.

Per device one message at a time, in order; many devices at once.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple

import structlog

from gateway.core import trail
from gateway.core.answers import Answers
from gateway.core.calls import cancellations
from gateway.core.clock import Clock, signalled
from gateway.core.conversation import closing, is_news
from gateway.core.gate import Gate
from gateway.core.ledger import Ledger
from gateway.errors import Denied, Rejected, StoreError, Unavailable
from gateway.metrics import Metrics
from gateway.model.commands import Command
from gateway.model.identity import Device, DeviceId, Lane, UpdateId
from gateway.ports.cloud import Teller
from gateway.ports.store import Claim, Store

log = structlog.get_logger()

LEASE = timedelta(minutes=2)
#: Longest that an adapter may take for one message, all its requests and their turn in the rate included.
DELIVERY_LIMIT = LEASE * 3 / 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSettings:
    """How fast a lane may go."""

    concurrency: int = 16
    #: Progress of one device is told at most this often.
    progress_interval: timedelta = timedelta(seconds=10)


class _Lease(NamedTuple):
    claim: Claim
    until: float


class Dispatcher:
    """Delivers one lane."""

    def __init__(
        self,
        lane: Lane,
        adapter: Teller,
        *,
        store: Store,
        ledger: Ledger,
        gate: Gate,
        clock: Clock,
        metrics: Metrics,
        settings: LaneSettings,
        external: Callable[[Lane, DeviceId], Device],
        learn: Callable[[Lane, UpdateId, Command], None],
    ) -> None:
        self._lane = lane
        self._adapter = adapter
        self._store = store
        self._gate = gate
        self._clock = clock
        self._settings = settings
        self._external = external
        self._claimed: asyncio.Queue[int] = asyncio.Queue(maxsize=2 * settings.concurrency)
        # By queue, until the settlement is written: never take up a queue twice, also when a lease runs out.
        self._in_hand: dict[int, _Lease] = {}
        self._signal = asyncio.Event()
        self._answers = Answers(
            lane,
            ledger=ledger,
            gate=gate,
            clock=clock,
            metrics=metrics,
            progress_interval=settings.progress_interval,
            learn=learn,
            let_go=self._let_go,
        )
        self._finishing = False
        self._sending = 0
        self._done = asyncio.Event()

    @property
    def gate(self) -> Gate:
        """The gate that its messages pass."""
        return self._gate

    def notify(self) -> None:
        """Tell that a commit may have made messages of this lane due."""
        self._signal.set()

    async def run(self) -> None:
        """Deliver for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._claim_for_ever(), name=f"{self._lane}-claims")
            for number in range(self._settings.concurrency):
                group.create_task(self._deliver_for_ever(), name=f"{self._lane}-{number}")

    async def finish(self) -> None:
        """Take up nothing more, and wait for the requests in hand: a cut one would be told twice."""
        self._finishing = True
        while self._sending:
            self._done.clear()
            await self._done.wait()

    async def _claim_for_ever(self) -> None:
        while True:
            self._signal.clear()
            await self._gate.opened()
            try:
                queues = await self._claim()
                pause = 0.0 if queues else await self._until_due()
            except StoreError as err:
                log.warning("claim_failed", lane=self._lane, error=str(err))
                queues, pause = [], 1.0
            for queue in queues:
                await self._claimed.put(queue)
            if not queues:
                await signalled(self._signal, pause)

    async def _claim(self) -> list[int]:
        now = self._clock.now()
        until = now + LEASE.total_seconds()
        claims = await self._store.claim(
            self._lane,
            limit=4 * self._settings.concurrency,
            now=now,
            lease_until=until,
        )
        fresh = [claim.queue for claim in claims if claim.queue not in self._in_hand]
        # A lease that had run out at the gate is renewed; the head may be another one by now.
        self._in_hand.update({claim.queue: _Lease(claim, until) for claim in claims})
        return fresh

    async def _until_due(self) -> float:
        return self._clock.until(await self._store.next_due(self._lane))

    async def _deliver_for_ever(self) -> None:
        while True:
            queue = await self._claimed.get()
            if is_news(self._in_hand[queue].claim):
                async with self._gate:
                    await self._take_up(queue)
            else:
                await self._take_up(queue)

    async def _take_up(self, queue: int) -> None:
        if self._finishing:
            return
        claim, until = self._in_hand[queue]
        if until <= self._clock.now():
            # It ran out at the gate: what stands at the head now is claimed anew.
            del self._in_hand[queue]
            self.notify()
        elif is_news(claim):
            await self._send_in_hand(claim)
        else:
            self._answers.skipped(claim)

    async def _send_in_hand(self, claim: Claim) -> None:
        self._sending += 1
        try:
            with trail.followed():
                await self._send(claim)
        finally:
            self._sending -= 1
            self._done.set()

    async def _send(self, claim: Claim) -> None:
        device = self._external(self._lane, claim.event.device)
        if claim.source is not None:
            device = replace(device, running=claim.source)
        before = cancellations()
        try:
            async with asyncio.timeout(DELIVERY_LIMIT.total_seconds()):
                commands = await self._adapter.deliver(device, claim.event, claim.after)
            closed = closing(commands)
        except asyncio.CancelledError:
            if cancellations() > before:
                raise
            # Something that the adapter waited for was cancelled, not this worker: without it the lane would thin out.
            self._answers.unavailable(claim, Unavailable("the adapter's call was cut off", code="canceled"))
        except TimeoutError:
            self._answers.unavailable(claim, Unavailable("the adapter's call took too long", code="timeout"))
        except Unavailable as err:
            self._answers.unavailable(claim, err)
        except Rejected as err:
            self._answers.rejected(claim, err)
        except Denied as err:
            self._answers.denied(claim, err)
        except Exception as err:  # noqa: BLE001 - the loop outlives a message that breaks its adapter
            self._answers.broke(claim, err)
        else:
            self._answers.delivered(claim, commands, closed)

    def _let_go(self, queue: int) -> None:
        del self._in_hand[queue]
