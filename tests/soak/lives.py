"""The devices, living from one update to the next until they are told that it is enough.

A device begins an update when the clouds have heard how the one before ended, as consoles do it. What a device knows to
have said goes into the books; whoever cuts it off, does so from outside.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from random import Random

from tests.simulators.demo.campaign import Taker
from tests.simulators.demo.clouds import Cloud
from tests.simulators.demo.site import Member
from tests.simulators.fleet import DONE, ROLLED_BACK, Ending
from tests.simulators.fleet.cast import ROLES
from tests.simulators.fleet.ordered import Behaviour, Manner
from tests.simulators.fleet.player import Facts, Player
from tests.simulators.fleet.saying import DEFAULT_MODULE, Failure, Saying, Word
from tests.soak.books import Books, Update
from tests.soak.site import CHUNKY, at

LOOK_EVERY = 0.5  # seconds
IMAGE = 384 * 1024  # bytes
CHUNK, PART = 4096, 32768  # bytes that a device takes at once, over MQTT and over HTTP
BATTERY = Failure(phase="install", reason="LOW_BATTERY", tencent=-5, onenet=202, text="3.0 V")
CODE = Failure(phase="install", reason="-5", tencent=-5, onenet=206, text="burn")
#: How a device takes an order, each as often as it stands here.
MANNERS = (
    *[Behaviour.OBEDIENT] * 5,
    *[Behaviour.SLEEPY] * 2,
    *[Behaviour.POWER_CUT] * 2,
    Behaviour.ROLLING_BACK,
    Behaviour.FAILING,
)
ALWAYS = 1000
BOTH = ("tencent", "onenet")


class Town:
    """What all devices share."""

    def __init__(
        self, books: Books, tencent: Cloud, onenet: Cloud, port: int, *, seed: int, is_brief: bool
    ) -> None:
        self.books = books
        self.tencent = tencent
        self.onenet = onenet
        self.port = port
        self.seed = seed
        #: Nobody rolls back where there is no time to believe it: that takes two minutes after a gateway's start.
        self.is_brief = is_brief
        #: Set when nothing new is to begin.
        self.is_over = asyncio.Event()

    def dice(self, member: Member) -> Random:
        """Return a device's own."""
        return Random(f"{self.seed}/{member.device.address}")

    async def heard(self, update: Update) -> None:
        """Wait until the clouds have heard the end of it."""
        while not self.books.has_heard(update):
            await asyncio.sleep(LOOK_EVERY)

    async def pause(self, seconds: float) -> None:
        """Wait for so long, or until all is over."""
        try:
            async with asyncio.timeout(seconds):
                await self.is_over.wait()
        except TimeoutError:
            pass


class Reporter:
    """A device that updates by itself and reports."""

    def __init__(self, town: Town, member: Member, *, door: int, pace: float) -> None:
        """`door` is the port by which it comes."""
        self._address = ("127.0.0.1", door)
        self._town = town
        self._member = member
        self._pace = pace
        self._dice = town.dice(member)
        self._runs = member.device.version
        self._player: Player | None = None
        self._before: list[Facts] = []

    @property
    def facts(self) -> list[Facts]:
        """What it did in each update."""
        return [*self._before, *([self._player.facts] if self._player else [])]

    def cut(self) -> None:
        """Break its connection."""
        if self._player is not None:
            self._player.cut()

    async def live(self) -> None:
        """Update, and update again."""
        await self._town.pause(self._dice.uniform(0, self._pace))
        for number in count(2):
            if self._town.is_over.is_set():
                return
            await self._update(f"{number}.{self._town.seed}")
            await self._town.pause(self._dice.uniform(0.5, 2))

    async def _update(self, version: str) -> None:
        town, member = self._town, self._member
        roles = [role for role in ROLES if not (town.is_brief and role[0] == "rolled_back")]
        plot, temper = self._dice.choice(roles)
        await town.tencent.order([member.device.address], version)
        if member.has_task:
            await town.onenet.order([member.dev_id], version)
        update = town.books.open(member, version, at_onenet=member.has_task)
        self._player = Player(
            at(member, self._runs, version, plot=plot, temper=temper),
            address=self._address,
            dice=self._dice,
            pace=self._pace,
            window=1,
        )
        await self._player.play()
        update.ending = self._player.results[version].ending
        self._before, self._player = [*self._before, _slim(self._player.facts)], None
        if update.ending == DONE:
            self._runs = version
        await town.heard(update)


def _slim(facts: Facts) -> Facts:
    """Keep the counts; what was said has been judged."""
    return replace(facts, said=[])


class Counted(Taker):
    """Counts what was acknowledged as well; of what it said it keeps the last."""

    settled = 0

    def _acknowledge(self, what: object) -> None:
        super()._acknowledge(what)
        self.settled += isinstance(what, Saying)


