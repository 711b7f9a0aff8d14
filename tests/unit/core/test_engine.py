"""The engine: what events become, for whom, and what clouds and time do to updates."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from gateway.core.acquaintances import MAX_MODULES
from gateway.core.backlog import LEAST, SHARE
from gateway.model import codec
from gateway.model.commands import Command, TaskAbsent, TaskCanceled, TaskConflict
from gateway.model.events import StateReported
from gateway.model.identity import DEFAULT_MODULE, DeviceId, Module, UpdateId, Version
from gateway.model.policy import Policy
from gateway.model.states import Phase, Reason, State
from gateway.model.update import Update
from gateway.ports.store import Delivered, Entry, Kind, Quarantined
from tests.unit.core.fakes import FakeStore, Fate, teaches
from tests.unit.core.house import BOTH, DEVICE, MUTE, ONE, QUOTA, SOLE, TWO, V1, V2, V3, House, runs, told

LONE = DeviceId(SOLE, "dev01")
FIRST = UpdateId(f"{LONE}/default/1")
EVIDENCE = Policy(needs_evidence=True)


def canceled(version: Version = V2) -> TaskCanceled:
    """Say that the cloud called off the lone device's task."""
    return TaskCanceled(device=LONE, module=DEFAULT_MODULE, version=version)


def kinds(house: House, commit: int = -1) -> list[tuple[str, str, str]]:
    """What a commit told to whom: lane, kind, state."""
    changes = house.store.commits[commit]
    messages = [*changes.messages, *changes.progress.values()]
    return [(m.lane, m.kind.name, m.event.state.value) for m in messages]


async def test_one_event_is_told_to_every_lane_of_its_product() -> None:
    """Fan-out: each cloud has its own copy in its own queue."""
    house = House()
    async with house.committing():
        await house.say(told(State.DOWNLOADING), told(State.DOWNLOADING, device=LONE))
    assert kinds(house, 0) == [(ONE, "TRANSITION", "downloading"), (TWO, "TRANSITION", "downloading")]
    assert kinds(house, 1) == [(ONE, "TRANSITION", "downloading")]


async def test_progress_within_a_batch_is_coalesced() -> None:
    """Newest wins, one for each lane."""
    house = House()
    async with house.committing():
        await house.say(told(State.DOWNLOADING))
        house.publish(*(told(State.DOWNLOADING, percent=percent) for percent in (10, 20, 30)))
        await house.ledger.drain()
    assert kinds(house) == [(ONE, "PROGRESS", "downloading"), (TWO, "PROGRESS", "downloading")]
    changes = house.store.commits[-1]
    assert {m.event.percent for m in changes.progress.values()} == {30}
    assert [update.percent for update in changes.progressed.values()] == [30]
    assert changes.updates == {}


async def test_a_transition_removes_progress_of_the_same_batch() -> None:
    """What it says makes the progress before it meaningless."""
    house = House()
    async with house.committing():
        await house.say(told(State.DOWNLOADING))
        house.publish(told(State.DOWNLOADING, percent=90), told(State.DOWNLOADED))
        await house.ledger.drain()
    assert kinds(house) == [(ONE, "TRANSITION", "downloaded"), (TWO, "TRANSITION", "downloaded")]
    assert house.store.commits[-1].progressed == {}


async def test_a_doubt_outlives_the_progress_before_it_in_the_same_batch() -> None:
    """Progress is written after updates, and says that nothing is in doubt."""
    house = House(policy=EVIDENCE)
    async with house.committing():
        await house.say(runs(V1), told(State.INSTALLING))
        house.publish(told(State.INSTALLING, percent=40), runs(V1))
        await house.ledger.drain()
    changes = house.store.commits[-1]
    assert changes.progressed == {}
    assert [(update.percent, update.doubt) for update in changes.updates.values()] == [(40, V1)]


async def test_progress_after_a_transition_of_the_same_batch_stays() -> None:
    """It comes after it, and the update is written once, as it ended up."""
    house = House()
    async with house.committing():
        house.publish(told(State.DOWNLOADING, device=LONE), told(State.DOWNLOADING, percent=5, device=LONE))
        await house.ledger.drain()
    assert kinds(house) == [(ONE, "TRANSITION", "downloading"), (ONE, "PROGRESS", "downloading")]
    assert house.store.updates[FIRST].percent == 5


