"""A gateway's store with a backlog in it, as an outage leaves one: written through the store's own commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.model.events import StateReported
from gateway.model.identity import DeviceId, Lane, Version
from gateway.model.states import State
from gateway.model.update import Update
from gateway.ports.store import Changes, Kind, Message
from gateway.store.database import Database
from tests.bench.fleet import PRODUCT, device_name

if TYPE_CHECKING:
    from pathlib import Path

LANE = Lane("cloud/tencent")
DEVICES = 1000
STORY = (State.DOWNLOADING, State.INSTALLING, State.SUCCEEDED)
"""What each update of the backlog still has to tell."""


async def fill(path: Path, messages: int) -> None:
    """Write so many messages for DEVICES devices, update after update, oldest first."""
    store = await Database.open(f"sqlite:///{path}", lane_quota=1 << 40)
    loaded = await store.load()
    assert not loaded.updates, "the backlog is written into an empty store"
    written, number = 0, 0
    while written < messages:
        number += 1
        for state in STORY:
            batch = _batch(number, state, min(DEVICES, messages - written))
            await store.commit(batch, now=1.0 + number, wall=1.0 + number)
            written += len(batch.messages)
            if written == messages:
                break
    await store.close()


def bodies(messages: int) -> list[StateReported]:
    """Return the same reports, for whoever posts them without a gateway."""
    return [
        _update(
            index % DEVICES, 1 + index // (DEVICES * len(STORY)), STORY[index // DEVICES % len(STORY)]
        ).report()
        for index in range(messages)
    ]


def _batch(number: int, state: State, devices: int) -> Changes:
    changes = Changes()
    kind = Kind.TERMINAL if state.is_terminal else Kind.TRANSITION
    for index in range(devices):
        update = _update(index, number, state)
        changes.updates[update.id] = update
        changes.messages.append(Message(lane=LANE, update=update.id, kind=kind, event=update.report()))
    return changes


def _update(index: int, number: int, state: State) -> Update:
    return Update(
        device=DeviceId(PRODUCT, device_name(index)),
        target=Version(f"1.{number}"),
        number=number,
        state=state,
    )
