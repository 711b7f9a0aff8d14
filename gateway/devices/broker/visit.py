"""The stay of one device, from its login to the end of its connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from gateway.devices.broker.subscriptions import Subscriptions

if TYPE_CHECKING:
    from gateway.devices.broker.errors import Ending
    from gateway.devices.broker.packets import Connect
    from gateway.devices.broker.site import Site
    from gateway.model.identity import DeviceId

log = structlog.get_logger()


class Visit:
    """Who is there, what it wants to hear, and whether the receiver knows."""

    __slots__ = (
        "_is_clean",
        "_site",
        "address",
        "device",
        "has_begun",
        "has_kept_session",
        "subscriptions",
    )

    def __init__(self, device: DeviceId, connect: Connect, address: str, site: Site, now: float) -> None:
        self.device = device
        self.address = address
        self._site = site
        self._is_clean = connect.clean_session
        self.has_begun = False
        self.subscriptions = Subscriptions(device, site.access, site.limits)
        kept = site.kept.take(device, now)
        self.has_kept_session = kept is not None and not connect.clean_session
        if kept is not None and self.has_kept_session:
            self.subscriptions.restore(kept)

    def begin(self) -> None:
        """Tell the receiver that the device came."""
        self.has_begun = True
        self._tell("device_connected")
        self._site.receiver.connected(self.device)

    def end(self, ending: Ending, now: float) -> None:
        """Tell the receiver that the device went, if it was told that it came; keep what the device wants kept."""
        if not self._is_clean:
            self._site.kept.keep(self.device, self.subscriptions.filters, now)
        if self.has_begun:
            self._tell("device_disconnected", reason=ending)
            self._site.receiver.disconnected(self.device)

    def _tell(self, event: str, **facts: str) -> None:
        suppressed = self._site.news.suppressed(self.device, event)
        if suppressed is not None:
            log.info(event, device=str(self.device), address=self.address, **facts, suppressed=suppressed)
