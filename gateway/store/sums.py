"""Messages and bytes that wait in each lane: kept as sums, so that a start need not count a million rows."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from gateway.model.identity import Lane
from gateway.ports.store import Committed
from gateway.store import statement
from gateway.store.schema import lanes
from gateway.store.upsert import upsert


@dataclass(slots=True)
class Deltas:
    """What a transaction changes of the sums."""

    messages: dict[Lane, int] = field(default_factory=lambda: defaultdict(int))
    size: dict[Lane, int] = field(default_factory=lambda: defaultdict(int))
    evicted: dict[Lane, int] = field(default_factory=dict)

    def add(self, lane: Lane, messages: int, size: int) -> None:
        """Count rows and bytes that came (positive) or went (negative)."""
        self.messages[lane] += messages
        self.size[lane] += size

    def grown(self) -> Iterable[Lane]:
        """Return the lanes that hold more bytes than before."""
        return [lane for lane, size in self.size.items() if size > 0]


class Sums:
    """The sums in memory, a copy of those in the store."""

    def __init__(self) -> None:
        self._messages: dict[Lane, int] = {}
        self._sizes: dict[Lane, int] = {}
        self._known = False

    def load(self, connection: Connection) -> None:
        """Read them, unless they are known."""
        if self._known:
            return
        for lane, messages, size in connection.execute(_SUMS):
            self._messages[Lane(lane)], self._sizes[Lane(lane)] = messages, size
        self._known = True

    def forget(self) -> None:
        """Drop the copy: after a failure nobody knows what was written."""
        self._messages.clear()
        self._sizes.clear()
        self._known = False

    @property
    def messages(self) -> dict[Lane, int]:
        """Messages that wait in each lane."""
        return dict(self._messages)

    @property
    def sizes(self) -> dict[Lane, int]:
        """Bytes that wait in each lane."""
        return dict(self._sizes)

    def add(self, deltas: Deltas) -> Committed:
        """Take in what was committed, and return how it stands now."""
        for lane, count in deltas.messages.items():
            self._messages[lane] = self._messages.get(lane, 0) + count
            self._sizes[lane] = self._sizes.get(lane, 0) + deltas.size[lane]
        return Committed(sizes=self.sizes, messages=self.messages, evicted=dict(deltas.evicted))


def write(connection: Connection, deltas: Deltas) -> None:
    """Add to the sums in the store."""
    rows = [
        {"lane": lane, "messages": count, "size": deltas.size[lane]}
        for lane, count in deltas.messages.items()
        if count or deltas.size[lane]
    ]
    statement.execute(connection, upsert(connection, lanes, "lane", merge=_added), rows)


def _added(new: Any) -> dict[str, Any]:
    return {name: lanes.c[name] + new[name] for name in ("messages", "size")}


_SUMS = select(lanes.c.lane, lanes.c.messages, lanes.c.size)
