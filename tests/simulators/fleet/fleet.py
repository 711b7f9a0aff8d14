"""Many devices in one process, and the ledger of what they know to have arrived."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from operator import attrgetter
from random import Random

from tests.simulators.fleet.device import Device
from tests.simulators.fleet.ending import ROLLED_BACK, Ending, Result
from tests.simulators.fleet.player import Facts, Player


class Fleet:
    """Devices that play their stories against one broker; the same seed tells the same stories.

    ``pace``: seconds that an update takes, about; 0 is as fast as the PUBACKs come. ``spread``: seconds over which
    the devices begin. ``window``: publishes that one device may have in flight; 1 awaits each PUBACK.
    """

    def __init__(
        self,
        address: tuple[str, int],
        devices: Iterable[Device],
        *,
        seed: int = 0,
        pace: float = 0.0,
        spread: float = 0.0,
        window: int = 1,
    ) -> None:
        self._spread = spread
        self._dice = Random(seed)
        self.players = {
            device.address: Player(
                device,
                address=address,
                dice=Random(f"{seed}/{device.address}"),
                pace=pace,
                window=window,
            )
            for device in devices
        }

    async def run(self) -> None:
        """Play all stories until every publish is acknowledged, through any number of lost connections."""
        async with asyncio.TaskGroup() as group:
            for address, player in self.players.items():
                group.create_task(
                    self._start(player, self._spread * self._dice.random()), name=f"device {address}"
                )

    async def _start(self, player: Player, delay: float) -> None:
        await asyncio.sleep(delay)
        await player.play()

    @property
    def devices(self) -> dict[str, Device]:
        """The devices by address."""
        return {address: player.device for address, player in self.players.items()}

    @property
    def sent(self) -> int:
        """Publishes, each counted once."""
        return self._total("sent")

    @property
    def resent(self) -> int:
        """Publishes that went out again on a new connection."""
        return self._total("resent")

    @property
    def acknowledged(self) -> int:
        """Publishes with a PUBACK."""
        return self._total("acknowledged")

    @property
    def garbage(self) -> int:
        """Publishes that nobody can understand, with a PUBACK."""
        return self._total("garbage")

    @property
    def truth(self) -> dict[str, dict[str, Result]]:
        """What is certain: device → version → what it said and how it ended."""
        return {address: player.results for address, player in self.players.items()}

    @property
    def stages(self) -> Counter[str]:
        """How many devices stand where: ``waiting``, the word said last, in the end ``done, failed, rolled back``."""
        return Counter(_stage(player.facts, player.results) for player in self.players.values())

    def _total(self, name: str) -> int:
        return sum(map(attrgetter(f"facts.{name}"), self.players.values()))


def _stage(facts: Facts, results: dict[str, Result]) -> str:
    if not facts.said:
        return "waiting"
    ending = results[facts.said[-1].target].ending
    match ending:
        case None:
            return facts.said[-1].word.value
        case Ending(state="done"):
            return "done"
        case _:
            return "rolled back" if ending == ROLLED_BACK else "failed"
