"""The task road under any order of events: two clouds' wishes, a device, an operator, a failing store, restarts.

The real core around fakes, in a loop without real time. Each step is followed by a pause in which commits, lanes and
the courier work; what is told to the device is judged at the moment when it is told.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.core.courier import AGAIN_AFTER
from gateway.core.order_book import LAG
from gateway.model.commands import Install, Instruction, UpdateOrdered
from gateway.model.events import Confirmed, Event, StateReported, VersionReported
from gateway.model.identity import DEFAULT_MODULE, Lane, UpdateId, Version
from gateway.model.policy import Policy
from gateway.model.states import TABLE, Reason, State
from tests.unit.core.down import Down, wants
from tests.unit.core.fakes import FakeStore, Fate
from tests.unit.core.house import DEVICE, ONE, TWO, V1, V2, V3
from tests.unit.core.timeless import TimelessLoop

POLICY = Policy(
    retries=1,
    retry_after=timedelta(seconds=60),
    deadlines={state: timedelta(seconds=300) for state in State if TABLE[state].deadline},
)
#: Seconds after which whatever was begun is done, or counts as stalled.
LONG = 400.0

lanes = st.sampled_from([ONE, TWO])
versions = st.sampled_from([V1, V2, V3])
said = st.sampled_from(
    [State.DOWNLOADING, State.DOWNLOADED, State.INSTALLING, State.APPLYING, State.SUCCEEDED, State.FAILED]
)
reasons = st.sampled_from([Reason.UNKNOWN, Reason.CONNECTION_LOST])


@dataclass
class Judge:
    """Looks at each word to the device."""

    down: Down
    at: dict[UpdateId, float]

    def __call__(self, instruction: Instruction) -> None:
        """Find what must never be said."""
        if not isinstance(instruction, Install):
            return
        now = self.down.clock.now()
        update = self.down.newest()
        assert (instruction.update, instruction.version) == (update.id, update.target)
        assert self.down.record.running(DEVICE, DEFAULT_MODULE) != instruction.version
        assert update.ordered
        assert not update.state.is_terminal
        assert not update.is_held
        assert update.not_before <= now
        assert self.down.orders.serving(update)
        assert now - self.at.get(update.id, -AGAIN_AFTER) >= AGAIN_AFTER
        self.at[update.id] = now


class TaskRoad(RuleBasedStateMachine):
    """Two clouds, one device."""

    def __init__(self) -> None:
        super().__init__()
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
        self.loop = TimelessLoop()
        self.wishes: dict[Lane, UpdateOrdered] = {}
        self.handles = 0
        self.is_there = False
        self.stack = AsyncExitStack()
        self.store = FakeStore()
        self.run(self._start())

    def run(self, work: Coroutine[Any, Any, Any]) -> None:
        """Let the loop do it."""
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(work)

    async def _start(self) -> None:
        self.down = Down(policy=POLICY, store=self.store)
        self.down.outlet.watch = Judge(self.down, {})
        await self.down.load()
        await self.stack.enter_async_context(self.down.works())

    async def _stop(self) -> None:
        await self.stack.aclose()

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.down.engine.expire()
        await asyncio.sleep(0.5)

    def do(self, act: Callable[[], object]) -> None:
        """Do it within the loop, and let all that follows happen."""
        self.run(self._do(act))

    async def _do(self, act: Callable[[], object]) -> None:
        act()
        await self._pause(0.1)

    def say(self, event: Event) -> None:
        """Let the device say it."""
        self.do(lambda: self.down.publish(event))

    @initialize()
    def comes(self) -> None:
        """Begin with a device that is there."""
        self.connects(V1)

    @rule(lane=lanes, version=versions, confirm=st.booleans(), same=st.booleans())
    def a_cloud_orders(self, lane: Lane, version: Version, *, confirm: bool, same: bool) -> None:
        """Give a task, at times in the words of an older one, and answer with it."""
        self.handles += 1
        handle = f"task {version}" if same else f"task {self.handles}"
        self.wishes[lane] = wants(version, handle=handle, needs_confirmation=confirm)
        self.a_cloud_answers(lane)

    @rule(lane=lanes)
    def a_cloud_answers(self, lane: Lane) -> None:
        """Say what it wants, whatever it heard meanwhile."""
        wish = self.wishes.get(lane)
        self.do(lambda: self.down.take(lane, *([wish] if wish else [])))

    @rule(lane=lanes)
    def a_cloud_wants_no_more(self, lane: Lane) -> None:
        """Take its task back, or forget it."""
        self.wishes.pop(lane, None)
        self.a_cloud_answers(lane)

    @rule(state=said, version=st.none() | versions, reason=reasons, redelivered=st.booleans())
    def the_device_says(
        self, state: State, version: Version | None, reason: Reason, *, redelivered: bool
    ) -> None:
        """Tell of an update, its own or one that was ordered, in any order."""
        self.say(
            StateReported(device=DEVICE, state=state, version=version, reason=reason, redelivered=redelivered)
        )

    @rule(version=versions)
    def the_device_runs(self, version: Version) -> None:
        """Say what it runs."""
        self.say(VersionReported(device=DEVICE, version=version))

    @rule(accept=st.booleans())
    def the_user_answers(self, *, accept: bool) -> None:
        """Agree or refuse, asked or not."""
        self.say(Confirmed(device=DEVICE, accept=accept))

    @rule(version=st.none() | versions)
    def connects(self, version: Version | None) -> None:
        """Come, or subscribe again, and say what it runs or not."""
        self.do(lambda: self.down.courier.listening(DEVICE))
        self.is_there = True
        if version is not None:
            self.the_device_runs(version)

    @precondition(lambda self: self.is_there)
    @rule()
    def disconnects(self) -> None:
        """Go."""
        self.down.courier.gone(DEVICE)
        self.is_there = False

    @rule()
    def the_operator_cancels(self) -> None:
        """Whatever there is."""
        update = self.down.record.update(DEVICE, DEFAULT_MODULE)
        if update is not None:
            self.do(lambda: self.down.orders.cancel(update, Reason.CANCELED_BY_OPERATOR))

    @rule()
    def the_operator_tries_again(self) -> None:
        """Whatever ended."""
        update = self.down.record.update(DEVICE, DEFAULT_MODULE)
        if update is not None and update.state is not State.SUCCEEDED:
            self.do(lambda: self.down.orders.again(update))

    @rule(seconds=st.sampled_from([1.0, 15.0, LONG]))
    def time_passes(self, seconds: float) -> None:
        """Let nothing else happen."""
        self.run(self._pause(seconds))

    @rule(times=st.integers(1, 3))
    def the_store_fails(self, times: int) -> None:
        """Refuse the next commits."""
        self.store.fates.extend([Fate.REFUSED] * times)

    @rule()
    def the_gateway_starts_anew(self) -> None:
        """Lose all that is not in the store."""
        self.run(self._stop())
        self.store.fates.clear()
        self.stack = AsyncExitStack()
        self.run(self._start())
        self.is_there = False

    @invariant()
    def memory_is_what_the_store_holds(self) -> None:
        """Once nothing waits for a commit: updates, versions and orders."""
        self.run(self._settled())
        newest = {}
        for update in sorted(self.store.updates.values(), key=lambda update: update.number):
            newest[update.device, update.module] = update
        assert {(update.device, update.module): update for update in self.down.record.all()} == newest
        assert dict(self.down.record._versions) == self.store.versions
        rows = {row.key: row for row in self.down.orders.all()}
        assert rows == self.store.orders

    @invariant()
    def an_order_is_served_or_waits_for_something_else(self) -> None:
        """No row names an update that is not the newest while it is open; nobody waits for the target under way."""
        self.do(self.down.orders.tend)
        update = self.down.record.update(DEVICE, DEFAULT_MODULE)
        for row in self.down.orders.all():
            if row.update is None:
                assert update is not None
                assert not update.state.is_terminal
                assert update.target != row.command.version
            if row.update is not None and not row.is_closed:
                older = self.store.updates.get(row.update)
                is_newest = update is not None and update.id == row.update
                assert is_newest or older is None or older.state.is_terminal

    async def _settled(self) -> None:
        await asyncio.sleep(30 if self.store.fates else 0.5)
        await self.down.ledger.drain()

    def teardown(self) -> None:
        """Let everybody be good: then every wish comes to its end, and the device runs what was told last."""
        try:
            self.run(self._end_well())
        finally:
            self.run(self._stop())
            self.loop.close()
            structlog.reset_defaults()

    async def _end_well(self) -> None:
        self.store.fates.clear()
        await asyncio.sleep(60)
        runs = self.down.record.running(DEVICE, DEFAULT_MODULE) or V1
        for _ in range(8):
            seen = len(self.down.outlet.told)
            for lane in (ONE, TWO):
                self.down.take(lane, *self._wish(lane))
            self.down.here(version=runs)
            await asyncio.sleep(2.0)
            await self.down.say(Confirmed(device=DEVICE, accept=True))
            await asyncio.sleep(70)
            installs = [each for _, each in self.down.outlet.told[seen:] if isinstance(each, Install)]
            if installs:
                runs = installs[-1].version
                done = StateReported(device=DEVICE, state=State.SUCCEEDED, version=runs)
                await self.down.say(done, VersionReported(device=DEVICE, version=runs))
            self.down.courier.gone(DEVICE)
            await self._pause(LAG.total_seconds())
            if not installs:
                await self._pause(LONG)
        self._judge_the_end()

    def _wish(self, lane: Lane) -> list[UpdateOrdered]:
        """What the cloud still wants: it believes what it is told."""
        told = [row for row in self.down.orders.all() if row.lane == lane and row.is_closed]
        wish = self.wishes.get(lane)
        is_told = wish is not None and any(row.command.handle == wish.handle for row in told)
        return [wish] if wish is not None and not is_told else []

    def _judge_the_end(self) -> None:
        for lane, wish in self.wishes.items():
            row = self.down.row(lane)
            assert row.command.version == wish.version
            assert row.update is not None
            assert self.store.updates[row.update].state.is_terminal
        for update in self.down.record.open_updates():
            assert not update.ordered or not self.down.orders.serving(update)


TaskRoad.TestCase.settings = settings(
    max_examples=20, stateful_step_count=20, suppress_health_check=list(HealthCheck)
)
TestTaskRoad = TaskRoad.TestCase


def test_a_judge_finds_what_must_not_be_said() -> None:
    """A property that cannot fail proves nothing."""
    loop = TimelessLoop()

    async def story() -> None:
        down = Down(policy=POLICY)
        async with down.open():
            down.take(ONE, wants(V2))
            await down.say(VersionReported(device=DEVICE, version=V1))
            install = Install(
                device=DEVICE, update=down.update.id, version=V2, image=_image(), url="http://gateway.test/x"
            )
            judge = Judge(down, {})
            judge(install)
            for wrong in (install, replace(install, version=V3), replace(install, update=UpdateId("x"))):
                try:
                    judge(wrong)
                except AssertionError:
                    continue
                raise LookupError(wrong)

    loop.run_until_complete(story())
    loop.close()


def _image() -> Any:
    return None
