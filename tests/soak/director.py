"""The soak from start to end: everything up, load and faults for so long, then peace, draining, and the judgement."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from random import Random
from typing import Any

import aiohttp

from tests.fire.box.injuries import FalseClock
from tests.integration.store.postgresql import Cluster
from tests.simulators.demo.clouds import Cloud
from tests.simulators.proxy import Proxy
from tests.soak.books import Books, Page
from tests.soak.disk import Disk
from tests.soak.faults import Arena, SkippedError, fault
from tests.soak.lives import Campaigns, Obeyer, Reporter, Town, acknowledged
from tests.soak.log import Struck
from tests.soak.report import Bounds, Report
from tests.soak.schedule import BRIEF, Planned, schedule
from tests.soak.site import House, People
from tests.soak.timed import Timed
from tests.soak.visits import Visits
from tests.soak.watching import SHOWN, Operators, Watch

HARVEST_EVERY = 1.0
#: Tracks without which the name of a fault does not say what it struck.
SIDED = frozenset({"tencent", "onenet", "line", "clock", "fuzz"})
REPORT_PACE, ORDER_PACE, CAMPAIGN = 25.0, 8.0, 60.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to play."""

    minutes: float
    seed: int
    bounds: Bounds = field(default_factory=Bounds)
    #: Seconds that everything may take to come to its end.
    drain: float = 300.0
    #: Whether the store is a PostgreSQL server's.
    on_server: bool = False


