"""A device that is there: from when it may be told something, and what it says of its strength."""

from dataclasses import dataclass, field

from gateway.model.commands import UpdateOrdered
from gateway.model.events import VersionReported
from gateway.model.identity import Module

#: Seconds that a device has to say what it runs, before it is told something; and one that usually does.
GRACE, LONG_GRACE = 10.0, 60.0


@dataclass(slots=True)
class Presence:
    """What is known of a device since it came."""

    since: float
    battery: int | None = None
    signal: int | None = None
    #: The modules of which it has said what they run.
    told: set[Module] = field(default_factory=set)
    #: Whether it was asked what it runs.
    is_asked: bool = False

    def hear(self, event: VersionReported) -> bool:
        """Learn what it says, and whether that is the first word of its module since it came.

        A module that has no word for battery and signal says nothing of the device.
        """
        is_first = event.module not in self.told
        self.told.add(event.module)
        self.battery = self.battery if event.battery is None else event.battery
        self.signal = self.signal if event.signal is None else event.signal
        return is_first

    def may_be_told(self, module: Module, *, tells: bool, is_begun: bool, now: float) -> bool:
        """Whether it has said what the module runs, or has let pass the time in which it would have.

        `tells`: it has said so before. What was begun is not sent once more to a device that may run it by now.
        """
        if module in self.told:
            return True
        patience = LONG_GRACE if tells else GRACE
        return not is_begun and now - self.since >= patience

    def suffices(self, command: UpdateOrdered) -> bool:
        """Whether it is strong enough for an order, as far as it said."""
        return _has(self.battery, command.min_power) and _has(self.signal, command.min_signal)


def _has(value: int | None, needed: int | None) -> bool:
    """Whether what the device said suffices; what it did not say is not held against it."""
    return value is None or needed is None or value >= needed
