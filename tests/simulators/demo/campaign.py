"""The devices that take orders, at work: powered, ordered about, and asked what became of them."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from tests.simulators.demo.clouds import Cloud
from tests.simulators.demo.roles import SIZES, Asked, Role
from tests.simulators.demo.site import MANUF, MODEL
from tests.simulators.fleet import DONE, ROLLED_BACK, Ending
from tests.simulators.fleet.ordered import OrderedDevice, OrderedFleet
from tests.simulators.fleet.saying import DEFAULT_MODULE, Saying, Word

#: What the device said last → what it does then.
_DOES = {
    Word.DOWNLOADING: "fetching",
    Word.DOWNLOADED: "checking",
    Word.VERIFIED: "checking",
    Word.INSTALLING: "flashing",
    Word.APPLYING: "booting",
    Word.DONE: "booting",
    Word.FAILED: "failed",
}


class Taker(OrderedDevice):
    """A device that also counts what it sends."""

    sent = 0

    def _say(self, saying: Saying) -> None:
        super()._say(saying)
        self.sent += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a device stands, in a word for all and in a few for itself."""

    name: str
    does: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What became of a device, by its own account."""

    role: Role
    #: Version → how often it was written to its end.
    flashes: dict[str, int]
    runs: str
    boots: int
    #: Commands that it could not read.
    misunderstood: int
    ending: Ending | None

    def differences(self) -> Iterator[str]:
        """Yield a sentence for everything that is not as it should be."""
        address, target = self.role.device.address, self.role.target
        expected = ROLLED_BACK if self.role.rolls_back else DONE
        if self.ending is None:
            yield f"{address} was to run {target} and has not finished; it runs {self.runs}"
        elif self.ending != expected:
            yield f"{address} says that it ended with {self.ending.why}; it should be {expected.why}"
        if self.flashes != {target: 1}:
            yield f"{address} wrote its flash: {self.flashes}; it should be {target}, once"
        if self.misunderstood:
            yield f"{address} could not read {self.misunderstood} commands"


class Campaign:
    """All of them."""

    def __init__(self, roles: Sequence[Role], mqtt: tuple[str, int]) -> None:
        self.roles = roles
        self.takers = {role.device.address: Taker(role.device, mqtt, role.manner) for role in roles}
        self.is_ordered = False
        #: Addresses of those for which somebody has agreed.
        self.agreed: set[str] = set()

    @asynccontextmanager
    async def powered(self) -> AsyncIterator[Self]:
        """Let them live within the context."""
        async with OrderedFleet(self.takers.values()).powered():
            yield self

    @property
    def sleeper(self) -> Taker:
        """The one that sleeps when the orders come."""
        return self._the(next(role for role in self.roles if role.is_asleep))

    def asker(self, whom: Asked) -> Taker:
        """Return the one that may begin only when its user, or an operator, has agreed."""
        return self._the(next(role for role in self.roles if role.asks == whom))

    @property
    def is_connected(self) -> bool:
        """Whether all are there and have said what they run."""
        return all(each.is_connected and each.said for each in self.takers.values())

    @property
    def is_over(self) -> bool:
        """Whether every update has ended, and everything said is acknowledged."""
        return all(deed.ending is not None for deed in self.deeds()) and self.sent == self.acknowledged

    @property
    def sent(self) -> int:
        """Reports, each counted once."""
        return sum(each.sent for each in self.takers.values())

    @property
    def acknowledged(self) -> int:
        """Reports with a PUBACK."""
        return sum(len(each.said) for each in self.takers.values())

    def given(self, target: str) -> int:
        """Count the images of a version that devices have received and found whole."""
        return sum(each.flashes[target] for each in self.takers.values())

    def deeds(self) -> list[Deed]:
        """Return what became of each."""
        return [self._deed(role) for role in self.roles]

    def endings(self) -> dict[str, Ending]:
        """Return how those that have finished ended."""
        return {deed.role.device.address: deed.ending for deed in self.deeds() if deed.ending is not None}

    def standings(self) -> list[Standing]:
        """Return where each stands."""
        return [self._standing(role) for role in self.roles]

    async def introduce(self, tencent: Cloud, onenet: Cloud) -> None:
        """Make them known to both clouds."""
        await tencent.introduce([role.device.address for role in self.roles])
        dev_ids = [role.member.dev_id for role in self.roles]
        await onenet.introduce(dev_ids, manuf=MANUF, model=MODEL)

    async def order(self, tencent: Cloud, onenet: Cloud) -> None:
        """Order at both consoles, one campaign for each version."""
        for target, size in SIZES.items():
            mine = [role for role in self.roles if role.target == target]
            at_tencent = [role for role in mine if "tencent" in role.ordered_by]
            for confirm in (False, True):
                addresses = [role.device.address for role in at_tencent if bool(role.asks) is confirm]
                if addresses:
                    await tencent.order(addresses, target, image_size=size, confirm=confirm)
            dev_ids = [role.member.dev_id for role in mine if "onenet" in role.ordered_by]
            await onenet.order(dev_ids, target, image_size=size)
        self.is_ordered = True

    def _the(self, role: Role) -> Taker:
        return self.takers[role.device.address]

    def _deed(self, role: Role) -> Deed:
        taker = self._the(role)
        return Deed(
            role=role,
            flashes=dict(taker.flashes),
            runs=taker.runs[DEFAULT_MODULE],
            boots=taker.boots,
            misunderstood=len(taker.misunderstood),
            ending=_ending(taker, role.target),
        )

    def _standing(self, role: Role) -> Standing:
        taker, name = self._the(role), role.device.name
        ending, said = _ending(taker, role.target), taker.said[-1] if taker.said else None
        if ending is not None:
            return _ended(name, ending, taker.runs[DEFAULT_MODULE])
        if said is None:
            return Standing(name=name, does="starting")
        if not taker.is_connected and said.word is not Word.DONE:
            return Standing(name=name, does="asleep" if role.is_asleep else "away")
        if said.word is Word.VERSION:
            return self._idle(role, said.version)
        percent = f"{said.percent} %" if said.percent is not None else ""
        return Standing(name=name, does=_DOES[said.word], detail=percent)

    def _idle(self, role: Role, runs: str) -> Standing:
        name, address = role.device.name, role.device.address
        if self.is_ordered and role.asks and address not in self.agreed:
            return Standing(name=name, does="asking", detail=role.asks)
        return Standing(name=name, does="idle", detail=f"runs {runs}")


def _ended(name: str, ending: Ending, runs: str) -> Standing:
    if ending == DONE:
        return Standing(name=name, does="done", detail=f"runs {runs}")
    return Standing(name=name, does="rolled back", detail=f"to {runs}")


def _ending(taker: Taker, target: str) -> Ending | None:
    """Say how its update ended, once it has flashed, and said and got acknowledged what it runs since."""
    last = taker.said[-1] if taker.said else None
    if not taker.flashes[target] or last is None or last.word is not Word.VERSION:
        return None
    return DONE if last.version == target else ROLLED_BACK
