"""How many reports of each device wait in each lane, so that no device fills a lane for all others.

Its law: a device that has too many is refused, and keeps what it has to say; nothing that waits is dropped.
Progress is not counted: there is one row of it for each update.
"""

from collections.abc import Collection, Mapping

import structlog

from gateway.model.identity import DeviceId, Lane
from gateway.ports.store import Changes, Kind, Postponed

log = structlog.get_logger()

#: What any device may let wait: what more than a hundred updates have to say.
LEAST = 1000
#: Beyond that, one report for so many bytes of the lane's quota: a sixty-fourth of it, and of the longest ones not
#: a tenth.
SHARE = 32 * 1024

_Line = tuple[Lane, DeviceId]


class Backlog:
    """Counts by lane and device; a device is heard again when a quarter of what it may let wait is told."""

    def __init__(self, lane_quota: int) -> None:
        self._waiting: dict[_Line, int] = {}
        #: The lanes in which a device has too many.
        self._full: dict[DeviceId, frozenset[Lane]] = {}
        self.limit(lane_quota)

    def limit(self, lane_quota: int) -> None:
        """Let so many bytes wait in a lane from now on."""
        self._most = max(LEAST, lane_quota // SHARE)
        for line in self._waiting:
            self._judge(line)

    def load(self, waiting: Mapping[_Line, int]) -> None:
        """Learn from the store how things stand."""
        self._waiting = dict(waiting)
        for line in self._waiting:
            self._judge(line)

    def committed(self, changes: Changes) -> None:
        """Learn what came and what was settled."""
        for message in changes.messages:
            self._add((message.lane, message.event.device), 1)
        for settlement in changes.settlements:
            claim = settlement.claim
            if claim.kind is not Kind.PROGRESS and not isinstance(settlement, Postponed):
                self._add((claim.lane, claim.event.device), -1)

    def is_full(self, device: DeviceId, lanes: Collection[Lane]) -> bool:
        """Whether too much of the device waits in one of these lanes."""
        full = self._full.get(device)
        return full is not None and not full.isdisjoint(lanes)

    def waiting(self) -> set[DeviceId]:
        """Return the devices of which anything waits."""
        return {device for _, device in self._waiting}

    def _add(self, line: _Line, count: int) -> None:
        now = self._waiting.get(line, 0) + count
        if now > 0:
            self._waiting[line] = now
        else:
            # A settlement that came too late was counted already.
            self._waiting.pop(line, None)
        self._judge(line)

    def _judge(self, line: _Line) -> None:
        lane, device = line
        waiting, full = self._waiting.get(line, 0), self._full.get(device, frozenset())
        if waiting >= self._most and lane not in full:
            log.warning("device_backlog_full", device=str(device), lane=lane, messages=waiting)
            self._full[device] = full | {lane}
        elif waiting <= self._most * 3 // 4 and lane in full:
            log.info("device_backlog_has_room", device=str(device), lane=lane)
            self._full[device] = full - {lane}
            if not self._full[device]:
                del self._full[device]