async def test_a_newer_target_ends_the_older_update_first() -> None:
    """Both clouds hear the end of the one before the beginning of the other."""
    house = House()
    async with house.committing():
        house.publish(
            told(State.INSTALLING, device=LONE),
            told(State.INSTALLING, percent=50, device=LONE),
            told(State.NOTIFIED, device=LONE, version=V3),
        )
        await house.ledger.drain()
    assert kinds(house) == [
        (ONE, "TRANSITION", "installing"),
        (ONE, "TERMINAL", "canceled"),
        (ONE, "TRANSITION", "notified"),
    ]
    old, new = house.store.updates[FIRST], house.store.updates[UpdateId(f"{LONE}/default/2")]
    assert (old.state, old.reason, old.synthetic) == (State.CANCELED, Reason.SUPERSEDED, True)
    assert (new.target, new.state, new.predecessor) == (V3, State.NOTIFIED, V2)


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.REJECTED])
async def test_an_end_is_a_terminal_message(state: State) -> None:
    """It goes before everything else and is never evicted."""
    house = House()
    async with house.committing():
        await house.say(told(state))
    assert [kind for _, kind, _ in kinds(house)] == [Kind.TERMINAL.name] * 2


async def test_what_changes_nothing_is_settled_and_counted() -> None:
    """A duplicate is acknowledged after a commit like any other, and told to nobody."""
    house = House()
    async with house.committing():
        await house.say(told(State.INSTALLING), told(State.INSTALLING), told(State.DOWNLOADING))
        await house.say(told(State.FAILED), told(State.FAILED))
    assert [committed for _, committed in house.settled] == [True] * 5
    assert [len(changes.messages) for changes in house.store.commits] == [2, 0, 0, 2, 0]
    suppressed = house.metrics.suppressed
    assert [suppressed.labels(w)._value.get() for w in ("duplicate", "stale", "absorbed")] == [1, 1, 1]


async def test_the_modules_of_a_device_do_not_know_each_other() -> None:
    """Each has its own update."""
    house = House()
    async with house.committing():
        await house.say(told(State.INSTALLING, device=LONE))
        await house.say(replace(told(State.DOWNLOADING, device=LONE), module=Module("mcu")))
    assert sorted(house.store.updates) == [FIRST, f"{LONE}/mcu/1"]


async def test_a_state_without_any_target_goes_into_quarantine() -> None:
    """It is acknowledged, for sending it again cannot help, and a person can see it."""
    house = House()
    event = told(State.DOWNLOADING, version=None)
    async with house.committing():
        await house.say(event)
    (item,) = house.store.quarantine
    assert (item.device, item.reason) == (DEVICE, "no_open_update")
    assert codec.decode(item.payload.decode()) == event
    assert house.settled == [(event, True)]
    assert house.store.updates == {}


async def test_a_device_may_have_so_many_modules_and_no_more() -> None:
    """Names that never end must not grow the memory of the site; the known ones are heard as before."""
    house = House()
    events = [replace(runs(V1), module=Module(f"m{number}")) for number in range(MAX_MODULES + 1)]
    async with house.committing():
        await house.say(*events, replace(told(State.FAILED), module=Module("m0")))
    assert [(item.reason, item.payload) for item in house.store.quarantine] == [
        ("too_many_modules", V1.encode())
    ]
    assert [update.module for update in house.store.updates.values()] == ["m0"]
    assert all(committed for _, committed in house.settled)


async def test_a_new_device_is_not_shut_out_by_a_store_that_fails() -> None:
    """What it sends again and again is one module."""
    house = House()
    async with house.committing():
        for _ in range(MAX_MODULES + 5):
            house.store.fates.append(Fate.REFUSED)
            await house.say(told(State.FAILED))
        await house.say(told(State.FAILED))
    assert house.store.quarantine == []
    assert len(house.store.updates) == 1


async def test_a_device_that_names_no_target_is_not_shut_out() -> None:
    """What could not be acted upon counts for nothing."""
    house = House()
    async with house.committing():
        await house.say(*([told(State.DOWNLOADING, version=None)] * (MAX_MODULES + 5)), told(State.FAILED))
    assert len(house.store.updates) == 1


async def test_what_was_not_understood_is_set_aside_and_settled() -> None:
    """Poison is kept for people and acknowledged after its commit."""
    house = House()
    settled: list[bool] = []
    async with house.committing():
        house.engine.set_aside(
            DEVICE, "t", b"\xff", reason="bad_json", detail="not UTF-8", settle=settled.append
        )
        assert settled == []
        await house.ledger.drain()
    assert settled == [True]
    assert house.store.quarantine == [
        Quarantined(device=DEVICE, topic="t", payload=b"\xff", reason="bad_json", detail="not UTF-8")
    ]


