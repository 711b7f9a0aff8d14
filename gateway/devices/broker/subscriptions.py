"""What one device wants to hear."""

from gateway.devices.broker.limits import Limits
from gateway.devices.broker.topics import is_filter, matches
from gateway.model.identity import DeviceId
from gateway.ports.devices import Access


class Subscriptions:
    """The filters of one device, each allowed; nobody else's are ever looked at."""

    __slots__ = ("_access", "_device", "_limits", "filters")

    def __init__(self, device: DeviceId, access: Access, limits: Limits) -> None:
        self._device = device
        self._access = access
        self._limits = limits
        self.filters: frozenset[str] = frozenset()

    def restore(self, filters: frozenset[str]) -> None:
        """Take up what was kept, as far as it is still allowed."""
        self.filters = frozenset(each for each in filters if self._access.may_subscribe(self._device, each))

    def add(self, topic_filter: str) -> bool:
        """Take a filter, or return False."""
        if not self._may_add(topic_filter):
            return False
        self.filters |= {topic_filter}
        return True

    def remove(self, topic_filter: str) -> None:
        """Forget a filter, known or not."""
        self.filters -= {topic_filter}

    def want(self, topic: str) -> bool:
        """Whether a publish to this topic concerns the device."""
        return topic in self.filters or any(matches(each, topic) for each in self.filters)

    def _may_add(self, topic_filter: str) -> bool:
        limits = self._limits
        return (
            is_filter(topic_filter)
            and len(topic_filter.encode()) <= limits.max_topic_bytes
            and topic_filter.count("/") < limits.max_topic_levels
            and (topic_filter in self.filters or len(self.filters) < limits.max_subscriptions)
            and self._access.may_subscribe(self._device, topic_filter)
        )
