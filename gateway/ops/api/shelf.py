"""What the API wants to know of the images in the cache."""

from collections.abc import Sequence
from typing import Protocol

from gateway.model.firmware import Image
from gateway.ports.firmware import Progress


class HeldImage(Protocol):
    """An image in the cache."""

    @property
    def image(self) -> Image:
        """What it is."""
        ...

    @property
    def version(self) -> str:
        """The version of the first order that named it, for people."""
        ...

    @property
    def module(self) -> str:
        """The module of that order."""
        ...

    @property
    def used_at(self) -> float:
        """When it was wanted last; Unix seconds."""
        ...


class Room(Protocol):
    """Bytes of the cache."""

    @property
    def quota(self) -> int:
        """How many it may hold."""
        ...

    @property
    def taken(self) -> int:
        """How many it holds."""
        ...


class Shelf(Protocol):
    """The cache, as far as it is looked at."""

    @property
    def figures(self) -> Room:
        """What it holds now."""
        ...

    def held(self) -> Sequence[HeldImage]:
        """Return the images, the one used last first."""
        ...

    def progress(self, key: str) -> Progress | None:
        """Tell how far the fetch is that the key waits for; None when it waits for none."""
        ...
