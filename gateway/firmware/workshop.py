"""What all fetches of the site share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from gateway.firmware.catalogue import Catalogue
from gateway.firmware.disk import Disk
from gateway.firmware.figures import Tally
from gateway.firmware.proofs import Proofs
from gateway.firmware.room import Room
from gateway.firmware.shelf import Shelf
from gateway.firmware.troubles import trouble_with_disk

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """The rooms' tools, made once."""

    shelf: Shelf
    disk: Disk
    catalogue: Catalogue
    proofs: Proofs
    room: Room
    tally: Tally
    #: Unix seconds.
    now: Callable[[], float]

    async def work(self, task: Callable[..., _Result], *args: Any) -> _Result:
        """Touch files in a thread; raises NotNowError where the disk does not play along."""
        try:
            return await self.disk.run(task, *args)
        except OSError as error:
            raise trouble_with_disk(error) from error
