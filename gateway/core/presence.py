"""A device that is there: from when it may be told something, and what it says of its strength."""

from dataclasses import dataclass

from gateway.model.commands import UpdateOrdered
from gateway.model.events import VersionReported


@dataclass(slots=True)
class Presence:
    """What is known of a device since it came."""

    tellable_at: float
    battery: int | None = None
    signal: int | None = None

    def hear(self, event: VersionReported, *, now: float) -> None:
        """Learn what it says; a module that has no word for battery and signal says nothing of the device."""
        self.tellable_at = now
        self.battery = self.battery if event.battery is None else event.battery
        self.signal = self.signal if event.signal is None else event.signal

    def suffices(self, command: UpdateOrdered) -> bool:
        """Whether it is strong enough for an order, as far as it said."""
        return _has(self.battery, command.min_power) and _has(self.signal, command.min_signal)


def _has(value: int | None, needed: int | None) -> bool:
    """Whether what the device said suffices; what it did not say is not held against it."""
    return value is None or needed is None or value >= needed
