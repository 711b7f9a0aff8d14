"""The outbox against a model of a few lists: random stories, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from gateway.core.backlog import Backlog
from gateway.model import codec
from gateway.model.identity import DeviceId, Lane, UpdateId
from gateway.model.states import State
from gateway.ports.store import Buried, Changes, Claim, Delivered, Kind, Message, Postponed, Settlement
from gateway.store.database import Database
from gateway.store.schema import lanes, messages, queues
from tests.integration.store.postgresql import Cluster, cluster
from tests.integration.store.scene import changes, message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

__all__ = ["cluster"]

LANES = (Lane("cloud/tencent"), Lane("cloud/onenet"))
STATES = {
    Kind.PROGRESS: State.DOWNLOADING,
    Kind.TRANSITION: State.INSTALLING,
    Kind.TERMINAL: State.SUCCEEDED,
}
LEASE = 30.0

#: Few devices and updates, so that what is told often meets what waits or is on its way.
one_message = st.tuples(
    st.sampled_from([LANES[0], LANES[0], LANES[0], LANES[1]]),
    st.sampled_from("aab"),
    st.sampled_from([1, 1, 2]),
    st.sampled_from([*[Kind.PROGRESS] * 4, Kind.TRANSITION, Kind.TERMINAL]),
)


@dataclass(slots=True)
class Item:
    """A message that waits; its word is the report's."""

    update: UpdateId
    kind: Kind
    word: str


@dataclass(slots=True)
class Line:
    """What the store should know of one device in one lane."""

    items: list[Item] = field(default_factory=list)
    due_at: float = 0.0
    progress_after: float = 0.0
    attempts: int = 0
    parked: bool = False
    leased_until: float = 0.0
    in_flight: int | None = None
    #: What is in flight was superseded meanwhile.
    flies_in_vain: bool = False

    @property
    def rank(self) -> tuple[int, float]:
        """By what lines are claimed: the most urgent kind in them, then the time."""
        return (-max(item.kind for item in self.items), self.due_at)

    def tell(self, told: Message, now: float) -> None:
        """Coalesce progress; let a transition replace it; otherwise stand at the end."""
        waited = bool(self.items)
        same = [i for i in self.items if i.update == told.update and i.kind is Kind.PROGRESS]
        if told.kind is Kind.PROGRESS and same:
            same[0].word = told.event.detail
            return
        if told.kind is not Kind.PROGRESS:
            if same and self.items[0] is same[0]:
                self.flies_in_vain = self.in_flight is not None
                self.attempts = self.attempts if self.flies_in_vain or self.parked else 0
            self.items = [item for item in self.items if item not in same]
        self.items.append(Item(told.update, told.kind, told.event.detail))
        if self.attempts or self.parked:
            return
        if told.kind is not Kind.PROGRESS:
            self.due_at = min(self.due_at, now) if waited else now
        elif not waited:
            self.due_at = max(self.progress_after, now)

    def settle(self, settlement: Settlement, now: float) -> None:
        """Move on, or wait for the next try; nothing if the lease is not ours any more."""
        claim = settlement.claim
        if self.in_flight != claim.message:
            return
        self.in_flight, self.leased_until = None, 0.0
        flies_in_vain, self.flies_in_vain = self.flies_in_vain, False
        if isinstance(settlement, Postponed) and (settlement.parked or not flies_in_vain):
            self.attempts, self.due_at = claim.attempts + 1, settlement.due_at
            self.parked = settlement.parked is not None
            return
        self.attempts, self.parked = 0, False
        progress_at = settlement.next_progress_at if isinstance(settlement, Delivered) else now
        self.progress_after = max(self.progress_after, progress_at)
        sent = Item(claim.update, claim.kind, claim.event.detail)
        if sent in self.items:
            self.items.remove(sent)
        urgent = any(item.kind is not Kind.PROGRESS for item in self.items)
        self.due_at = now if urgent else max(self.progress_after, now)