class Obeyer:
    """A device that both clouds order about."""

    def __init__(self, town: Town, member: Member, *, number: int, pace: float) -> None:
        self._town = town
        self._member = member
        self._pace = pace
        self._dice = town.dice(member)
        self._part = CHUNK if number % (2 * CHUNKY) == 0 else PART
        self.taker = Counted(member.device, ("127.0.0.1", town.port), self._manner(Behaviour.OBEDIENT))

    async def live(self, campaigns: "Campaigns") -> None:
        """Take order after order."""
        async with self.taker.powered():
            version = ""
            while (version := await campaigns.after(version)) and not self._town.is_over.is_set():
                await self._update(version)

    async def _update(self, version: str) -> None:
        town, member, taker = self._town, self._member, self.taker
        choice = self._dice.choice([each for each in MANNERS if not self._is_left_out(each)])
        taker.manner, taker.memory.disturbed = self._manner(choice), 0
        address, asks = member.device.address, self._asks()
        clouds = ("tencent",) if asks else self._dice.choice([BOTH, BOTH, ("tencent",), ("onenet",)])
        update = town.books.open(member, version, at_onenet="onenet" in clouds)
        if "tencent" in clouds:
            await town.tencent.order([address], version, image_size=IMAGE, confirm=asks)
        if "onenet" in clouds:
            await town.onenet.order([member.dev_id], version, image_size=IMAGE)
        while not town.books.has_heard(update):
            await asyncio.sleep(LOOK_EVERY)
            if asks and taker.is_connected and not any(each.version == version for each in taker.orders):
                taker.confirm(True)
                await asyncio.sleep(5 * LOOK_EVERY)
        update.ending = self._ending(version)
        self._forget()

    def _ending(self, version: str) -> Ending | None:
        """Say what it has come to: what runs, or what its manner is."""
        manner = self.taker.manner
        if self.taker.runs[DEFAULT_MODULE] == version:
            return DONE
        if manner.behaviour is Behaviour.ROLLING_BACK and self.taker.flashes[version]:
            return ROLLED_BACK
        return (
            Ending.failed(manner.failure)
            if manner.behaviour is Behaviour.FAILING and manner.failure
            else None
        )

    def _forget(self) -> None:
        """Let go of what has been judged, so that an hour holds no more than a minute."""
        del self.taker.said[:-1], self.taker.orders[:-1], self.taker.cancels[:]

    def standing(self) -> str:
        """Say where it stands, for whoever wonders why it does not end."""
        taker = self.taker
        words = [str(each) for each in taker.said[-4:]]
        return (
            f"{self._member.device.address} is {'there' if taker.is_connected else 'away'}, "
            f"{taker.manner.behaviour} at {taker.manner.at}, runs {taker.runs[DEFAULT_MODULE]}, "
            f"has {len(taker.orders)} orders and said {words} in {taker.boots} boots"
        )

    def _asks(self) -> bool:
        return self._member.device.dialect == "plain" and self._dice.random() < 0.15

    def _is_left_out(self, behaviour: Behaviour) -> bool:
        return self._town.is_brief and behaviour is Behaviour.ROLLING_BACK

    def _manner(self, behaviour: Behaviour) -> Manner:
        plain = Manner(
            fetch="chunks" if self._part == CHUNK else "http",
            part=self._part,
            part_pause=self._pace * 0.5 * self._part / IMAGE,
            flash_pause=self._pace * 0.2,
            boot_pause=self._pace * 0.1,
            away=self._pace * self._dice.uniform(0.1, 0.5),
            behaviour=behaviour,
        )
        at_word = self._dice.choice((Word.DOWNLOADING, Word.DOWNLOADED, Word.INSTALLING))
        match behaviour:
            case Behaviour.ROLLING_BACK:
                return replace(plain, times=ALWAYS)
            case Behaviour.FAILING:
                failure = BATTERY if self._member.device.dialect == "plain" else CODE
                return replace(plain, times=ALWAYS, at=Word.INSTALLING, failure=failure)
            case _:
                return replace(plain, at=at_word)


class Campaigns:
    """A new version for the devices that take orders, every so many seconds."""

    def __init__(self, town: Town, *, every: float) -> None:
        self._town = town
        self._every = every
        self.versions: list[str] = ["2.0"]
        self._news = asyncio.Condition()

    async def run(self) -> None:
        """Publish until all is over."""
        while not self._town.is_over.is_set():
            await self._town.pause(self._every)
            async with self._news:
                self.versions.append(f"{len(self.versions) + 2}.0")
                self._news.notify_all()

    async def after(self, version: str) -> str:
        """Wait for a newer one and return it; nothing when all is over."""
        async with self._news:
            await self._news.wait_for(lambda: self.versions[-1] != version or self._town.is_over.is_set())
        return "" if self._town.is_over.is_set() else self.versions[-1]


def acknowledged(reporters: Sequence[Reporter], obeyers: Sequence[Obeyer]) -> tuple[int, int]:
    """Count what was sent, and what has its PUBACK."""
    facts = [each for reporter in reporters for each in reporter.facts]
    sent = sum(each.sent for each in facts) + sum(each.taker.sent for each in obeyers)
    said = sum(each.acknowledged for each in facts) + sum(each.taker.settled for each in obeyers)
    return sent, said
