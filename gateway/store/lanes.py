"""Lanes: their breakers, and what is counted in them for people."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import Connection, Row, func, select

from gateway.model.identity import Lane
from gateway.ports.store import Circuit, Figures, LaneState
from gateway.store import statement
from gateway.store.schema import dead_letters, lanes, queues
from gateway.store.upsert import upsert

log = structlog.get_logger()


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
    statement.execute(connection, upsert(connection, lanes, "lane", merge=_breaker), rows)


def _breaker(new: Any) -> dict[str, Any]:
    return {name: new[name] for name in ("circuit", "failures", "until", "reason")}


def load_states(connection: Connection) -> dict[Lane, LaneState]:
    """Read the breaker of every lane."""
    return {Lane(row.lane): _state(row) for row in connection.execute(select(lanes))}


def _state(row: Row[Any]) -> LaneState:
    """Read a breaker; one that makes no sense is closed, said loudly, and does not keep the gateway from starting."""
    try:
        circuit = Circuit(row.circuit)
    except ValueError:
        log.exception("circuit_unreadable", lane=row.lane)
        return LaneState()
    return LaneState(circuit=circuit, failures=row.failures, until=row.until, reason=row.reason)


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
