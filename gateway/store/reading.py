"""What people look up in the store, on a connection and a thread of its own: reading holds up no commit."""

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine, Row, Select, Table, create_engine, literal_column, select, tuple_
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import StoreError
from gateway.model.identity import DeviceId, Lane, UpdateId
from gateway.model.update import Update
from gateway.ports.history import AsideQuery, DeadLetter, LetterQuery, Line, SetAside, UpdateQuery
from gateway.ports.store import Kind
from gateway.store import updates as update_rows
from gateway.store.damage import COMPANIONS
from gateway.store.engine import BUSY_TIMEOUT_MS
from gateway.store.lock import is_held
from gateway.store.schema import dead_letters, journal, lanes, messages, quarantine, queues, updates

T = TypeVar("T")


class Reading:
    """Implements `ports.history.History`; use it as an async context manager."""

    #: Whether nobody else is at the store, as far as can be told.
    is_left = False

    def __init__(self, url: str) -> None:
        self._engine = _connect(url, is_left=self.is_left)
        #: The database's file; None for PostgreSQL.
        self.file = Path(str(self._engine.url.database)) if self._engine.dialect.name == "sqlite" else None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-reading")

    @property
    def name(self) -> str:
        """The store's URL without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown()

    async def updates(self, query: UpdateQuery) -> Sequence[Update]:
        """Return updates, those that were opened last first."""
        wanted = select(updates).order_by(updates.c.opened_at.desc(), updates.c.id.desc()).limit(query.limit)
        if query.states is not None:
            wanted = wanted.where(updates.c.state.in_([state.value for state in query.states]))
        if query.since is not None:
            wanted = wanted.where(updates.c.opened_at >= query.since)
        if query.after is not None:
            wanted = wanted.where(tuple_(updates.c.opened_at, updates.c.id) < tuple_(*query.after))
        if query.product is not None:
            # Alone, a product is most of the table: its index would find all of them, only to sort them.
            product = updates.c.product if query.device is not None else updates.c.product + ""
            wanted = wanted.where(product == query.product)
        return await self._rows(_only(wanted, updates, query, "device", "reason"), update_rows.read)

    async def update(self, name: UpdateId) -> Update | None:
        """Return one update."""
        found = await self._rows(select(updates).where(updates.c.id == name), update_rows.read)
        return found[0] if found else None

    async def unheard(self, updates: Collection[Update]) -> Mapping[UpdateId, Sequence[Lane]]:
        """Return the lanes in which the ends of these updates wait to be told; those that wait in none are left out."""
        return await self._run(partial(_unheard, updates)) if updates else {}

    async def timeline(self, name: UpdateId, *, limit: int) -> Sequence[Line]:
        """Return the last so many lines of the update's timeline, oldest first."""
        lines = select(journal.c.wall, journal.c.source, journal.c.text).where(journal.c.update_id == name)
        newest_first = await self._rows(lines.order_by(journal.c.id.desc()).limit(limit), _line)
        return newest_first[::-1]

    async def dead_letters(self, query: LetterQuery) -> Sequence[DeadLetter]:
        """Return dead letters."""
        wanted = _only(_newest(_LETTERS, dead_letters, query), queues, query, "lane", "product", "device")
        return await self._rows(wanted, _letter)

    async def dead_letter(self, number: int) -> DeadLetter | None:
        """Return one dead letter."""
        found = await self._rows(_LETTERS.where(dead_letters.c.id == number), _letter)
        return found[0] if found else None

    async def quarantine(self, query: AsideQuery) -> Sequence[SetAside]:
        """Return what was set aside."""
        wanted = _newest(select(quarantine), quarantine, query)
        return await self._rows(_only(wanted, quarantine, query, "product", "device", "reason"), _item)

    async def set_aside(self, number: int) -> SetAside | None:
        """Return one of them."""
        found = await self._rows(select(quarantine).where(quarantine.c.id == number), _item)
        return found[0] if found else None

    async def look(self, work: Callable[[Connection], T]) -> T:
        """Return what somebody finds on the connection."""
        return await self._run(work)

    async def _rows(self, wanted: Select[Any], read: Callable[[Row[Any]], T | None]) -> list[T]:
        return await self._run(
            lambda connection: [
                value for row in connection.execute(wanted) if (value := read(row)) is not None
            ]
        )

    async def _run(self, work: Callable[[Connection], T]) -> T:
        def run() -> T:
            with self._engine.connect() as connection:
                return work(connection)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, run)
        except (SQLAlchemyError, OverflowError, ValueError) as err:
            words = str(getattr(err, "orig", None) or err).strip().splitlines()[0]
            raise StoreError(f"the store cannot be read: {words}") from err


