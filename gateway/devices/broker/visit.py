"""The stay of one device, from its login to the end of its connection."""

from collections.abc import Iterable

import structlog

from gateway.devices.broker.errors import Ending
from gateway.devices.broker.packets import Connect
from gateway.devices.broker.premises import Premises
from gateway.devices.broker.subscriptions import Subscriptions
from gateway.model.identity import DeviceId

log = structlog.get_logger()


class Visit:
    """Who is there, what it wants to hear, and whether the receiver knows."""

    __slots__ = (
        "_is_clean",
        "_premises",
        "address",
        "device",
        "has_kept_session",
        "is_present",
        "keep_alive_s",
        "subscriptions",
    )

    def __init__(
        self, device: DeviceId, connect: Connect, address: str, premises: Premises, now: float
    ) -> None:
        self.device = device
        self.address = address
        self._premises = premises
        self._is_clean = connect.clean_session
        self.keep_alive_s = premises.limits.keep_alive_s(connect.keep_alive_s)
        #: Whether the receiver was told that the device came, and not yet that it went.
        self.is_present = False
        self.subscriptions = Subscriptions(device, premises.access, premises.limits)
        kept = premises.kept.take(device, now)
        self.has_kept_session = kept is not None and not connect.clean_session
        if kept is not None and self.has_kept_session:
            self.subscriptions.restore(kept)

    def begin(self) -> None:
        """Tell the receiver that the device came, and what it already listens on."""
        self.is_present = True
        self._tell("device_connected")
        self._premises.receiver.connected(self.device)
        self.listen(sorted(self.subscriptions.filters))

    def subscribe(self, topic_filter: str) -> bool:
        """Take a filter, or count and log why not and return False."""
        if not (objection := self.subscriptions.add(topic_filter)):
            return True
        premises = self._premises
        premises.tally.count(objection)
        kept = topic_filter[: premises.limits.max_topic_bytes]
        self._tell("subscription_refused", topic_filter=kept, reason=objection)
        return False

    def listen(self, topic_filters: Iterable[str]) -> None:
        """Tell the receiver which filters the device now listens on, if it still does."""
        for each in topic_filters:
            if self.is_present and each in self.subscriptions.filters:
                self._premises.receiver.subscribed(self.device, each)

    def end(self, ending: Ending, now: float) -> None:
        """Tell the receiver that the device went, if it was told that it came; keep what the device wants kept."""
        if not self._is_clean:
            self._premises.kept.keep(self.device, self.subscriptions.filters, now)
        if self.is_present:
            self.is_present = False
            self._tell("device_disconnected", reason=ending)
            self._premises.receiver.disconnected(self.device)

    def _tell(self, event: str, **facts: str) -> None:
        suppressed = self._premises.news.suppressed(self.device, event)
        if suppressed is not None:
            log.info(event, device=str(self.device), address=self.address, **facts, suppressed=suppressed)
