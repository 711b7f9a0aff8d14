"""What a device may touch: exactly the topics and filters that its dialect gives it, never one of its own making."""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Final, NamedTuple

from gateway.devices.dialects import Dialect
from gateway.model.identity import DeviceId

#: Where everyone may log in, names have no end; and a name costs more than a kilobyte.
_MAX_REMEMBERED: Final = 16_384
_NOTHING: Final[frozenset[str]] = frozenset()


class _Topics(NamedTuple):
    up: frozenset[str]
    down: frozenset[str]


class Rights:
    """Answers from sets that are built once per device and forgotten, least used first, when too many are kept."""

    def __init__(self, dialects: Mapping[str, Dialect]) -> None:
        # Of a function, not of a method: it would keep itself, with all that it remembers, when others take its place.
        self._topics = lru_cache(maxsize=_MAX_REMEMBERED)(partial(_built, dict(dialects)))

    def may_publish(self, device: DeviceId, topic: str) -> bool:
        """Whether the topic is one of the device's own up topics."""
        return topic in self._topics(device).up

    def may_subscribe(self, device: DeviceId, topic_filter: str) -> bool:
        """Whether the filter matches nothing but the device's own down topics."""
        return topic_filter in self._topics(device).down


def _built(dialects: Mapping[str, Dialect], device: DeviceId) -> _Topics:
    dialect = dialects.get(device.product_id)
    if dialect is None:
        return _Topics(_NOTHING, _NOTHING)
    return _Topics(dialect.up_topics(device), dialect.down_filters(device))
