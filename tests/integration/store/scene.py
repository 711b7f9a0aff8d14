"""A store with a clock in its hand, and words for what is told to it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine

from gateway.model.events import StateReported
from gateway.model.identity import DeviceId, Lane, UpdateId, Version
from gateway.model.states import State
from gateway.ports.store import Changes, Claim, Committed, Delivered, Kind, Message, Settlement
from gateway.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection
    from sqlalchemy.sql import Select

LANE = Lane("cloud/tencent")
OTHER_LANE = Lane("cloud/onenet")
QUOTA = 1 << 20
#: What the wall clock shows more than the site clock.
WALL_AHEAD = 500.0


def message(
    device: str, kind: Kind, state: State, *, number: int = 1, lane: Lane = LANE, **event: Any
) -> Message:
    """Return something to tell about the device's update of that number."""
    owner = DeviceId("P", device)
    return Message(
        lane=lane,
        update=UpdateId(f"{owner}/default/{number}"),
        kind=kind,
        event=StateReported(device=owner, state=state, version=Version(f"1.{number}"), **event),
    )


def progress(device: str, percent: int, *, number: int = 1, lane: Lane = LANE) -> Message:
    """Return a progress report."""
    return message(device, Kind.PROGRESS, State.DOWNLOADING, percent=percent, number=number, lane=lane)


def transition(
    device: str, state: State = State.INSTALLING, *, number: int = 1, lane: Lane = LANE, **event: Any
) -> Message:
    """Return the report of a new state."""
    return message(device, Kind.TRANSITION, state, number=number, lane=lane, **event)


def terminal(
    device: str, state: State = State.SUCCEEDED, *, number: int = 1, lane: Lane = LANE, **event: Any
) -> Message:
    """Return the report of an end."""
    return message(device, Kind.TERMINAL, state, number=number, lane=lane, **event)


def changes(*told: Message, settled: Sequence[Settlement] = ()) -> Changes:
    """Gather messages as the engine does: progress apart, newest only."""
    return Changes(
        messages=[m for m in told if m.kind is not Kind.PROGRESS],
        progress={(m.lane, m.update): m for m in told if m.kind is Kind.PROGRESS},
        settlements=list(settled),
    )


def delivered(claim: Claim, *, closed: str | None = None, next_progress_at: float = 0.0) -> Delivered:
    """Return that the cloud has taken what was claimed."""
    return Delivered(claim=claim, state=claim.event.state, closed=closed, next_progress_at=next_progress_at)


@dataclass(slots=True)
class Scene:
    """The store under test and the time at the site."""

    url: str
    store: Database
    quota: int = QUOTA
    now: float = 1000.0

    async def commit(self, given: Changes) -> Committed:
        """Commit at the time of the scene."""
        return await self.store.commit(given, now=self.now, wall=self.now + WALL_AHEAD)

    async def tell(self, *told: Message) -> Committed:
        """Commit these messages."""
        return await self.commit(changes(*told))

    async def settle(self, *settled: Settlement) -> Committed:
        """Commit what came of claims."""
        return await self.commit(changes(settled=settled))

    async def claim(self, *, lane: Lane = LANE, limit: int = 100, lease: float = 60.0) -> Sequence[Claim]:
        """Lease what is due."""
        return await self.store.claim(lane, limit=limit, now=self.now, lease_until=self.now + lease)

    async def drain(self, *, lane: Lane = LANE) -> list[Claim]:
        """Claim and deliver until nothing is due."""
        sent: list[Claim] = []
        while claims := await self.claim(lane=lane):
            sent += claims
            await self.settle(*(delivered(claim) for claim in claims))
        return sent

    async def restart(self) -> None:
        """Close the store and start again from what it holds."""
        await self.store.close()
        self.store = await Database.open(self.url, lane_quota=self.quota)
        await self.store.load()

    def rows(self, query: Select[Any]) -> list[Any]:
        """Look into the tables past the store."""
        with self.writing() as connection:
            return list(connection.execute(query))

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Write into the tables past the store."""
        engine = create_engine(self.url)
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()


def said(claims: Sequence[Claim]) -> list[tuple[str, State, int | None]]:
    """Return who says what in these claims."""
    return [(claim.event.device.name, claim.event.state, claim.event.percent) for claim in claims]
