"""The outbox as rows: enqueue, settle, claim. Every function works inside the transaction that it is given."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select, update

from gateway.model import codec
from gateway.model.identity import Lane, UpdateId, Version
from gateway.model.states import State
from gateway.ports.store import Buried, Changes, Claim, Delivered, Kind, Message, Postponed, Settlement
from gateway.store.queues import QueueIds, advance, enqueue, postpone
from gateway.store.schema import dead_letters, messages, queues, tellings, updates
from gateway.store.upsert import insert

_CHUNK = 500


@dataclass(slots=True)
class Deltas:
    """What a transaction changes of the lanes' sums; applied to memory once it is committed."""

    messages: dict[Lane, int] = field(default_factory=lambda: defaultdict(int))
    size: dict[Lane, int] = field(default_factory=lambda: defaultdict(int))
    evicted: dict[Lane, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, lane: Lane, messages: int, size: int) -> None:
        """Count rows and bytes that came (positive) or went (negative)."""
        self.messages[lane] += messages
        self.size[lane] += size


@dataclass(slots=True)
class _Waiting:
    """A progress report that waits; at most one for an update and lane."""

    id: int
    revision: int
    size: int


_Key = tuple[int, UpdateId]


class Transaction:
    """One commit's work on the outbox."""

    def __init__(
        self, connection: Connection, ids: QueueIds, deltas: Deltas, now: float, wall: float
    ) -> None:
        self._connection = connection
        self._ids = ids
        self._deltas = deltas
        self._now = now
        self._wall = wall
        self._gone: list[int] = []
        self._waiting: dict[_Key, _Waiting] = {}

    def write(self, changes: Changes) -> None:
        """Settle what was sent, then enqueue what is to be sent."""
        told = [*changes.messages, *changes.progress.values()]
        self._ids.ensure(self._connection, {(m.lane, m.event.device) for m in told})
        self._find_waiting(changes, told)
        self._settle(changes.settlements)
        self._enqueue(changes)

    def _find_waiting(self, changes: Changes, told: Sequence[Message]) -> None:
        concerned = {self._ids[m.lane, m.event.device] for m in told}
        concerned |= {s.claim.queue for s in changes.settlements if s.claim.kind is Kind.PROGRESS}
        columns = (
            messages.c.id,
            messages.c.queue,
            messages.c.update_id,
            messages.c.revision,
            messages.c.size,
        )
        for chunk in _chunks(sorted(concerned)):
            query = select(*columns).where(messages.c.kind == 0, messages.c.queue.in_(chunk))
            for row_id, queue, update_id, revision, size in self._connection.execute(query):
                self._waiting[queue, UpdateId(update_id)] = _Waiting(row_id, revision, size)

    def _settle(self, settlements: Iterable[Settlement]) -> None:
        done: list[Delivered | Buried] = []
        postponed: list[Postponed] = []
        for settlement in settlements:
            if isinstance(settlement, Postponed):
                postponed.append(settlement)
            else:
                done.append(settlement)
                self._remove(settlement.claim)
        self._delete_gone()
        self._bury([s for s in done if isinstance(s, Buried)])
        self._remember_tellings([*done, *postponed])
        advance(self._connection, done, self._now)
        postpone(self._connection, postponed)

    def _remove(self, claim: Claim) -> None:
        """Drop the settled row, unless a newer progress report has taken it over."""
        if claim.kind is Kind.PROGRESS:
            waiting = self._waiting.get((claim.queue, claim.update))
            if waiting is None or (waiting.id, waiting.revision) != (claim.message, claim.revision):
                return
            del self._waiting[claim.queue, claim.update]
        self._gone.append(claim.message)
        self._deltas.add(claim.lane, -1, -claim.size)

    def _delete_gone(self) -> None:
        if self._gone:
            self._connection.execute(_DELETE, [{"key": key} for key in self._gone])
            self._gone = []

    def _bury(self, buried: Sequence[Buried]) -> None:
        rows = [
            {
                "queue": b.claim.queue,
                "update_id": b.claim.update,
                "kind": b.claim.kind,
                "body": codec.encode(b.claim.event),
                "code": b.code,
                "reason": b.reason,
                "wall": self._wall,
            }
            for b in buried
        ]
        if rows:
            self._connection.execute(dead_letters.insert(), rows)

    def _remember_tellings(self, settlements: Iterable[Settlement]) -> None:
        rows = []
        for s in settlements:
            state = s.state if isinstance(s, Delivered) else s.reached
            closed = s.closed if isinstance(s, Delivered) else None
            if state is not None or closed is not None:
                key = {"queue": s.claim.queue, "update_id": s.claim.update}
                rows.append({**key, "state": state.value if state else None, "closed": closed})
        if rows:
            self._connection.execute(_remember(self._connection), rows)

    def _enqueue(self, changes: Changes) -> None:
        for message in changes.messages:
            self._supersede(message)
        self._delete_gone()
        fresh = list(changes.messages)
        overtaken = []
        for message in changes.progress.values():
            waiting = self._waiting.get((self._ids[message.lane, message.event.device], message.update))
            if waiting is None:
                fresh.append(message)
            else:
                body = codec.encode(message.event)
                overtaken.append({"key": waiting.id, "body": body, "size": len(body)})
                self._deltas.add(message.lane, 0, len(body) - waiting.size)
        if overtaken:
            self._connection.execute(_OVERTAKE, overtaken)
        self._insert(fresh)

    def _supersede(self, message: Message) -> None:
        """A transition makes waiting progress of the same update meaningless."""
        waiting = self._waiting.pop((self._ids[message.lane, message.event.device], message.update), None)
        if waiting is not None:
            self._gone.append(waiting.id)
            self._deltas.add(message.lane, -1, -waiting.size)

    def _insert(self, fresh: Sequence[Message]) -> None:
        rows = []
        urgency: dict[int, int] = {}
        for message in fresh:
            queue = self._ids[message.lane, message.event.device]
            body = codec.encode(message.event)
            rows.append(_row(queue, message, body, self._now))
            urgency[queue] = max(urgency.get(queue, 0), message.kind)
            self._deltas.add(message.lane, 1, len(body))
        if rows:
            self._connection.execute(messages.insert(), rows)
            enqueue(self._connection, urgency, self._now)


