"""Lanes: their sums, their breakers, and what else is counted for people."""

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection, func, select

from gateway.model.identity import Lane
from gateway.ports.store import Circuit, Figures, LaneState
from gateway.store.outbox import Deltas
from gateway.store.schema import dead_letters, lanes, queues
from gateway.store.upsert import insert


def write_sums(connection: Connection, deltas: Deltas) -> None:
    """Keep messages and bytes of each lane, so that a start need not count a million rows."""
    rows = [
        {"lane": lane, "messages": count, "size": deltas.size[lane]}
        for lane, count in deltas.messages.items()
        if count or deltas.size[lane]
    ]
    if rows:
        statement = insert(connection, lanes)
        sums = {
            "messages": lanes.c.messages + statement.excluded.messages,
            "size": lanes.c.size + statement.excluded.size,
        }
        connection.execute(statement.on_conflict_do_update(index_elements=["lane"], set_=sums), rows)


def write_states(connection: Connection, states: Mapping[Lane, LaneState]) -> None:
    """Keep the breakers."""
    rows = [
        {
            "lane": lane,
            "circuit": state.circuit.value,
            "failures": state.failures,
            "until": state.until,
            "reason": state.reason,
        }
        for lane, state in states.items()
    ]
    if rows:
        statement = insert(connection, lanes)
        columns = ("circuit", "failures", "until", "reason")
        changed = {name: statement.excluded[name] for name in columns}
        connection.execute(statement.on_conflict_do_update(index_elements=["lane"], set_=changed), rows)


def load(connection: Connection) -> tuple[dict[Lane, LaneState], dict[Lane, int], dict[Lane, int]]:
    """Read breakers, messages and bytes of every lane."""
    states, counts, sizes = {}, {}, {}
    for row in connection.execute(select(lanes)):
        lane = Lane(row.lane)
        states[lane] = LaneState(
            circuit=Circuit(row.circuit), failures=row.failures, until=row.until, reason=row.reason
        )
        counts[lane], sizes[lane] = row.messages, row.size
    return states, counts, sizes


def figures(connection: Connection) -> dict[Lane, Figures]:
    """Count what waits, lane by lane."""
    found = {
        Lane(row.lane): Figures(messages=row.messages, size=row.size)
        for row in connection.execute(select(lanes.c.lane, lanes.c.messages, lanes.c.size))
    }
    waiting = select(queues.c.lane, func.min(queues.c.head_at), func.count(queues.c.parked)).group_by(
        queues.c.lane
    )
    for lane, oldest, parked in connection.execute(waiting):
        known = found.get(Lane(lane), Figures())
        found[Lane(lane)] = replace(known, oldest_at=oldest, parked=parked)
    buried = (
        select(queues.c.lane, func.count())
        .join(dead_letters, dead_letters.c.queue == queues.c.id)
        .group_by(queues.c.lane)
    )
    for lane, count in connection.execute(buried):
        found[Lane(lane)] = replace(found[Lane(lane)], dead_letters=count)
    return found