class Soak:
    """One soak."""

    def __init__(
        self,
        wanted: Wanted,
        *,
        house: House,
        people: People,
        clouds: tuple[Cloud, Cloud],
        disk: Disk,
        line: Proxy,
        cluster: Cluster | None,
        clock: FalseClock | None,
    ) -> None:
        """`line` leads to the gateway as well; `cluster` is where the store is a server's; `clock` is the gateway's."""
        self.wanted = wanted
        self.house = house
        self.clouds = clouds
        self.books = Books()
        is_brief = wanted.minutes <= BRIEF / 2
        tempo = 0.4 if is_brief else 1.0
        doors = house.mqtt_port, line.port
        self.town = Town(self.books, *clouds, doors[0], seed=wanted.seed, is_brief=is_brief)
        self.reporters = [
            Reporter(self.town, each, door=doors[number % 2], pace=REPORT_PACE * tempo)
            for number, each in enumerate(people.reporting)
        ]
        self.obeyers = [
            Obeyer(self.town, each, number=number, pace=ORDER_PACE * tempo)
            for number, each in enumerate(people.taking)
        ]
        self.campaigns = Campaigns(self.town, every=CAMPAIGN * tempo)
        self.watch = Watch(house, ready=wanted.bounds.ready)
        self.operators = Operators(house, lambda: self.watch.is_excused)
        self.timed = Timed(house.mqtt_port)
        self.visits = Visits(house, seed=wanted.seed)
        self.skipped: dict[str, str] = {}
        self.report = Report(
            seed=wanted.seed,
            minutes=wanted.minutes,
            bounds=wanted.bounds,
            devices=len(people.all) + 1,
            store="postgresql" if cluster else "sqlite",
        )
        self._disk, self._line_to_gateway, self._cluster, self._clock = disk, line, cluster, clock
        self._began = time.monotonic()

    def interrupt(self) -> None:
        """End early, in order."""
        self.report.interrupted = True
        self.town.is_over.set()

    async def play(self, say: Callable[[str], None]) -> Report:
        """Play all of it, and return what there is to say."""
        await self.house.begin()
        self._began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            beside = [
                group.create_task(work, name=name)
                for name, work in (
                    ("harvest", self._harvest()),
                    ("watch", self.watch.look()),
                    ("operators", self.operators.ask()),
                    ("timed device", self.timed.live()),
                    ("progress", self._progress(say)),
                )
            ]
            lives = [group.create_task(each.live(), name="reports") for each in self.reporters]
            lives += [group.create_task(each.live(self.campaigns), name="obeys") for each in self.obeyers]
            lives.append(group.create_task(self.campaigns.run(), name="campaigns"))
            await self._strike_all(say)
            self.report.lasted = time.monotonic() - self._began
            self.report.sent, self.report.acknowledged = acknowledged(self.reporters, self.obeyers)
            await self._drain(lives, say)
            for task in beside:
                task.cancel()
        await self._conclude()
        return self.report

    async def _strike_all(self, say: Callable[[str], None]) -> None:
        """Play every track beside the others, for as long as was wanted."""
        planned = sorted(schedule(self.wanted.seed, self.wanted.minutes), key=attrgetter("track", "at"))
        tracks = [list(each) for _, each in groupby(planned, key=attrgetter("track"))]
        playing = asyncio.gather(*(self._play_track(each, say) for each in tracks))
        await self._until(self.wanted.minutes * 60)
        await playing
        self.town.is_over.set()

    async def _play_track(self, planned: Sequence[Planned], say: Callable[[str], None]) -> None:
        arena = Arena(
            house=self.house,
            clouds={each.name: each for each in self.clouds},
            disk=self._disk,
            line=self._line_to_gateway,
            cluster=self._cluster,
            reporters=self.reporters,
            obeyers=self.obeyers,
            visits=self.visits,
            clock=self._clock,
            dice=Random(f"{self.wanted.seed}/{planned[0].track}"),
        )
        for each in planned:
            if not await self._until(each.at):
                return
            await self._strike(each, arena, say)

    async def _strike(self, planned: Planned, arena: Arena, say: Callable[[str], None]) -> None:
        kind, began = planned.kind, time.monotonic()
        self.watch.active[kind] += 1
        try:
            await fault(planned.track, kind)(arena, planned.seconds)
        except SkippedError as why:
            self.skipped[kind] = str(why)
            return
        except (AssertionError, TimeoutError, aiohttp.ClientError, OSError) as err:
            self.watch.seen.append(f"{kind}: {str(err)[:SHOWN] or 'the gateway was not ready in time'}")
            say(self.watch.seen[-1])
            if self.house.pid is None:
                self.town.is_over.set()  # there is nothing left to soak
        finally:
            self.watch.active[kind] -= 1
        name = f"{planned.track}: {kind}" if planned.track in SIDED else kind
        self.watch.struck.append(Struck(kind=kind, name=name, began=began, ended=time.monotonic()))

    async def _until(self, seconds: float) -> bool:
        """Wait until so long after the beginning; False when all is over before."""
        await self.town.pause(max(self._began + seconds - time.monotonic(), 0))
        return not self.town.is_over.is_set()

    async def _drain(self, lives: Sequence[asyncio.Task[None]], say: Callable[[str], None]) -> None:
        """Wait until every device has come to an end, and the gateway has nothing left to tell."""
        say("draining: nothing new begins")
        began = time.monotonic()
        for cloud in self.clouds:
            await cloud.set_faults(clear=True)
        _, late = await asyncio.wait(lives, timeout=self.wanted.drain)
        for obeyer in self.obeyers if late else ():
            say(obeyer.standing())
        for task in late:
            task.cancel()
        await asyncio.wait(lives)
        if self.house.pid is not None:
            await self._settle(began + self.wanted.drain)
        self.report.drained = time.monotonic() - began

    async def _settle(self, deadline: float) -> None:
        """Wait until no update is open, and no lane has a message."""
        left: dict[str, Any] = {}
        while True:
            try:
                status = await self.house.get("/api/v1/status")
            except (aiohttp.ClientError, OSError, TimeoutError) as err:
                left = {"status": str(err)}
            else:
                lanes = {name: lane["messages"] for name, lane in status["lanes"].items() if lane["messages"]}
                left = {**status["updates"], **lanes}
                self.report.gateway = _shown(status)
            if not left:
                return
            if time.monotonic() > deadline:
                self.watch.seen.append(f"left over: the gateway still has {left}")
                return
            await asyncio.sleep(1)

    async def _conclude(self) -> None:
        report = self.report
        for cloud in self.clouds:
            await self.books.harvest(cloud)
        code = await self.house.end() if self.house.pid is not None else None
        if code != 0:
            self.watch.seen.append(f"stop: the gateway ended with {code}")
        self.watch.read_log(is_last=True)
        report.judgement = self.books.judge()
        report.clouds = {
            each.name: _of_cloud(await each.summary(), self.books.pages[each.name]) for each in self.clouds
        }
        report.illegal_calls = [call for page in self.books.pages.values() for call in page.illegal]
        report.faults = dict(Counter(each.name for each in self.watch.struck))
        report.skipped, report.hostile = self.skipped, dict(self.visits.tried)
        report.starts, report.memory = self.house.readiness, self.watch.memory()
        report.puback_ms = {"p50": self.timed.quantile_ms(0.5), "p99": self.timed.quantile_ms(0.99)}
        report.requests = dict(self.operators.answers)
        report.explained_errors = dict(self.watch.explained)
        report.seen = [*self.watch.seen, *self.operators.seen, *self.visits.seen]

    async def _harvest(self) -> None:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):  # a busy machine: it is there the next time
                for cloud in self.clouds:
                    await self.books.harvest(cloud)
            await asyncio.sleep(HARVEST_EVERY)

    async def _progress(self, say: Callable[[str], None]) -> None:
        while True:
            say(self._line())
            await asyncio.sleep(10)

    def _line(self) -> str:
        _, said = acknowledged(self.reporters, self.obeyers)
        seconds = time.monotonic() - self._began
        memory = self.house.memory_mb()
        open_updates = sum(not self.books.has_heard(each) for each in self.books.updates)
        active = ", ".join(sorted(kind for kind, count in self.watch.active.items() if count)) or "peace"
        return (
            f"{seconds:6.0f} s  {said:7} reports  {len(self.books.updates):5} updates, {open_updates:3} open  "
            f"{len(self.house.readiness):3} starts  {memory[0] if memory else 0:4.0f} MB  {active}"
        )


def _of_cloud(summary: dict[str, Any], page: Page) -> dict[str, Any]:
    names = (
        "calls",
        "heard",
        "replies_lost",
        "verdicts",
        "faults",
        "peak_per_second",
    )
    return {
        **{name: summary[name] for name in names},
        "illegal": page.illegal_by_reason.total(),
        "illegal_by_reason": dict(page.illegal_by_reason),
        "out of order by a hostile device's own words": page.lies,
        "ends told again as they may": page.excused,
    }


def _shown(status: dict[str, Any]) -> dict[str, Any]:
    lanes = status["lanes"].items()
    return {
        "gateway: dead letters": {name: lane["dead_letters"] for name, lane in lanes},
        "gateway: parked devices": {name: lane["parked_devices"] for name, lane in lanes},
        "gateway: stalled updates": status["updates_stalled"],
    }