async def test_a_full_lane_refuses_what_would_add_to_it() -> None:
    """Refused at once rather than acknowledged and lost; devices of other lanes do not notice."""
    house = House()
    async with house.committing():
        house.store.sizes = {TWO: QUOTA}
        await house.say(told(State.NOTIFIED))
        house.publish(told(State.FAILED))
        assert house.settled[-1] == (told(State.FAILED), False)
        assert house.engine.full_lanes == {TWO}
        await house.say(told(State.FAILED, device=LONE))
        house.store.sizes = {TWO: QUOTA - 1}
        await house.say(told(State.FAILED, device=LONE), told(State.FAILED))
    assert [committed for _, committed in house.settled] == [True, False, True, True, True]
    assert house.metrics.refused.labels("outbox_full")._value.get() == 1


async def test_a_lane_that_was_full_before_a_restart_is_full_after_it() -> None:
    """The quota counts what waits on disk."""
    house = House(store=FakeStore(sizes={ONE: QUOTA}))
    await house.load()
    house.publish(told(State.FAILED))
    assert house.settled == [(told(State.FAILED), False)]


class TestBacklogOfOne:
    """A device that reports without end, as one that was taken over does."""

    @staticmethod
    def _ends(count: int, start: int = 0) -> list[StateReported]:
        """End ever new updates of the lone device."""
        versions = (Version(f"v{start + number}") for number in range(count))
        return [told(State.FAILED, device=LONE, version=version) for version in versions]

    async def test_is_refused_before_it_fills_the_lane(self) -> None:
        """What it has said is kept, others do not notice, and it is heard again when a part of it is told."""
        house = House()
        async with house.committing():
            house.publish(*self._ends(LEAST))
            await house.ledger.drain()
            house.publish(*self._ends(1, LEAST))
            await house.say(told(State.FAILED), runs(V1))
            assert [event.device for event, committed in house.settled if not committed] == [LONE]
            assert house.metrics.refused.labels("device_backlog")._value.get() == 1
            assert len(house.store.lines[ONE, LONE].rows) == LEAST
            await self._tell(house, LEAST // 4 - 1)
            house.publish(*self._ends(1, LEAST))
            await self._tell(house, 1)
            await house.say(*self._ends(1, LEAST))
        assert [committed for _, committed in house.settled[-2:]] == [False, True]

    async def test_is_refused_after_a_restart(self) -> None:
        """What waits is counted on disk."""
        house = House()
        house.engine.load(replace(await house.store.load(), waiting={(ONE, LONE): LEAST}))
        house.publish(*self._ends(1))
        assert [committed for _, committed in house.settled] == [False]

    async def test_has_more_room_where_the_lane_has(self) -> None:
        """A part of the quota; what is configured anew counts at once, and a lane that is left does not."""
        house = House()
        waiting = {(ONE, LONE): 2 * LEAST, (TWO, LONE): 9 * LEAST}
        house.engine.load(replace(await house.store.load(), waiting=waiting))
        house.engine.limit(4 * LEAST * SHARE)
        async with house.committing():
            await house.say(*self._ends(1))
        assert [committed for _, committed in house.settled] == [True]

    async def test_is_said_once(self) -> None:
        """However often it is refused."""
        house = House()
        with capture_logs() as logs:
            house.engine.load(replace(await house.store.load(), waiting={(ONE, LONE): LEAST}))
            house.publish(*self._ends(100))
        assert [line["event"] for line in logs] == ["device_backlog_full"]

    async def test_is_not_held_against_it(self) -> None:
        """Silence that is ours ends no update."""
        house = House(policy=EVIDENCE)
        async with house.committing():
            await house.say(told(State.SUCCEEDED, device=LONE))
            house.engine.load(replace(await house.store.load(), waiting={(ONE, LONE): LEAST}))
            await asyncio.sleep(86_400)
            house.engine.expire()
            assert house.record.census() == ({State.CONFIRMING: 1}, 0)
            house.engine.limit(4 * LEAST * SHARE)
            await look_for(house, 119)
            assert house.record.census() == ({State.CONFIRMING: 1}, 0)
            await look_for(house, 2)
        assert house.record.census() == ({}, 0)

    @staticmethod
    async def _tell(house: House, count: int) -> None:
        """Let the first cloud take so many of its reports."""
        for _ in range(count):
            claims = await house.store.claim(ONE, limit=9, now=house.clock.now(), lease_until=1e12)
            [claim] = [claim for claim in claims if claim.event.device == LONE]
            house.ledger.settled(Delivered(claim=claim, state=claim.event.state), lambda: None)
            await house.ledger.drain()


async def test_versions_are_written_when_they_change() -> None:
    """A device that says the same at each start costs no row."""
    house = House()
    async with house.committing():
        await house.say(runs(V1), runs(V1), runs(V2))
    assert [len(changes.versions) for changes in house.store.commits] == [1, 0, 1]
    assert house.record.running(DEVICE, DEFAULT_MODULE) == V2


async def test_a_restart_goes_on_where_it_was() -> None:
    """Updates in flight, versions and evidence outlive the process."""
    store = FakeStore()
    before = House(store=store, policy=EVIDENCE)
    async with before.committing():
        await before.say(runs(V1, device=LONE), told(State.SUCCEEDED, device=LONE))
    after = House(store=store, policy=EVIDENCE)
    await after.load()
    async with after.committing():
        await after.say(told(State.INSTALLING, device=LONE), runs(V1, device=LONE))
        await asyncio.sleep(EVIDENCE.rollback_after.total_seconds())
        after.engine.expire()
    (update,) = store.updates.values()
    assert (update.state, update.reason) == (State.FAILED, Reason.ROLLED_BACK)


async def test_devices_that_tell_their_cloud_themselves_are_not_told_of() -> None:
    """What the gateway said of them would end the task that they are about to carry out."""
    house = House()
    device = DeviceId(MUTE, "dev01")
    async with house.committing():
        await house.say(told(State.DOWNLOADING, device=device), told(State.FAILED, device=device))
    assert [update.state for update in house.store.updates.values()] == [State.FAILED]
    assert house.store.waiting(ONE) == []


async def test_the_journal_tells_what_was_understood() -> None:
    """One line for each state that an update entered."""
    house = House()
    async with house.committing():
        await house.say(told(State.DOWNLOADING, device=LONE), told(State.DOWNLOADING, device=LONE, percent=4))
    text = codec.encode(told(State.DOWNLOADING, device=LONE))
    assert house.store.journal == [Entry(device=LONE, update=FIRST, source="understood", text=text)]


async def test_a_cancelled_task_ends_an_update_that_no_other_cloud_follows() -> None:
    """The cloud that called it off hears nothing of it."""
    house = House()
    house.one.script.append(teaches(canceled()))
    async with house.open():
        await house.say(told(State.DOWNLOADING, device=LONE))
        await asyncio.sleep(1)
        await house.say(told(State.DOWNLOADED, device=LONE))
        await asyncio.sleep(1)
    update = house.store.updates[FIRST]
    assert (update.state, update.reason, update.phase) == (
        State.CANCELED,
        Reason.CANCELED_BY_CLOUD,
        Phase.DOWNLOAD,
    )
    assert house.one.heard == [State.DOWNLOADING]


async def test_a_cancelled_task_survives_a_failed_commit() -> None:
    """The conversation is closed and will not teach it again."""
    house = House()
    house.one.script.append(teaches(canceled()))
    async with house.open():
        await house.say(told(State.DOWNLOADING, device=LONE))
        house.store.fates.extend([Fate.REFUSED, Fate.REFUSED])
        await asyncio.sleep(1)
    assert house.store.updates[FIRST].state is State.CANCELED
    assert house.store.waiting(ONE) == []


@pytest.mark.parametrize(
    ("lane", "update", "command"),
    [
        (ONE, FIRST, TaskAbsent(device=LONE, module=DEFAULT_MODULE, version=V2)),
        (ONE, FIRST, TaskConflict(device=LONE, module=DEFAULT_MODULE, version=V2)),
        (TWO, FIRST, canceled()),
        (ONE, UpdateId(f"{LONE}/default/0"), canceled()),
        (ONE, FIRST, TaskCanceled(device=LONE, module=Module("mcu"), version=V2)),
        (ONE, FIRST, TaskCanceled(device=DeviceId("GONE", "dev01"), module=DEFAULT_MODULE, version=V2)),
    ],
    ids=["absent", "conflict", "another cloud's", "an earlier attempt's", "no such module", "no such device"],
)
async def test_other_teachings_leave_the_update_open(lane: str, update: UpdateId, command: Command) -> None:
    """Only a task that its one cloud called off ends the update, and only that update."""
    house = House()
    async with house.committing():
        await house.say(told(State.DOWNLOADING, device=LONE))
        house.orders.learn(ONE if lane == ONE else TWO, update, command)
        await house.ledger.drain()
    assert house.store.updates[FIRST].state is State.DOWNLOADING


async def test_an_update_that_another_cloud_follows_stays_open() -> None:
    """One cloud's cancellation is its own."""
    house = House()
    house.one.script.append(teaches(TaskCanceled(device=DEVICE, module=DEFAULT_MODULE, version=V2)))
    async with house.open():
        await house.say(told(State.DOWNLOADING), told(State.FAILED))
        await asyncio.sleep(1)
    assert house.two.heard == [State.DOWNLOADING, State.FAILED]


async def test_a_silent_owner_is_noted_once() -> None:
    """Past its deadline an update counts as stalled; nobody is told, and the next word lifts it."""
    house = House()
    async with house.committing():
        await house.say(told(State.DOWNLOADING))
        commits = len(house.store.commits)
        await asyncio.sleep(2 * 3600 + 1)
        for _ in range(3):
            house.engine.expire()
        await house.ledger.drain()
        assert house.record.census()[1] == 1
        assert len(house.store.commits) == commits + 1
        assert kinds(house) == []
        await house.say(told(State.DOWNLOADING, percent=1))
        assert house.record.census() == ({State.DOWNLOADING: 1}, 0)


@pytest.mark.parametrize(
    ("trusts", "state", "unverified"), [(True, State.SUCCEEDED, True), (False, State.TIMED_OUT, False)]
)
async def test_silence_while_confirming_ends_as_the_policy_says(
    trusts: bool,  # noqa: FBT001 - a parameter of the test
    state: State,
    unverified: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """`trust_done` believes the device, marked unverified; `time_out` ends it."""
    house = House(policy=Policy(needs_evidence=True, trusts_silence=trusts))
    async with house.committing():
        await house.say(told(State.SUCCEEDED, device=LONE))
        assert house.record.census() == ({State.CONFIRMING: 1}, 0)
        await asyncio.sleep(15 * 60)
        house.engine.expire()
        await house.ledger.drain()
        assert house.record.census() == ({}, 0)
    update: Update = house.store.updates[FIRST]
    assert (update.state, update.unverified, update.synthetic) == (state, unverified, True)


async def test_deadlines_survive_a_restart() -> None:
    """Time goes on from the last word of the device, not from the start of the process."""
    store = FakeStore()
    policy = Policy(deadlines={State.DOWNLOADING: timedelta(minutes=10)})
    before = House(store=store, policy=policy)
    async with before.committing():
        await before.say(told(State.DOWNLOADING))
    await asyncio.sleep(6 * 60)
    after = House(store=store, policy=policy)
    await after.load()
    after.engine.expire()
    seen = [after.record.census()[1]]
    await asyncio.sleep(4 * 60)
    after.engine.expire()
    assert [*seen, after.record.census()[1]] == [0, 1]


async def test_a_standstill_is_not_held_against_devices() -> None:
    """Who could not be heard has two minutes to say something before a deadline counts."""
    house = House(policy=EVIDENCE)
    async with house.committing():
        await house.say(told(State.SUCCEEDED, device=LONE))
        await asyncio.sleep(3600)
        house.engine.be_patient()
        house.engine.expire()
        await house.ledger.drain()
        assert house.store.updates[FIRST].state is State.CONFIRMING
        await asyncio.sleep(120)
        house.engine.expire()
        await house.ledger.drain()
    assert house.store.updates[FIRST].state is State.SUCCEEDED


async def look_for(house: House, seconds: int) -> None:
    """Let time act each second, as it does."""
    for _ in range(seconds):
        house.engine.expire()
        await asyncio.sleep(1)


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_store_in_trouble_is_not_held_against_devices(*, hangs: bool) -> None:
    """What they say is refused, at once or late: once it works they have two minutes to say it again."""
    house = House(policy=EVIDENCE)
    async with house.committing():
        await house.say(told(State.SUCCEEDED, device=LONE))
        house.store.commit_seconds = 3600.0 if hangs else 0.002
        house.store.fates.extend([Fate.REFUSED] * (1 if hangs else 3600))
        house.publish(runs(V2, device=LONE))
        await look_for(house, 3590)
        house.store.commit_seconds = 0.002
        await look_for(house, 15)
        house.store.fates.clear()
        await look_for(house, 100)
        assert house.record.census() == ({State.CONFIRMING: 1}, 0)
        await house.say(runs(V2, device=LONE))
    update: Update = house.store.updates[FIRST]
    assert (update.state, update.unverified) == (State.SUCCEEDED, False)


async def test_a_lane_that_is_full_is_not_held_against_its_devices() -> None:
    """What they say is refused for days; other devices' deadlines pass, and theirs once they had time."""
    house = House(policy=EVIDENCE)
    async with house.committing():
        await house.say(told(State.SUCCEEDED), told(State.SUCCEEDED, device=LONE))
        house.store.sizes[TWO] = QUOTA
        await house.say(runs(V1, device=DeviceId(SOLE, "dev02")))
        await asyncio.sleep(86_400)
        house.engine.expire()
        await house.ledger.drain()
        assert house.record.census() == ({State.CONFIRMING: 1}, 0)
        house.store.sizes[TWO] = QUOTA - 1
        await house.say(runs(V2, device=DeviceId(SOLE, "dev02")))
        house.engine.expire()
        assert house.record.census() == ({State.CONFIRMING: 1}, 0)
        await asyncio.sleep(120)
        house.engine.expire()
        assert house.record.census() == ({}, 0)


async def test_a_deadline_that_could_not_be_written_comes_again() -> None:
    """What a failed commit took back, the next look finds anew."""
    house = House(policy=EVIDENCE)
    async with house.committing():
        await house.say(told(State.SUCCEEDED, device=LONE))
        await asyncio.sleep(3600)
        house.store.fates.append(Fate.REFUSED)
        house.engine.expire()
        await house.ledger.drain()
        assert house.store.updates[FIRST].state is State.CONFIRMING
        house.engine.expire()
        await house.ledger.drain()
    assert house.store.updates[FIRST].state is State.SUCCEEDED


async def test_updates_of_a_product_that_left_the_configuration_rest() -> None:
    """They are kept, expire nothing and tell nobody."""
    store = FakeStore()
    gone = Update(device=DeviceId("GONE", "dev01"), target=V2, state=State.NOTIFIED)
    store.updates[gone.id] = gone
    house = House(store=store)
    await house.load()
    await asyncio.sleep(86_400)
    house.engine.expire()
    assert house.record.census() == ({State.NOTIFIED: 1}, 0)
    assert BOTH in house.record._products


async def test_ends_are_counted_and_timed() -> None:
    """By result and reason, from the first word to the last."""
    house = House()
    async with house.committing():
        await house.say(told(State.NOTIFIED))
        await asyncio.sleep(90)
        await house.say(replace(told(State.FAILED), reason=Reason.LOW_BATTERY))
    assert house.metrics.finished.labels(State.FAILED, Reason.LOW_BATTERY)._value.get() == 1
    assert house.metrics.transitions.labels(State.FAILED)._value.get() == 1
    assert house.metrics.update_duration.labels(State.FAILED)._sum.get() == pytest.approx(90, abs=0.1)


async def test_a_device_that_ends_over_and_over_is_said_once_a_minute() -> None:
    """Every end is counted; another end of it, of another module and of another device are news."""
    house, modem = House(), Module("modem")
    with capture_logs() as lines:
        async with house.committing():
            await house.say(*(told(State.FAILED, version=Version(f"3.{number}")) for number in range(30)))
            await house.say(told(State.FAILED, device=LONE), replace(told(State.FAILED), module=modem))
            await house.say(replace(told(State.FAILED, version=Version("4")), reason=Reason.LOW_BATTERY))
            await asyncio.sleep(61)
            await house.say(told(State.FAILED, version=Version("5")))
    ends = [line for line in lines if line["event"] == "update_finished"]
    assert [(line["device"], line["reason"], line["suppressed"]) for line in ends] == [
        (str(DEVICE), "NONE", 0),
        (str(LONE), "NONE", 0),
        (str(DEVICE), "NONE", 0),
        (str(DEVICE), "LOW_BATTERY", 0),
        (str(DEVICE), "NONE", 29),
    ]
    assert house.metrics.finished.labels(State.FAILED, Reason.NONE)._value.get() == 33
