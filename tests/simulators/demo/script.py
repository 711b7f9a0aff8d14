"""When what happens in the demo."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How many devices update by themselves, and how long the parts take, in seconds."""

    devices: int
    seconds: float
    seed: int

    @property
    def pace(self) -> float:
        """What one update takes that a device begins by itself, about."""
        return self.seconds * 0.6

    @property
    def spread(self) -> float:
        """Over which these devices begin."""
        return self.seconds * 0.3

    @property
    def order_pace(self) -> float:
        """What an update takes that was ordered, about."""
        return self.seconds * 0.25

    @property
    def orders_after(self) -> float:
        """How long the consoles wait once the devices are there."""
        return self.seconds * 0.05

    @property
    def sleep(self) -> float:
        """How long one device sleeps, from before the orders on."""
        return self.seconds * 0.5

    @property
    def hesitation(self) -> float:
        """How long a user takes to agree."""
        return self.seconds * 0.1

    @property
    def outage_from(self) -> float:
        """When a cloud goes away."""
        return self.seconds * 0.4

    @property
    def outage(self) -> float:
        """How long it stays away."""
        return min(8.0, self.seconds * 0.3)

    @property
    def deadline(self) -> float:
        """When everything must be over."""
        return self.seconds * 3 + 60