def _unheard(updates: Collection[Update], connection: Connection) -> Mapping[UpdateId, Sequence[Lane]]:
    """Look in the queues of their devices: in an outage, the ends of all devices wait."""
    products = {update.device.product_id for update in updates}
    devices = {update.device.name for update in updates}
    whose = queues.c.product.in_(products), queues.c.device.in_(devices)
    lane_of = {row.id: Lane(row.lane) for row in connection.execute(_QUEUES.where(*whose))}
    which = messages.c.queue.in_(lane_of), messages.c.update_id.in_([update.id for update in updates])
    found: dict[UpdateId, list[Lane]] = defaultdict(list)
    for row in connection.execute(_ENDS.where(*which)):
        found[UpdateId(row.update_id)].append(lane_of[row.queue])
    return {name: sorted(waits) for name, waits in found.items()}


def _only(wanted: Select[Any], table: Table, query: object, *names: str) -> Select[Any]:
    """Leave what the query's fields of these names ask for, which are named like the columns."""
    given = {name: value for name in names if (value := getattr(query, name)) is not None}
    return wanted.where(*(table.c[name] == value for name, value in given.items()))


def _newest(wanted: Select[Any], table: Table, query: LetterQuery | AsideQuery) -> Select[Any]:
    """Return a page of what is numbered as it came."""
    if query.before is not None:
        wanted = wanted.where(table.c.id < query.before)
    if query.since is not None:
        wanted = wanted.where(table.c.wall >= query.since)
    return wanted.order_by(table.c.id.desc()).limit(query.limit)


def _connect(url: str, *, is_left: bool) -> Engine:
    if make_url(url).get_backend_name() != "sqlite":
        engine = create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True)
        return engine.execution_options(postgresql_readonly=True)
    path = Path(str(make_url(url).database))
    return create_engine(url, pool_size=1, max_overflow=0, creator=partial(_open_file, path, is_left=is_left))


def _open_file(path: Path, *, is_left: bool) -> sqlite3.Connection:
    """Open it so that nothing is written, and a log is never moved into the file."""
    how = _untouched(path) if is_left and not is_held(path) else ""
    uri = f"{path.absolute().as_uri()}?mode=ro{how}"
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    return connection


def _untouched(path: Path) -> str:
    """Say how SQLite leaves alone what lies beside the file: an index that it made anew hides what the log has lost."""
    log, index = (path.with_name(f"{path.name}{suffix}") for suffix in COMPANIONS)
    if not log.exists():
        return "&immutable=1"
    return "&readonly_shm=1" if index.exists() else ""


def _line(row: Row[Any]) -> Line:
    return Line(wall=row.wall, source=row.source, text=row.text)


def _letter(row: Row[Any]) -> DeadLetter:
    return DeadLetter(
        id=row.id,
        lane=Lane(row.lane),
        device=DeviceId(row.product, row.device),
        update=UpdateId(row.update_id),
        kind=Kind(row.kind),
        body=row.body,
        code=row.code,
        reason=row.reason,
        wall=row.wall,
    )


def _item(row: Row[Any]) -> SetAside:
    return SetAside(
        id=row.id,
        device=DeviceId(row.product, row.device),
        topic=row.topic,
        payload=bytes(row.payload),
        reason=row.reason,
        detail=row.detail,
        wall=row.wall,
    )


_QUEUES = select(queues.c.id, queues.c.lane).where(queues.c.lane.in_(select(lanes.c.lane)))
_ENDS = select(messages.c.queue, messages.c.update_id).where(messages.c.kind == literal_column("2"))
_LETTERS = select(dead_letters, queues.c.lane, queues.c.product, queues.c.device).join(
    queues, queues.c.id == dead_letters.c.queue
)
