"""What goes on all the time beside the devices and the faults: scrapes and calls, and the watch over the process."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

import aiohttp

from tests.soak.log import Log, Struck, complaints, is_explained, is_hostile
from tests.soak.memory import Memory, Sample, measure
from tests.soak.schedule import RESTARTS
from tests.soak.site import House

EVERY = 1.0  # seconds
SAMPLE_EVERY = 2.0
PATHS = ("/metrics", "/api/v1/status", "/api/v1/updates", "/api/v1/devices", "/healthz", "/readyz", "/")
#: While one of these is at work, and a while after it, the gateway need not be ready.
UNREADY = frozenset({"kill", "terminate", "freeze", "disk_full", "store_locked"})
SHOWN = 400  # characters of a log line


class Operators:
    """A scraper, and somebody who looks at the API."""

    def __init__(self, house: House, is_excused: Callable[[], bool]) -> None:
        self._house = house
        self._is_excused = is_excused
        self.answers: Counter[str] = Counter()
        self.seen: list[str] = []

    async def ask(self) -> None:
        """Ask until cancelled."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session:
            while True:
                for path in PATHS:
                    await self._ask(session, path)
                await asyncio.sleep(EVERY)

    async def _ask(self, session: aiohttp.ClientSession, path: str) -> None:
        address = f"http://127.0.0.1:{self._house.http_port}{path}"
        try:
            async with session.get(address) as answer:
                await answer.read()
                self.answers[f"{path} {answer.status}"] += 1
                if answer.status == 500 and not self._is_excused():
                    self.seen.append(f"http: {path} was answered with 500")
        except (aiohttp.ClientError, OSError, TimeoutError):
            self.answers[f"{path} no answer"] += 1


class Watch:
    """Looks at the process, its memory and its log."""

    def __init__(self, house: House, *, ready: float) -> None:
        self._house = house
        self._ready = ready
        self._log = Log(house.directory / "gateway.log")
        self._last_ready = time.monotonic()
        #: Event, when it was read, and the line.
        self._pending: list[tuple[str, float, str]] = []
        #: Faults that have healed, and the kinds at work now.
        self.struck: list[Struck] = []
        self.active: Counter[str] = Counter()
        self.samples: list[Sample] = []
        self.peak_mb = 0.0
        self.explained: Counter[str] = Counter()
        self.seen: list[str] = []

    @property
    def is_excused(self) -> bool:
        """Whether a fault is at work, or was lately, that lets the gateway be unready."""
        return any(self.active[kind] for kind in UNREADY) or any(
            each.kind in UNREADY and each.ended > time.monotonic() - self._ready for each in self.struck[-20:]
        )

    async def look(self) -> None:
        """Look until cancelled."""
        while True:
            self._sample()
            await self._look_for_life()
            await self._look_for_readiness()
            self.read_log()
            await asyncio.sleep(SAMPLE_EVERY)

    def memory(self) -> Memory:
        """Say what was measured."""
        return measure(self.samples, peak_mb=self.peak_mb)

    def read_log(self, *, is_last: bool = False) -> None:
        """Take new errors down; what no fault explains is a breach, once all faults of its time are known."""
        now = time.monotonic()
        self._pending += [(event, now, line) for event, line in complaints(self._log.news())]
        if any(self.active.values()) and not is_last:
            return
        for event, at, line in self._pending:
            if is_hostile(event, line) or is_explained(event, at, self.struck):
                self.explained[event] += 1
            else:
                self.seen.append(f"log: {line[:SHOWN]}")
        self._pending = []

    def _sample(self) -> None:
        if not (held := self._house.memory_mb()) or not self._house.began:
            return
        at = time.monotonic() - self._house.began
        self.samples.append(Sample(life=len(self._house.readiness), at=at, mb=held[0]))
        self.peak_mb = max(self.peak_mb, held[1])

    async def _look_for_life(self) -> None:
        """Start it again if it has ended by itself, as a service manager does."""
        process = self._house.process
        if process is None or process.returncode is None or any(self.active[kind] for kind in RESTARTS):
            return
        self.seen.append(f"ended: the gateway ended by itself with {process.returncode}")
        with suppress(TimeoutError):
            await self._house.begin()

    async def _look_for_readiness(self) -> None:
        if await self._house.is_ready() or self.is_excused:
            self._last_ready = time.monotonic()
        elif time.monotonic() - self._last_ready > self._ready:
            self.seen.append(f"unready: for {self._ready:.0f} s, and no fault explains it")
            self._last_ready = time.monotonic()


def counts(struck: Sequence[Struck]) -> Counter[str]:
    """Count faults by kind."""
    return Counter(each.kind for each in struck)
