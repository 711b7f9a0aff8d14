"""What one device wants to hear."""

from gateway.devices.broker.errors import Ending
from gateway.devices.broker.limits import Limits
from gateway.devices.broker.topics import matches
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

    def add(self, topic_filter: str) -> Ending | None:
        """Take a well-formed filter, or return what stands against it."""
        if objection := self._objection(topic_filter):
            return objection
        self.filters |= {topic_filter}
        return None

    def remove(self, topic_filter: str) -> None:
        """Forget a filter, known or not."""
        self.filters -= {topic_filter}

    def want(self, topic: str) -> bool:
        """Whether a publish to this topic concerns the device."""
        return topic in self.filters or any(matches(each, topic) for each in self.filters)

    def _objection(self, topic_filter: str) -> Ending | None:
        limits = self._limits
        if not self._access.may_subscribe(self._device, topic_filter):
            return Ending.ACL
        fits = (
            len(topic_filter.encode()) <= limits.max_topic_bytes
            and topic_filter.count("/") < limits.max_topic_levels
            and (topic_filter in self.filters or len(self.filters) < limits.max_subscriptions)
        )
        return None if fits else Ending.SUBSCRIPTIONS
