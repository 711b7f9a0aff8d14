"""The store of a gateway that does not run, looked at as it was left: nothing is migrated, locked or written.

A log that a power cut left behind is read with it. Whoever runs the gateway meanwhile is not in its way.
"""

from collections.abc import Mapping, Sequence
from typing import NoReturn, Self

from sqlalchemy import Connection

from gateway.errors import StoreError
from gateway.model.identity import DeviceId, Lane
from gateway.ports.store import Changes, Claim, Committed, Figures, Loaded
from gateway.store import lanes, orders, records, updates
from gateway.store.keeping import Keep
from gateway.store.migrate import Standing, standing
from gateway.store.reading import Reading


class AtRest(Reading):
    """Implements `ports.store.Store` as well as `ports.history.History`, as far as both only look."""

    is_left = True

    async def __aenter__(self) -> Self:
        """Look whether the store is there and ours; raises FileNotFoundError, or StoreError with the way out."""
        if self.file is not None and not self.file.exists():
            raise FileNotFoundError(self.file)
        try:
            self._check(await self._run(standing))
        except StoreError:
            await self.__aexit__()
            raise
        return self

    def _check(self, found: Standing) -> None:
        match found:
            case Standing.OLDER:
                way = "ota-gateway run brings it up to date; that one's own command line reads it as it is"
                raise StoreError(f"the store {self.name} was left by an older gateway; {way}")
            case Standing.NEWER:
                way = "use that one's command line"
                raise StoreError(f"the store {self.name} was written by a newer gateway; {way}")
            case Standing.NONE:
                raise StoreError(f"{self.name} is no store of a gateway; see store.url")

    async def load(self) -> Loaded:
        """Read what the next start will read, and leave the leases as they are."""
        return await self._run(_load)

    async def figures(self) -> Mapping[Lane, Figures]:
        """Count what waits."""
        return await self._run(lanes.figures)

    async def commit(self, changes: Changes, *, now: float, wall: float) -> Committed:
        """Refuse."""
        del changes, now, wall
        self._refuse()

    async def claim(self, lane: Lane, *, limit: int, now: float, lease_until: float) -> Sequence[Claim]:
        """Refuse."""
        del lane, limit, now, lease_until
        self._refuse()

    async def take_back(self, lane: Lane) -> None:
        """Refuse."""
        del lane
        self._refuse()

    def keep_within(self, *, lane_quota: int, keep: Keep) -> None:
        """Refuse."""
        del lane_quota, keep
        self._refuse()

    async def next_due(self, lane: Lane) -> float | None:
        """Refuse."""
        del lane
        self._refuse()

    async def is_end_waiting(self, lane: Lane, device: DeviceId) -> bool:
        """Refuse."""
        del lane, device
        self._refuse()

    async def prune(self, *, now: float) -> None:
        """Refuse."""
        del now
        self._refuse()

    async def close(self) -> None:
        """Do nothing: it is closed as a context manager."""

    def _refuse(self) -> NoReturn:
        raise StoreError("no gateway runs, and its store is only read; start it with: ota-gateway run")


def _load(connection: Connection) -> Loaded:
    figures = lanes.figures(connection)
    return Loaded(
        updates=updates.load(connection),
        versions=updates.load_versions(connection),
        said_at=updates.load_said_at(connection),
        orders=orders.load(connection),
        lanes=lanes.load_states(connection),
        sizes={lane: each.size for lane, each in figures.items()},
        messages={lane: each.messages for lane, each in figures.items()},
        clock=records.load_clock(connection),
    )
