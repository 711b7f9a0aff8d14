"""Group commit: what arrives while one commit runs is gathered and committed next, as one transaction.

One fsync serves all. Every publish is settled after the commit of what it caused, in the order of arrival; when a
commit fails, memory goes back to what the store holds and the publishes are refused.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

import structlog

from gateway.core.clock import Clock
from gateway.errors import StoreDamagedError, StoreError
from gateway.metrics import Metrics
from gateway.model.identity import DeviceId, Lane
from gateway.ports.devices import Settle
from gateway.ports.store import Changes, Committed, Kind, Settlement, Store

log = structlog.get_logger()

#: Publishes that may wait for a commit before sockets are no longer read.
HIGH_WATER = 4000
LOW_WATER = HIGH_WATER // 2
#: Seconds between tries while the store fails.
FIRST_PAUSE, LAST_PAUSE = 0.05, 5.0
#: Seconds after which a commit that has not ended is trouble: a server that hangs says nothing.
LATE = 5.0


@dataclass(slots=True)
class Batch:
    """What the next transaction will write, who waits for it, and how to take it back."""

    changes: Changes = field(default_factory=Changes)
    settles: list[Settle] = field(default_factory=list)
    #: Undo steps in the order in which memory was changed.
    undo: list[Callable[[], None]] = field(default_factory=list)
    #: What to call once the settlements are written; survives a failed commit, as they do.
    written: list[Callable[[], None]] = field(default_factory=list)
    #: What clouds taught memory: taught again when a failed commit took it back.
    taught: list[Callable[[], None]] = field(default_factory=list)


class Ledger:
    """The one writer."""

    def __init__(self, store: Store, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._pending = Batch()
        self._writing = Batch()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._pause = FIRST_PAUSE
        self._trouble: str | None = None
        #: Called after each commit with what it changed; set by the composition root.
        self.on_commit: Callable[[Changes, Committed], None] = lambda _changes, _committed: None

    @property
    def changes(self) -> Changes:
        """What is gathered for the next commit; whoever adds to it calls `request` as well."""
        return self._pending.changes

    @property
    def has_room(self) -> bool:
        """False while so many publishes wait that sockets should not be read."""
        return self._room.is_set()

    async def room(self) -> None:
        """Wait until has_room."""
        await self._room.wait()

    @property
    def trouble(self) -> str | None:
        """Why commits fail now; None while they work."""
        return self._trouble

    def remember(self, undo: Callable[[], None]) -> None:
        """Note how to take back a change of memory, should its commit fail."""
        self._pending.undo.append(undo)

    def teach_again(self, teach: Callable[[], None]) -> None:
        """Note a cloud's teaching that changed memory; nobody will say it a second time."""
        self._pending.taught.append(teach)

    def settled(self, settlement: Settlement, written: Callable[[], None]) -> None:
        """Note what a cloud answered; `written` is called after the commit that holds it."""
        self._pending.changes.settlements.append(settlement)
        self._pending.written.append(written)
        self.request()

    def settle_later(self, settle: Settle) -> None:
        """Settle a publish after the commit of everything gathered so far."""
        settles = self._pending.settles
        settles.append(settle)
        if len(settles) >= HIGH_WATER:
            self._room.clear()
        self.request()

    def request(self) -> None:
        """Ask for a commit of what is gathered."""
        self._idle.clear()
        self._wake.set()

    async def drain(self) -> None:
        """Wait until nothing waits for a commit."""
        await self._idle.wait()

    async def flush(self) -> None:
        """Wait until all that is gathered now is committed, or was refused; what comes meanwhile may wait."""
        done = asyncio.Event()
        self.settle_later(lambda _: done.set())
        await done.wait()

    async def is_end_waiting(self, lane: Lane, device: DeviceId) -> bool:
        """Say whether the end of an update of the device waits in a lane, written or not; may raise StoreError."""
        unwritten = [*self._writing.changes.messages, *self._pending.changes.messages]
        is_unwritten = any(
            each.kind is Kind.TERMINAL and each.lane == lane and each.event.device == device
            for each in unwritten
        )
        return is_unwritten or await self._store.is_end_waiting(lane, device)

    def unwritten(self) -> set[DeviceId]:
        """Return the devices of which something is yet to be written."""
        return self._writing.changes.devices() | self._pending.changes.devices()

    async def run(self) -> None:
        """Commit for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch: Batch | None = self._take()
            while batch is not None:
                batch = await self._write(batch)
            if not self._wake.is_set():
                self._idle.set()

    def _take(self) -> Batch:
        batch, self._pending = self._pending, Batch()
        return batch

    async def _write(self, batch: Batch) -> Batch | None:
        """Commit it; return what must be committed next and alone after it failed."""
        started, self._writing = perf_counter(), batch
        late = asyncio.get_running_loop().call_later(LATE, self._note_late)
        try:
            committed = await self._store.commit(
                batch.changes, now=self._clock.now(), wall=self._clock.wall()
            )
        except StoreDamagedError as err:
            self._refuse(batch, err)
            raise
        except StoreError as err:
            self._refuse(batch, err)
            # Facts, or nothing: whether the store works again is found out by trying, also without traffic. No publish
            # comes along, or on a full disk, where facts make room, new publishes would have them refused for ever.
            facts = self._take()
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, LAST_PAUSE)
            return facts
        finally:
            late.cancel()
            self._writing = Batch()
        self._metrics.commit_duration.observe(perf_counter() - started)
        self._note_success(batch)
        for written in batch.written:
            written()
        for settle in batch.settles:
            settle(True)
        if len(self._pending.settles) < LOW_WATER:
            self._room.set()
        self.on_commit(batch.changes, committed)
        return None

    def _note_late(self) -> None:
        self._trouble = f"a commit has not ended for {LATE:g} s"
        log.error("commit_late", seconds=LATE)

    def _note_success(self, batch: Batch) -> None:
        if self._trouble is not None and batch.changes.settlements and not batch.settles:
            # Answers alone are taken by a full disk, too: what it says to something else will tell.
            self.request()
            return
        self._pause = FIRST_PAUSE
        if self._trouble is not None:
            self._trouble = None
            log.info("commits_work_again")

    def _refuse(self, batch: Batch, err: StoreError) -> None:
        """Refuse what the failed transaction held, and what was gathered on top of it meanwhile."""
        above, self._pending = self._pending, Batch()
        self._metrics.commit_failures.inc()
        if self._trouble != str(err):
            self._trouble = str(err)
            log.error("commit_failed", error=str(err))
        for step in reversed([*batch.undo, *above.undo]):
            step()
        for settle in [*batch.settles, *above.settles]:
            self._metrics.refused.labels("commit_failed").inc()
            settle(False)
        self._room.set()
        self._keep_facts(batch, above)
        for teach in [*batch.taught, *above.taught]:
            teach()

    def _keep_facts(self, *lost: Batch) -> None:
        """What clouds answered stays true although it was not written: write it next time."""
        kept = self._pending.changes
        for batch in lost:
            self._pending.written += batch.written
            kept.settlements += batch.changes.settlements
            kept.lanes.update(batch.changes.lanes)
            kept.woken |= batch.changes.woken
