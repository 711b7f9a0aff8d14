"""What the clouds answered: how far each update was told, and what they refused for good."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func

from gateway.model import codec
from gateway.model.identity import DeviceId, Lane, UpdateId
from gateway.model.states import State
from gateway.ports.store import Buried, Delivered, Settlement
from gateway.store import statement
from gateway.store.queue_ids import QueueIds
from gateway.store.schema import dead_letters, tellings
from gateway.store.upsert import upsert


def bury(connection: Connection, settled: Sequence[Settlement], wall: float) -> None:
    """Put what was refused for good among the dead letters."""
    rows = [
        {
            "queue": s.claim.queue,
            "update_id": s.claim.update,
            "kind": int(s.claim.kind),
            "body": codec.encode(s.claim.event),
            "code": s.code,
            "reason": s.reason,
            "wall": wall,
        }
        for s in settled
        if isinstance(s, Buried)
    ]
    statement.execute(connection, _BURY, rows)


def drop(connection: Connection, letters: Sequence[int]) -> None:
    """Forget dead letters."""
    statement.execute(connection, _DROP, [{"key": letter} for letter in letters])


def remember(connection: Connection, settled: Sequence[Settlement]) -> None:
    """Keep the last state of each update that the cloud acknowledged, and whether it wants to hear more."""
    rows = [
        {
            "queue": s.claim.queue,
            "update_id": s.claim.update,
            "state": state.value if state else None,
            "closed": closed or None,
        }
        for s in settled
        for state, closed in [(s.state, s.closed) if isinstance(s, Delivered) else (s.reached, None)]
        if state is not None or closed is not None
    ]
    statement.execute(connection, upsert(connection, tellings, "queue", "update_id", merge=_learned), rows)


def believe(
    connection: Connection, ids: QueueIds, beliefs: Mapping[tuple[Lane, DeviceId, UpdateId], State | None]
) -> None:
    """Put what a cloud turned out to believe in the place of what it had acknowledged, and open the conversation."""
    if not beliefs:
        return
    ids.ensure(connection, {(lane, device) for lane, device, _ in beliefs})
    rows = [
        {
            "queue": ids[lane, device],
            "update_id": update,
            "state": state.value if state else None,
            "closed": None,
        }
        for (lane, device, update), state in beliefs.items()
    ]
    statement.execute(connection, upsert(connection, tellings, "queue", "update_id"), rows)


def _learned(new: Any) -> dict[str, Any]:
    return {name: func.coalesce(new[name], tellings.c[name]) for name in ("state", "closed")}


_BURY = dead_letters.insert()
_DROP = dead_letters.delete().where(dead_letters.c.id == bindparam("key"))
