"""The store itself: one thread that writes, one transaction for each call."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

import structlog
from alembic.util import CommandError
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import StoreDamagedError, StoreError
from gateway.hidden import hidden
from gateway.model.identity import DeviceId, Lane
from gateway.ports.store import Changes, Claim, Committed, Figures, Loaded
from gateway.store import (
    answers,
    claims,
    damage,
    doubt,
    keeping,
    lanes,
    lock,
    loss,
    orders,
    queues,
    records,
    replacing,
    sums,
    updates,
)
from gateway.store.engine import LOSABLE, connect
from gateway.store.forgetting import forget
from gateway.store.keeping import Keep
from gateway.store.log import Log
from gateway.store.outbox import Transaction
from gateway.store.queue_ids import QueueIds
from gateway.store.reserve import Reserve
from gateway.store.sums import Deltas, Sums

T = TypeVar("T")

log = structlog.get_logger()

#: Seconds that closing may take: a writer that hangs, or whose thread is gone, never answers.
PATIENCE = 10.0

#: The share of a lane's quota above which waiting progress is evicted.
_EVICT_ABOVE = 0.9
#: A value that no engine takes (half a surrogate pair, a number beyond 64 bits) is a failed commit, too.
_FAILURES = (SQLAlchemyError, OSError, ValueError, OverflowError)


class Database:
    """Implements `ports.store.Store` over SQLite (a file) or PostgreSQL."""

    def __init__(self, engine: Engine, *, lane_quota: int, keep: Keep) -> None:
        self._engine = engine
        self._losable = engine.execution_options(**{LOSABLE: True})
        self._quota = lane_quota
        self._keep = keep
        #: Where the damaged file lies that was found at start, if there was one.
        self.set_aside: Path | None = None
        #: Whether commits were in the log of a sound file that it has no more.
        self.has_lost = False
        self._is_closed = False
        self._release: Callable[[], None] = lambda: None
        self._ids = QueueIds()
        self._sums = Sums()
        self._reserve = Reserve(engine)
        self._log = Log(engine)
        #: What the last commit wrote into the clock's row.
        self._stamp: doubt.Stamp | None = None
        # One thread: the writer. SQLite has one writer anyway; PostgreSQL gains nothing from two of ours.
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    @classmethod
    async def open(cls, url: str, *, lane_quota: int, keep: Keep | None = None) -> Self:
        """Open the store and bring its schema up to date.

        A damaged SQLite file is set aside under a new name and a fresh one begun: reports in flight come first,
        history second. Raises StoreError when there is no way to a working store.
        """
        store = cls(connect(url), lane_quota=lane_quota, keep=keep or Keep())
        try:
            store._release = await store._in_writer(partial(lock.hold, store._engine))
            await store._in_writer(store._prepare)
            await store._in_writer(store._log.hold)
            await store._in_writer(store._reserve.keep)
        except BlockingIOError as err:
            await store.close()
            raise StoreError(
                f"the store {store.name} is in use by another gateway; stop that one first"
            ) from err
        except (SQLAlchemyError, OSError, store._engine.dialect.loaded_dbapi.Error) as err:
            await store.close()
            words = hidden(_words(err), make_url(url).password or "")
            raise StoreError(f"the store {store.name} cannot be opened: {words}") from err
        except CommandError as err:
            await store.close()
            raise StoreError(
                f"the store {store.name} was written by a newer gateway: {err}; install that one or use another store"
            ) from err
        return store

    @property
    def name(self) -> str:
        """The store's URL without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    async def load(self) -> Loaded:
        """Read what must be known at start and take back leases of an earlier run."""
        return await self._transact(self._load)

    async def commit(self, changes: Changes, *, now: float, wall: float) -> Committed:
        """Write all of it in one transaction and fsync; raises StoreError when nothing was written."""
        return await self._transact(partial(self._commit, changes=changes, now=now, wall=wall))

    async def claim(self, lane: Lane, *, limit: int, now: float, lease_until: float) -> Sequence[Claim]:
        """Lease the head message of up to `limit` devices, terminal reports first, then by age."""
        heads = partial(self._claim, lane=lane, limit=limit, now=now, lease_until=lease_until)
        # A lost lease is as good as one that the next start takes back: no fsync for it.
        return await self._transact(heads, losable=True)

    async def take_back(self, lane: Lane) -> None:
        """End the leases of a lane whose dispatcher has ended; call it when what that one settled is committed."""
        await self._transact(partial(claims.take_back, lane=lane))

    def keep_within(self, *, lane_quota: int, keep: Keep) -> None:
        """Keep as much as this from now on; what is too much goes as it would have."""
        self._quota, self._keep = lane_quota, keep

    async def next_due(self, lane: Lane) -> float | None:
        """When the next message of the lane may be sent, or its lease ends; None when nothing waits."""
        return await self._transact(partial(claims.next_due, lane=lane))

    async def is_end_waiting(self, lane: Lane, device: DeviceId) -> bool:
        """Whether the end of an update of the device waits to be told in this lane."""
        return await self._transact(partial(claims.is_end_waiting, lane=lane, device=device))

    async def figures(self) -> Mapping[Lane, Figures]:
        """Count what waits, for metrics and status."""
        return await self._transact(lanes.figures)

    async def prune(self, *, now: float) -> None:
        """Forget finished updates, journal, dead letters and quarantine by age and number."""
        await self._transact(partial(keeping.prune, keep=self._keep, now=now))

    async def close(self) -> None:
        """Close after the last commit; closing twice is harmless."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            async with asyncio.timeout(PATIENCE):
                for end in (self._engine.dispose, self._log.release, self._release):
                    await self._in_writer(end)
        except TimeoutError:
            # What was committed is safe; the process has to end all the same.
            log.warning("store_not_closed", seconds=PATIENCE)
        self._writer.shutdown(wait=False, cancel_futures=True)

    async def _in_writer(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, function)

    async def _transact(self, work: Callable[[Connection], T], *, losable: bool = False) -> T:
        engine = self._losable if losable else self._engine
        try:
            return await self._in_writer(partial(self._run, engine, work))
        except (*_FAILURES, self._engine.dialect.loaded_dbapi.Error) as err:
            words = f"the store {self.name} did not do its work: {_words(err)}"
            if damage.is_damage(err):
                raise StoreDamagedError(words) from err
            raise StoreError(words) from err

    def _run(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        with engine.connect() as connection:
            try:
                self._log.renew(connection.connection.driver_connection)
                self._reserve.restore(connection)
                with connection.begin():
                    return work(connection)
            except BaseException as err:
                # Where COMMIT failed the transaction may still be open: only a new connection is surely clean.
                connection.invalidate()
                # Here and not where the call came from: that may have been cancelled, and gone.
                self._ids.forget()
                self._sums.forget()
                self._reserve.note_failure(err)
                self._log.note_failure(err)
                raise

    def _prepare(self) -> None:
        try:
            self._make_sound()
        except (SQLAlchemyError, sqlite3.Error, OSError) as err:
            # To open a store takes some room, too.
            if not self._reserve.note_failure(err):
                raise
            self._make_sound()

    def _make_sound(self) -> None:
        """Open and migrate; a damaged file is set aside, and replaced by what can be read of it."""
        if self._engine.dialect.name != "sqlite":
            replacing.bring_up(self._engine)
            return
        # Whoever is at the file now, after a first try, may not be disturbed.
        self._engine.dispose()
        store = Path(str(self._engine.url.database))
        aside = replacing.unfinished(store)
        try:
            if aside is None:
                self.has_lost |= loss.look(store)
                replacing.bring_up(self._engine)
                return
        except SQLAlchemyError as err:
            if not damage.is_damage(err):
                raise
            aside = replacing.set_aside(self._engine, _words(err))
        self.set_aside = aside
        replacing.replace(self._engine, aside)
        replacing.bring_up(self._engine)

    def _load(self, connection: Connection) -> Loaded:
        claims.take_back(connection)
        self._ids.load(connection)
        self._sums.load(connection)
        self._stamp = records.load_clock(connection)
        return Loaded(
            updates=updates.load(connection),
            versions=updates.load_versions(connection),
            said_at=updates.load_said_at(connection),
            orders=orders.load(connection),
            lanes=lanes.load_states(connection),
            sizes=self._sums.sizes,
            messages=self._sums.messages,
            waiting=queues.lengths(connection),
            clock=self._stamp,
        )

    def _commit(self, connection: Connection, changes: Changes, now: float, wall: float) -> Committed:
        if not self._reserve.admits(changes):
            raise OSError("the disk is full; until there is room only what frees some is written")
        self._sums.load(connection)
        if forget(connection, changes.forgotten):
            self._ids.forget()
        updates.write(connection, changes.updates.values())
        updates.write_progress(connection, changes.progressed.values())
        updates.write_versions(connection, changes.versions, now)
        outbox = Transaction(connection, self._ids, now=now, wall=wall)
        outbox.write(changes)
        answers.drop(connection, changes.dropped)
        # What was told before, then what is ordered now: a new order for the same module is open.
        orders.close(connection, changes.settlements)
        orders.write(connection, changes.orders)
        for lane in outbox.deltas.grown():
            size = self._sums.sizes.get(lane, 0) + outbox.deltas.size[lane]
            outbox.evict(lane, excess=size - int(self._quota * _EVICT_ABOVE))
        outbox.finish()
        sums.write(connection, outbox.deltas)
        if changes.woken:
            queues.wake(connection, changes.woken, now)
        lanes.write_states(connection, changes.lanes)
        records.write_journal(connection, changes.journal, now=now, wall=wall)
        records.write_quarantine(connection, changes.quarantine, wall, self._keep)
        stamp = doubt.stamp(now, wall, last=self._stamp)
        records.write_clock(connection, *stamp)
        self._end(connection, stamp)
        return self._sums.add(outbox.deltas)

    def _end(self, connection: Connection, stamp: doubt.Stamp) -> None:
        try:
            connection.commit()
        except SQLAlchemyError:
            connection.invalidate()
            if not doubt.was_written(self._engine, stamp):
                raise
        self._stamp = stamp

    def _claim(
        self, connection: Connection, lane: Lane, limit: int, now: float, lease_until: float
    ) -> Sequence[Claim]:
        self._sums.load(connection)
        deltas = Deltas()
        heads = claims.claim(connection, deltas, lane, limit=limit, now=now, lease_until=lease_until)
        sums.write(connection, deltas)
        connection.commit()
        self._sums.add(deltas)
        return heads


def _words(err: BaseException) -> str:
    """The database's own words, without the statement and its parameters."""
    return str(getattr(err, "orig", None) or err).strip().splitlines()[0]
