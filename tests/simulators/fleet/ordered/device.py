"""A device that does as it is told: it hears an order, fetches, checks, flashes, boots and says what it runs."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Self, assert_never

from tests.simulators.fleet.client import Client
from tests.simulators.fleet.device import Device
from tests.simulators.fleet.dialect import DIALECTS
from tests.simulators.fleet.ordered.behaviour import Behaviour, Manner
from tests.simulators.fleet.ordered.connection import Line
from tests.simulators.fleet.ordered.job import Job, ResetError
from tests.simulators.fleet.ordered.memory import Memory
from tests.simulators.fleet.ordered.order import Answer, Ask, Cancel, Order, chunk_topics, confirmation, read
from tests.simulators.fleet.saying import DEFAULT_MODULE, Saying, Word


class OrderedDevice:
    """One device that lives through any number of boots and connections; everything that it did can be read.

    `address` is the broker's, `manner` its behaviour; `modules` is what it runs beside `device.version`.
    """

    def __init__(
        self,
        device: Device,
        address: tuple[str, int],
        manner: Manner | None = None,
        *,
        modules: dict[str, str] | None = None,
    ) -> None:
        self.device = device
        self.manner = manner or Manner()
        self.memory = Memory(running={DEFAULT_MODULE: device.version, **(modules or {})})
        #: Acknowledged, in order.
        self.said: list[Saying] = []
        #: Heard, every copy.
        self.orders: list[Order] = []
        self.cancels: list[Cancel] = []
        self.asked = 0
        self.answered = 0
        #: Orders for what it runs, or is about to.
        self.repeats = 0
        #: Commands that it could not read.
        self.misunderstood: list[bytes] = []
        self.boots = 0
        self._address = address
        self._dice = Random(device.address)
        self._dialect = DIALECTS[device.dialect]
        self._line: Line | None = None
        self._power_lost = asyncio.Event()
        self._outage = 0.0
        self._begin()

    def _begin(self) -> None:
        """Forget what only the working memory knew."""
        self._waiting: asyncio.Queue[Order] = asyncio.Queue()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._dropped: set[tuple[str, str]] = set()
        self._job: Job | None = None
        self._power_lost.clear()

    @property
    def runs(self) -> dict[str, str]:
        """What it runs: module → version."""
        return dict(self.memory.running)

    @property
    def flashes(self) -> Counter[str]:
        """How often each version was written to its end; "mcu 2.0" for a module that is not the default one."""
        return Counter(self.memory.flashes)

    @property
    def words(self) -> list[str]:
        """What was said and acknowledged, in a few words, without the percents."""
        words = [f"version {each.version}" if each.word is Word.VERSION else each.word for each in self.said]
        return [word for at, word in enumerate(words) if at == 0 or word != words[at - 1]]

    @property
    def is_connected(self) -> bool:
        """Whether it is connected and subscribed now."""
        return self._line is not None and self._line.is_up

    @asynccontextmanager
    async def powered(self) -> AsyncIterator[Self]:
        """Let it live within the context."""
        living = asyncio.create_task(self.live(), name=f"device {self.device.address}")
        try:
            yield self
        finally:
            # A reset in the same moment swallows the cancellation: it is said until it is heard.
            while not living.done():
                living.cancel()
                await asyncio.wait([living], timeout=0.1)
            with suppress(asyncio.CancelledError):
                living.result()

    async def live(self) -> None:
        """Boot and serve, again and again, until cancelled."""
        while True:
            away = self.manner.boot_pause
            try:
                await self._boot()
            except* ResetError as resets:
                reset = resets.exceptions[0]
                away += reset.seconds if isinstance(reset, ResetError) else 0.0
            await asyncio.sleep(away)

    async def until(self, is_true: Callable[[Self], bool], *, within_s: float = 20.0) -> None:
        """Wait for what shall become true of it; TimeoutError says where it stands."""
        try:
            async with asyncio.timeout(within_s):
                while not is_true(self):
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise TimeoutError(f"{self.device.address} runs {self.runs} and said {self.words}") from None

    async def until_reported(self, version: str, *, within_s: float = 20.0) -> None:
        """Wait until it said, and got acknowledged, that it runs this version."""
        await self.until(lambda _: f"version {version}" in self.words[-1:], within_s=within_s)

    def confirm(self, accept: bool, version: str | None = None) -> None:  # noqa: FBT001 - the field of the message
        """Pass on what its user says; Tencent's devices have no word for it."""
        if self.device.dialect == "plain" and self._line is not None:
            self._line.client.say(self._dialect.up(self.device), confirmation(accept, version), "confirm")

    def cut_power(self, seconds: float = 0.2) -> None:
        """Take its power away now, for so long."""
        self._outage = seconds
        self._power_lost.set()

    async def _boot(self) -> None:
        self.boots += 1
        self._begin()
        self.memory.boot(self.manner)
        login = self._dialect.login(self.device, self._dice)
        client = Client(self._address, login, on_acknowledged=self._acknowledge)
        topics = [self._dialect.down(self.device)]
        if self.manner.fetch == "chunks":
            topics.append(chunk_topics(self.device)[1])
        self._line = Line(client, topics, self._dice)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._line.keep(self._hear), name="keeps connected")
            group.create_task(self._lose_power(client), name="may lose power")
            group.create_task(self._serve(self._line), name="serves")
            group.create_task(self._ask_user(self._line), name="asks its user")

    async def _lose_power(self, client: Client) -> None:
        await self._power_lost.wait()
        client.cut()
        raise ResetError(self._outage)

    async def _serve(self, line: Line) -> None:
        await line.up()
        self._report(line)
        await line.settled()
        await self._disturb_report(line)
        while True:
            order = await self._waiting.get()
            if order.target in self._dropped:
                self._dropped.discard(order.target)
                continue
            self._job = Job(
                device=self.device,
                manner=self.manner,
                memory=self.memory,
                order=order,
                line=line,
                chunks=self._chunks,
                say=self._say,
            )
            if await self._job.run():
                self._report(line)
            self._job = None

    async def _disturb_report(self, line: Line) -> None:
        """Sleep, or lose the power, right after the version was said."""
        if self.memory.shows_at(self.manner, Behaviour.SLEEPY, Word.VERSION):
            await line.nap(self.manner.away)
        if self.memory.shows_at(self.manner, Behaviour.POWER_CUT, Word.VERSION):
            self.cut_power(self.manner.away)

    async def _ask_user(self, line: Line) -> None:
        if self.manner.behaviour not in (Behaviour.AGREEING, Behaviour.REFUSING):
            return
        await line.up()
        for _ in range(self.manner.times):
            await asyncio.sleep(self.manner.away)
            if self.orders:
                return
            self.confirm(self.manner.behaviour is Behaviour.AGREEING)

    def _hear(self, topic: str, payload: bytes) -> None:
        if topic == chunk_topics(self.device)[1]:
            self._chunks.put_nowait(payload)
            return
        try:
            told = read(self.device.dialect, payload)
        except (KeyError, TypeError, ValueError):
            self.misunderstood.append(payload)
            return
        match told:
            case Order():
                self.orders.append(told)
                self._take(told)
            case Cancel():
                self.cancels.append(told)
                self._leave(told)
            case Ask():
                self.asked += 1
                self._report(self._line)
            case Answer():
                self.answered += 1
            case _:
                assert_never(told)

    def _take(self, order: Order) -> None:
        if self.manner.behaviour is Behaviour.DEAF and len(self.orders) <= self.manner.times:
            return
        if self.memory.running.get(order.module) == order.version:
            self.repeats += 1
            self._report(self._line)
        elif self._job is not None and self._job.order.target == order.target:
            self.repeats += 1
            self._job.repeat()
        else:
            self._waiting.put_nowait(order)

    def _leave(self, cancel: Cancel) -> None:
        if self._job is not None and self._job.order.target == cancel.target:
            self._job.is_withdrawn = True  # it reports when it stops
            return
        if not self._waiting.empty():
            self._dropped.add(cancel.target)
        self._report(self._line)

    def _report(self, line: Line | None) -> None:
        """Say what runs, module by module."""
        for module, version in self.memory.running.items() if line else ():
            saying = Saying(
                word=Word.VERSION,
                version=version,
                target=version,
                module=module,
                battery=self.manner.battery,
                signal=self.manner.signal,
            )
            self._say(saying)

    def _say(self, saying: Saying) -> None:
        """Publish a report."""
        if self._line is not None:
            self._line.client.say(self._dialect.up(self.device), self._dialect.phrase(saying), saying)

    def _acknowledge(self, what: object) -> None:
        if isinstance(what, Saying):
            self.said.append(what)
