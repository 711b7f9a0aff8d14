"""Which connection speaks for which device, and what a device that left wants to find again."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from gateway.devices.broker.errors import Ending
from gateway.devices.broker.limits import Limits
from gateway.model.identity import DeviceId

if TYPE_CHECKING:
    # The connection needs what stands here.
    from gateway.devices.broker.front import Connection


class Registry:
    """One connection per device: the newest."""

    def __init__(self) -> None:
        self._connections: dict[DeviceId, Connection] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def get(self, device: DeviceId) -> Connection | None:
        """Return the device's connection."""
        return self._connections.get(device)

    async def enter(self, device: DeviceId, connection: Connection) -> None:
        """Make this the device's connection, when the older one has ended entirely.

        Of several that come at once each ends the one before: between the last look and the entry nobody else runs.
        """
        while (older := self._connections.get(device)) is not None:
            older.close(Ending.TAKEN_OVER)
            await older.served()
        self._connections[device] = connection

    def leave(self, device: DeviceId) -> None:
        """Forget the device's connection."""
        del self._connections[device]


class _Kept(NamedTuple):
    filters: frozenset[str]
    left_at: float


class KeptSessions:
    """The session state of MQTT 3.1.1 §3.1.2.4 for devices that left.

    All publishes to devices are of QoS 0, so that their subscriptions are the whole of it.
    """

    def __init__(self, limits: Limits) -> None:
        self.limit(limits)
        self._kept: OrderedDict[DeviceId, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def limit(self, limits: Limits) -> None:
        """Set how many are kept, and how long."""
        self._max_count = limits.max_kept_sessions
        self._expiry_s = limits.session_expiry.total_seconds()

    def keep(self, device: DeviceId, filters: frozenset[str], now: float) -> None:
        """Keep what a device subscribed to until it comes again."""
        self._kept[device] = _Kept(filters, now)
        while self._kept:
            oldest = next(iter(self._kept.values()))
            if len(self._kept) <= self._max_count and now - oldest.left_at < self._expiry_s:
                return
            self._kept.popitem(last=False)

    def take(self, device: DeviceId, now: float) -> frozenset[str] | None:
        """Return and forget what was kept for a device; None when there is nothing, or it is too old."""
        kept = self._kept.pop(device, None)
        return kept.filters if kept and now - kept.left_at < self._expiry_s else None
