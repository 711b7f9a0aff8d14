"""The store itself: one connection, one thread that writes, migrations, and what to do with a damaged file."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import structlog
from sqlalchemy import Connection, Engine, create_engine, event, func, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import StoreError
from gateway.model.identity import Lane
from gateway.ports.store import Changes, Claim, Committed, Figures, Loaded
from gateway.store import lanes, outbox, records, updates
from gateway.store.migrate import migrate
from gateway.store.outbox import Deltas, Transaction
from gateway.store.queues import QueueIds, wake
from gateway.store.records import Keep
from gateway.store.schema import queues

log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")

#: The share of a lane's quota above which waiting progress is evicted.
_EVICT_ABOVE = 0.9


class Database:
    """Implements `ports.store.Store` over SQLite (a file) or PostgreSQL."""

    def __init__(self, engine: Engine, *, lane_quota: int, keep: Keep) -> None:
        self._engine = engine
        self._quota = lane_quota
        self._keep = keep
        self._ids = QueueIds()
        self._counts: dict[Lane, int] = {}
        self._sizes: dict[Lane, int] = {}
        # One thread: the writer. SQLite has one writer anyway; PostgreSQL gains nothing from two of ours.
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    @classmethod
    async def open(cls, url: str, *, lane_quota: int, keep: Keep | None = None) -> Self:
        """Open the store and bring its schema up to date.

        A damaged SQLite file is set aside under a new name and a fresh one begun: reports in flight come first,
        history second. Raises StoreError when there is no way to a working store.
        """
        store = cls(_engine(url), lane_quota=lane_quota, keep=keep or Keep())
        try:
            await store._in_writer(_prepare, store._engine)
        except (SQLAlchemyError, OSError) as err:
            store._writer.shutdown()
            raise StoreError(f"the store {store.name} cannot be opened: {_words(err)}") from err
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
        return await self._transact(self._commit, changes, now, wall)

    async def claim(self, lane: Lane, *, limit: int, now: float, lease_until: float) -> Sequence[Claim]:
        """Lease the head message of up to `limit` devices, terminal reports first, then by age."""
        return await self._transact(_claim, lane, limit, now, lease_until)

    async def next_due(self, lane: Lane) -> float | None:
        """When the next unleased message of the lane may be sent; None when nothing waits."""
        return await self._transact(_next_due, lane)

    async def figures(self) -> Mapping[Lane, Figures]:
        """Count what waits, for metrics and status."""
        return await self._transact(lanes.figures)

    async def prune(self, *, wall: float) -> None:
        """Forget finished updates, journal, dead letters and quarantine by age and number."""
        await self._transact(records.prune, self._keep, wall)

    async def close(self) -> None:
        """Close after the last commit."""
        await self._in_writer(self._engine.dispose)
        self._writer.shutdown()

    async def _in_writer(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, lambda: function(*args, **kwargs))

    async def _transact(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        def transaction() -> T:
            with self._engine.begin() as connection:
                return function(connection, *args, **kwargs)

        try:
            return await self._in_writer(transaction)
        except (SQLAlchemyError, OSError) as err:
            self._ids.forget()
            raise StoreError(f"the store did not commit: {_words(err)}") from err

    def _load(self, connection: Connection) -> Loaded:
        connection.execute(update(queues).where(queues.c.leased_until > 0).values(leased_until=0.0))
        self._ids.load(connection)
        states, self._counts, self._sizes = lanes.load(connection)
        return Loaded(
            updates=updates.load(connection),
            versions=updates.load_versions(connection),
            lanes=states,
            sizes=dict(self._sizes),
            messages=dict(self._counts),
            clock=records.load_clock(connection),
        )

    def _commit(self, connection: Connection, changes: Changes, now: float, wall: float) -> Committed:
        deltas = Deltas()
        updates.write(connection, changes.updates.values())
        updates.write_progress(connection, changes.progressed.values())
        updates.write_versions(connection, changes.versions, now)
        Transaction(connection, self._ids, deltas, now, wall).write(changes)
        if changes.woken:
            wake(connection, changes.woken, now)
        self._evict(connection, deltas, now)
        lanes.write_sums(connection, deltas)
        lanes.write_states(connection, changes.lanes)
        records.write_journal(connection, changes.journal, wall)
        records.write_quarantine(connection, changes.quarantine, wall, self._keep)
        records.write_clock(connection, now, wall)
        connection.commit()
        return self._count(deltas)

    def _evict(self, connection: Connection, deltas: Deltas, now: float) -> None:
        for lane in [lane for lane, size in deltas.size.items() if size > 0]:
            excess = self._sizes.get(lane, 0) + deltas.size[lane] - int(self._quota * _EVICT_ABOVE)
            if excess > 0:
                outbox.evict_progress(connection, lane, deltas, excess=excess, now=now)

    def _count(self, deltas: Deltas) -> Committed:
        for lane, count in deltas.messages.items():
            self._counts[lane] = self._counts.get(lane, 0) + count
            self._sizes[lane] = self._sizes.get(lane, 0) + deltas.size[lane]
        return Committed(sizes=dict(self._sizes), messages=dict(self._counts), evicted=dict(deltas.evicted))


def _claim(connection: Connection, lane: Lane, limit: int, now: float, lease_until: float) -> Sequence[Claim]:
    return outbox.claim(connection, lane, limit=limit, now=now, lease_until=lease_until)


def _next_due(connection: Connection, lane: Lane) -> float | None:
    waiting = (queues.c.lane == lane) & (queues.c.urgency >= 0) & (queues.c.leased_until == 0)
    due: float | None = connection.scalar(select(func.min(queues.c.due_at)).where(waiting))
    return due


def _words(err: BaseException) -> str:
    """The database's own words, without the statement and its parameters."""
    return str(getattr(err, "orig", None) or err).strip().splitlines()[0]


def _engine(url: str) -> Engine:
    engine = create_engine(
        make_url(url), pool_size=1, max_overflow=0, pool_pre_ping=not url.startswith("sqlite")
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _tune)
        event.listen(engine, "begin", _begin)
    return engine


def _tune(connection: sqlite3.Connection, _record: Any) -> None:
    # SQLAlchemy emits BEGIN itself, see _begin; the driver's own guessing is switched off.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "busy_timeout=5000",
        "cache_size=-16000",
        "temp_store=MEMORY",
        "journal_size_limit=67108864",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _prepare(engine: Engine) -> None:
    try:
        _open_checked(engine)
    except SQLAlchemyError as err:
        if not _is_damage(err):
            raise
        _set_aside(engine, _words(err))
        _open_checked(engine)


def _open_checked(engine: Engine) -> None:
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
            if verdict != "ok":
                raise SQLAlchemyError(f"database disk image is malformed: {verdict}")
        migrate(connection)


def _is_damage(err: SQLAlchemyError) -> bool:
    words = str(err)
    return "malformed" in words or "file is not a database" in words


def _set_aside(engine: Engine, words: str) -> None:
    engine.dispose()
    path = Path(str(engine.url.database))
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    log.error("store_damaged", set_aside=str(aside), cause=words)