_DELETE = messages.delete().where(messages.c.id == bindparam("key"))
_OVERTAKE = (
    update(messages)
    .where(messages.c.id == bindparam("key"))
    .values(body=bindparam("body"), size=bindparam("size"), revision=messages.c.revision + 1)
)


def _row(queue: int, message: Message, body: str, now: float) -> dict[str, Any]:
    return {
        "queue": queue,
        "update_id": message.update,
        "kind": int(message.kind),
        "body": body,
        "size": len(body),
        "enqueued_at": now,
    }


def _remember(connection: Connection) -> Any:
    statement = insert(connection, tellings)
    return statement.on_conflict_do_update(
        index_elements=["queue", "update_id"],
        set_={
            "state": func.coalesce(statement.excluded.state, tellings.c.state),
            "closed": func.coalesce(statement.excluded.closed, tellings.c.closed),
        },
    )


def _chunks(keys: Sequence[int]) -> Iterable[Sequence[int]]:
    return (keys[i : i + _CHUNK] for i in range(0, len(keys), _CHUNK))


def claim(connection: Connection, lane: Lane, *, limit: int, now: float, lease_until: float) -> list[Claim]:
    """Lease the heads of the lane's due queues; the most urgent first, then the longest due."""
    due = (
        select(queues.c.id)
        .where(
            queues.c.lane == lane,
            queues.c.urgency >= 0,
            queues.c.due_at <= now,
            queues.c.leased_until <= now,
        )
        .order_by(queues.c.urgency.desc(), queues.c.due_at)
        .limit(limit)
    )
    ids = list(connection.scalars(due))
    if not ids:
        return []
    claims: dict[int, Claim] = {}
    for chunk in _chunks(ids):
        for row in connection.execute(_HEADS, {"ids": chunk}):
            claims[row.queue] = _claim(lane, row)
        connection.execute(_LEASE, {"ids": chunk, "leased": lease_until})
    return [claims[queue] for queue in ids if queue in claims]


_head = (
    select(func.min(messages.c.id)).where(messages.c.queue == queues.c.id).correlate(queues).scalar_subquery()
)
_HEADS = (
    select(
        messages,
        queues.c.attempts,
        tellings.c.state.label("after"),
        tellings.c.closed,
        updates.c.source,
    )
    .select_from(queues)
    .join(messages, messages.c.id == _head)
    .outerjoin(tellings, (tellings.c.queue == queues.c.id) & (tellings.c.update_id == messages.c.update_id))
    .outerjoin(updates, updates.c.id == messages.c.update_id)
    .where(queues.c.id.in_(bindparam("ids", expanding=True)))
)
_LEASE = (
    update(queues)
    .where(queues.c.id.in_(bindparam("ids", expanding=True)))
    .values(leased_until=bindparam("leased"))
)


def _claim(lane: Lane, row: Any) -> Claim:
    return Claim(
        message=row.id,
        queue=row.queue,
        revision=row.revision,
        lane=lane,
        update=UpdateId(row.update_id),
        kind=Kind(row.kind),
        event=codec.decode(row.body),
        size=row.size,
        attempts=row.attempts,
        enqueued_at=row.enqueued_at,
        after=None if row.after is None else State(row.after),
        closed=row.closed,
        source=None if row.source is None else Version(row.source),
    )


def evict_progress(connection: Connection, lane: Lane, deltas: Deltas, *, excess: int, now: float) -> None:
    """Drop the oldest waiting progress of the lane until `excess` bytes are free; never anything else."""
    query = (
        select(messages.c.id, messages.c.queue, messages.c.size)
        .join(queues, queues.c.id == messages.c.queue)
        .where(messages.c.kind == 0, queues.c.lane == lane, queues.c.leased_until <= now)
        .order_by(messages.c.id)
        .limit(_CHUNK)
    )
    while excess > 0 and (rows := connection.execute(query).all()):
        connection.execute(_DELETE, [{"key": row.id} for row in rows])
        connection.execute(_FORGET_HEAD, [{"key": key} for key in {row.queue for row in rows}])
        freed = sum(row.size for row in rows)
        deltas.add(lane, -len(rows), -freed)
        deltas.evicted[lane] += len(rows)
        excess -= freed


_left = (
    select(func.max(messages.c.kind))
    .where(messages.c.queue == queues.c.id)
    .correlate(queues)
    .scalar_subquery()
)
_FORGET_HEAD = (
    update(queues)
    .where(queues.c.id == bindparam("key"))
    .values(urgency=func.coalesce(_left, -1), head_at=case((_left.is_(None), None), else_=queues.c.head_at))
)