class Outbox(RuleBasedStateMachine):
    """Tell, claim, settle, wait, wake and restart in any order."""

    url: Callable[[], str]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.address = type(self).url()
        self.now = 1000.0
        self.words = itertools.count()
        self.lines: dict[tuple[Lane, str], Line] = {}
        self.held: list[Claim] = []
        self.heard: dict[tuple[Lane, UpdateId], State] = {}
        self.open()

    def open(self) -> None:
        """Start from what the store holds, and count what waits of whom."""
        self.store = self.runner.run(Database.open(self.address, lane_quota=1 << 40))
        loaded = self.runner.run(self.store.load())
        assert loaded.waiting == self.reports()
        self.backlog, self.came_too_late = Backlog(1 << 40), False
        self.backlog.load(loaded.waiting)

    def reports(self) -> Counter[tuple[Lane, DeviceId]]:
        """Count in the model what waits beside progress."""
        return Counter(
            (lane, DeviceId("P", device))
            for (lane, device), line in self.lines.items()
            for item in line.items
            if item.kind is not Kind.PROGRESS
        )

    def teardown(self) -> None:
        """Close what is open."""
        self.runner.run(self.store.close())
        self.runner.close()

    def commit(self, given: Changes) -> None:
        """Commit, and let the model do the same: settlements first."""
        self.runner.run(self.store.commit(given, now=self.now, wall=self.now))
        self.backlog.committed(given)
        for settlement in given.settlements:
            claim = settlement.claim
            line = self.line(claim.lane, claim.event.device)
            self.came_too_late |= line.in_flight != claim.message
            if line.in_flight == claim.message and isinstance(settlement, Delivered):
                self.heard[claim.lane, claim.update] = claim.event.state
            line.settle(settlement, self.now)
        for told in [*given.messages, *given.progress.values()]:
            self.line(told.lane, told.event.device).tell(told, self.now)

    def line(self, lane: Lane, device: DeviceId) -> Line:
        """Return the model of a queue."""
        return self.lines.setdefault((lane, device.name), Line())

    def spoken(self, told: Sequence[tuple[Lane, str, int, Kind]]) -> list[Message]:
        """Put a word of its own into each message."""
        return [
            message(device, kind, STATES[kind], number=number, lane=lane, detail=str(next(self.words)))
            for lane, device, number, kind in told
        ]

    @rule(told=st.lists(one_message, min_size=1, max_size=2))
    def tell(self, told: list[tuple[Lane, str, int, Kind]]) -> None:
        """Devices speak."""
        self.commit(changes(*self.spoken(told)))

    @rule(lane=st.sampled_from([LANES[0], LANES[0], LANES[1]]), limit=st.integers(1, 4))
    def claim(self, lane: Lane, limit: int) -> None:
        """The lane takes exactly the heads that are due, the most urgent first, each line once."""
        due = {
            device: line
            for (owner, device), line in self.lines.items()
            if owner == lane and line.items and line.due_at <= self.now and line.leased_until <= self.now
        }

        claims = self.runner.run(
            self.store.claim(lane, limit=limit, now=self.now, lease_until=self.now + LEASE)
        )

        taken = [due[claim.event.device.name] for claim in claims]
        assert [line.rank for line in taken] == sorted(line.rank for line in due.values())[:limit]
        for claim, line in zip(claims, taken, strict=True):
            head = Item(claim.update, claim.kind, claim.event.detail)
            assert head == line.items[0]
            assert claim.attempts == line.attempts
            assert claim.after == self.heard.get((lane, claim.update))
            line.leased_until, line.in_flight = self.now + LEASE, claim.message
            line.flies_in_vain = False
        self.held += claims

    @precondition(lambda self: self.held)
    @rule(
        data=st.data(),
        answer=st.sampled_from(["delivered", "delivered", "delivered", "postponed", "parked", "buried"]),
        wait=st.sampled_from([0.0, 0.0, 5.0, 50.0]),
        told=st.lists(one_message, max_size=1),
        again=st.booleans(),
    )
    def settle(
        self,
        data: st.DataObject,
        answer: str,
        wait: float,
        told: list[tuple[Lane, str, int, Kind]],
        *,
        again: bool,
    ) -> None:
        """A cloud answers, perhaps too late, perhaps once more later."""
        chosen = data.draw(st.lists(st.sampled_from(self.held), min_size=1, max_size=3, unique_by=id))
        if not again:
            self.held = [claim for claim in self.held if claim not in chosen]
        due = self.now + wait
        settle: dict[str, Callable[[Claim], Settlement]] = {
            "delivered": lambda c: Delivered(claim=c, state=c.event.state, next_progress_at=due),
            "postponed": lambda c: Postponed(claim=c, due_at=due),
            "parked": lambda c: Postponed(claim=c, due_at=due, parked="NoPermission"),
            "buried": lambda c: Buried(claim=c, code="c", reason="r"),
        }
        self.commit(changes(*self.spoken(told), settled=[settle[answer](claim) for claim in chosen]))

    @rule(
        what=st.sampled_from(["wait", "wait", "wait", "wake", "restart"]),
        lane=st.sampled_from(LANES),
        seconds=st.sampled_from([0.5, 10.0, 40.0]),
    )
    def live(self, what: str, lane: Lane, seconds: float) -> None:
        """Time passes and leases run out, or the cloud is back, or the gateway ends and starts."""
        if what == "wait":
            self.now += seconds
        elif what == "wake":
            self.wake(lane)
        else:
            self.restart()

    def wake(self, lane: Lane) -> None:
        """What was postponed, but for what is parked, is due."""
        self.commit(Changes(woken={lane}))
        for (owner, _), line in self.lines.items():
            if owner == lane and line.attempts and not line.parked:
                line.due_at = min(line.due_at, self.now)

    def restart(self) -> None:
        """Nobody holds a lease any more, though late answers may still come; what is parked is probed."""
        self.runner.run(self.store.close())
        self.open()
        for line in self.lines.values():
            line.leased_until, line.in_flight, line.flies_in_vain = 0.0, None, False
            line.due_at = 0.0 if line.parked else line.due_at

    @invariant()
    def knows_when_to_claim(self) -> None:
        """The store names the time at which the next line may be claimed."""
        for lane in LANES:
            lines = [line for (owner, _), line in self.lines.items() if owner == lane and line.items]
            times = [max(line.due_at, line.leased_until) for line in lines]
            assert self.runner.run(self.store.next_due(lane)) == min(times, default=None)

    @invariant()
    def counts_what_the_model_counts(self) -> None:
        """No device is held back for more than waits of it; an answer too late may have one too few counted."""
        counted, waiting = Counter(self.backlog._waiting), self.reports()
        assert counted <= waiting if self.came_too_late else counted == waiting

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        """Every line has the model's messages in the model's order, and the sums are those of the rows."""
        rows, sums = self.runner.run(self.store._transact(look))
        found: dict[tuple[Lane, str], list[Item]] = {}
        counted: dict[str, tuple[int, int]] = {}
        for row in rows:
            item = Item(row.update_id, Kind(row.kind), codec.decode(row.body).detail)
            found.setdefault((row.lane, row.device), []).append(item)
            count, size = counted.get(row.lane, (0, 0))
            counted[row.lane] = (count + 1, size + row.size)

        assert found == {key: line.items for key, line in self.lines.items() if line.items}
        assert counted == {lane: (count, size) for lane, count, size in sums if count or size}


def look(connection: Connection) -> tuple[Sequence[Any], Sequence[Any]]:
    """Read all rows in order, and the sums."""
    rows = select(messages, queues.c.lane, queues.c.device).join(queues, queues.c.id == messages.c.queue)
    sums = select(lanes.c.lane, lanes.c.messages, lanes.c.size)
    return connection.execute(rows.order_by(messages.c.id)).all(), connection.execute(sums).all()


def play(url: Callable[[], str], *, stories: int) -> None:
    """Let hypothesis tell so many stories."""

    class OutboxThere(Outbox):
        pass

    OutboxThere.url = staticmethod(url)
    run_state_machine_as_test(
        OutboxThere,
        settings=settings(
            max_examples=stories,
            stateful_step_count=50,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


def test_the_outbox_on_sqlite(tmp_path: Path) -> None:
    """No story loses, reorders or doubles a message on SQLite."""
    play(lambda: f"sqlite:///{tempfile.mkdtemp(dir=tmp_path)}/gateway.db", stories=40)


def test_the_outbox_on_postgresql(cluster: Cluster) -> None:
    """No story does so on PostgreSQL either."""
    play(lambda: cluster.url(cluster.database()), stories=10)
