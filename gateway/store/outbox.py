"""The outbox: what one transaction settles and enqueues."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam

from gateway.model import codec
from gateway.model.identity import Lane
from gateway.ports.store import Changes, Delivered, Kind, Message, Postponed, Settlement
from gateway.store import answers, eviction, queues, statement, waiting
from gateway.store.queue_ids import QueueIds
from gateway.store.queues import Queue
from gateway.store.schema import messages
from gateway.store.sums import Deltas
from gateway.store.waiting import Waiting

#: Bytes that a message takes on disk besides its body: the row, the update's name, the indexes.
ROW_OVERHEAD = 96


class Transaction:
    """One commit's work on the outbox: `write`, then `evict`, then `finish`."""

    def __init__(self, connection: Connection, ids: QueueIds, *, now: float, wall: float) -> None:
        self._connection = connection
        self._ids = ids
        self._now = now
        self._wall = wall
        self._queues: dict[int, Queue] = {}
        self._progress: dict[waiting.Key, Waiting] = {}
        self._gone: list[int] = []
        self.deltas = Deltas()

    def write(self, changes: Changes) -> None:
        """Settle what was sent, then enqueue what is to be sent."""
        told = [*changes.messages, *changes.progress.values()]
        self._ids.ensure(self._connection, {(m.lane, m.event.device) for m in told})
        self._find_progress(changes.settlements, told)
        self._read_queues(changes)
        self._settle(changes.settlements)
        answers.believe(self._connection, self._ids, changes.beliefs)
        self._supersede(changes.messages)
        fresh = [*changes.messages, *self._overtake(changes.progress.values())]
        statement.execute(self._connection, _DELETE, [{"key": key} for key in self._gone])
        self._insert(fresh)

    def evict(self, lane: Lane, *, excess: int) -> None:
        """Drop the oldest waiting progress of the lane until so many bytes are free, as far as there is any."""
        if excess <= 0:
            return
        evicted = eviction.evict(self._connection, lane, self._queues, excess=excess, now=self._now)
        if evicted.messages:
            self.deltas.add(lane, -evicted.messages, -evicted.size)
            self.deltas.evicted[lane] = evicted.messages

    def finish(self) -> None:
        """Bring the queues up to what happened to their messages."""
        queues.write(self._connection, self._queues.values(), self._now)

    def _find_progress(self, settlements: Sequence[Settlement], told: Sequence[Message]) -> None:
        concerned = {self._queue_id(message) for message in told}
        concerned |= {s.claim.queue for s in settlements if s.claim.kind is Kind.PROGRESS}
        self._progress = waiting.find(self._connection, concerned)

    def _read_queues(self, changes: Changes) -> None:
        concerned = {s.claim.queue for s in changes.settlements}
        concerned |= {self._queue_id(message) for message in changes.messages}
        # Progress that only takes over a waiting row leaves its queue as it is.
        concerned |= {
            queue
            for message in changes.progress.values()
            if ((queue := self._queue_id(message)), message.update) not in self._progress
        }
        self._queues = queues.read(self._connection, concerned)

    def _settle(self, settlements: Iterable[Settlement]) -> None:
        valid = [settlement for settlement in settlements if self._release(settlement)]
        answers.bury(self._connection, valid, self._wall)
        answers.remember(self._connection, valid)

    def _release(self, settlement: Settlement) -> bool:
        """Let go of the queue's head; False when the lease was taken back and is another's, or was settled."""
        claim = settlement.claim
        queue = self._queues.get(claim.queue)
        if queue is None or queue.in_flight != claim.message:
            return False
        row = self._progress.get((claim.queue, claim.update))
        if isinstance(settlement, Postponed):
            is_superseded = claim.kind is Kind.PROGRESS and (row is None or row.id != claim.message)
            if is_superseded and settlement.parked is None:
                # It is gone: what took its place was not refused, and need not wait.
                queue.advance(self._now)
                return True
            queue.postpone(claim.attempts + 1, settlement.due_at, settlement.parked)
            return True
        queue.advance(settlement.next_progress_at if isinstance(settlement, Delivered) else self._now)
        if claim.kind is Kind.PROGRESS:
            if row is None or (row.id, row.revision) != (claim.message, claim.revision):
                # A newer report has taken the row over, or a transition has made it meaningless.
                return True
            del self._progress[claim.queue, claim.update]
        self._remove(claim.lane, claim.message, claim.size)
        return True

    def _supersede(self, told: Sequence[Message]) -> None:
        """Drop waiting progress of the same updates: a transition makes it meaningless, and its tries with it."""
        superseding = {key: m.lane for m in told if (key := (self._queue_id(m), m.update)) in self._progress}
        tried = {queue for queue, _ in superseding if self._queues[queue].waits_for_retry}
        heads = queues.heads(self._connection, tried)
        for key, lane in superseding.items():
            row, queue = self._progress.pop(key), self._queues[key[0]]
            queue.moved = True
            if row.id in heads:
                queue.lose_head()
            self._remove(lane, row.id, row.size)

    def _remove(self, lane: Lane, message: int, size: int) -> None:
        self._gone.append(message)
        self.deltas.add(lane, -1, -size)

    def _overtake(self, progress: Iterable[Message]) -> list[Message]:
        """Let progress take over the rows that wait; return what found none."""
        rows, fresh = [], []
        for message in progress:
            row = self._progress.get((self._queue_id(message), message.update))
            if row is None:
                fresh.append(message)
                continue
            body = codec.encode(message.event)
            size = _size(body)
            rows.append({"key": row.id, "body": body, "size": size})
            self.deltas.add(message.lane, 0, size - row.size)
        statement.execute(self._connection, waiting.OVERTAKE, rows)
        return fresh

    def _insert(self, fresh: Iterable[Message]) -> None:
        rows = []
        for message in fresh:
            queue = self._queue_id(message)
            body = codec.encode(message.event)
            size = _size(body)
            rows.append(
                {
                    "queue": queue,
                    "update_id": message.update,
                    "kind": message.kind.value,
                    "body": body,
                    "size": size,
                    "enqueued_at": self._now,
                }
            )
            self._queues[queue].enqueue(message.kind, self._now)
            self.deltas.add(message.lane, 1, size)
        statement.execute(self._connection, _INSERT, rows)

    def _queue_id(self, message: Message) -> int:
        return self._ids[message.lane, message.event.device]


def _size(body: str) -> int:
    # Half a surrogate pair takes three bytes, as what is stored in its place does.
    return ROW_OVERHEAD + (len(body) if body.isascii() else len(body.encode(errors="surrogatepass")))


_INSERT = messages.insert()
_DELETE = messages.delete().where(messages.c.id == bindparam("key"))
