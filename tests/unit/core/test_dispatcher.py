"""A lane at work: order, concurrency, and what each of a cloud's answers does."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from gateway.core.answers import PARKED_PROBE
from gateway.core.breaker import PROBE
from gateway.core.clock import IDLE
from gateway.core.dispatcher import DELIVERY_LIMIT, LEASE, LaneSettings
from gateway.errors import CloudError, Denied, Rejected, Scope, StoreError, Unavailable
from gateway.model.commands import Command, TaskAbsent, TaskCanceled, TaskConflict
from gateway.model.events import StateReported
from gateway.model.identity import DEFAULT_MODULE, DeviceId
from gateway.model.states import State
from gateway.ports.store import Circuit, LaneState
from tests.unit.core.fakes import FakeStore, Fate, fine, raises, takes, teaches
from tests.unit.core.house import BOTH, DEVICE, ONE, SOLE, TWO, V1, V2, House, runs, told
from tests.unit.core.timeless import START

DOWN = Unavailable("down")
ABSENT = TaskAbsent(device=DEVICE, module=DEFAULT_MODULE, version=V2)
CANCELED = TaskCanceled(device=DEVICE, module=DEFAULT_MODULE, version=V2)
CONFLICT = TaskConflict(device=DEVICE, module=DEFAULT_MODULE, version=V2)
WHOLE_STORY = (State.DOWNLOADING, State.DOWNLOADED, State.INSTALLING, State.SUCCEEDED)


def device(number: int, product: str = BOTH) -> DeviceId:
    """Name a device."""
    return DeviceId(product, f"dev{number:02}")


def reached(error: CloudError, state: str) -> CloudError:
    """Say how far the call got."""
    error.reached = state
    return error


def now() -> float:
    """Seconds since the start of the test."""
    return asyncio.get_running_loop().time() - START


async def test_a_device_s_reports_go_one_by_one_in_their_order() -> None:
    """Per device and cloud nothing overtakes, however slow the cloud is."""
    house = House()
    house.one.habit = takes(3)
    async with house.open():
        await house.say(*map(told, WHOLE_STORY))
        await asyncio.sleep(20)
    assert house.one.took == house.two.took
    assert house.one.heard == [*WHOLE_STORY]
    assert house.one.most_for_one == 1


async def test_the_cloud_s_last_state_is_handed_over() -> None:
    """`after` is what this cloud acknowledged of this update, None at first."""
    house = House()
    async with house.open():
        await house.say(*map(told, WHOLE_STORY))
        await asyncio.sleep(1)
    assert [call.after for call in house.one.calls] == [None, *WHOLE_STORY[:-1]]


async def test_many_devices_are_told_at_once_up_to_the_limit() -> None:
    """Concurrency is across devices."""
    house = House(settings=LaneSettings(concurrency=3))
    house.one.habit = takes(10)
    async with house.open():
        await house.say(*(told(State.NOTIFIED, device=device(n)) for n in range(9)))
        await asyncio.sleep(31)
    assert len(house.one.took) == 9
    assert house.one.most == 3


async def test_terminal_reports_go_first() -> None:
    """Of what waits, ends are told before beginnings; those before progress."""
    shut = LaneState(circuit=Circuit.OPEN, failures=5, until=START + 60)
    house = House(settings=LaneSettings(concurrency=1), lanes={ONE: shut})
    async with house.open():
        await house.say(told(State.NOTIFIED, device=device(1)))
        await house.say(told(State.NOTIFIED, device=device(2)))
        await house.say(told(State.FAILED, device=device(3)))
        await asyncio.sleep(70)
    assert [call.event.device for call in house.one.calls] == [device(3), device(1), device(2)]


async def test_a_report_finds_the_device_s_name_in_its_cloud_and_the_version_before_the_update() -> None:
    """What the adapter needs of the device comes with it."""
    house = House()
    async with house.open():
        await house.say(runs(V1), told(State.DOWNLOADING))
        await asyncio.sleep(1)
    (call,) = house.one.calls
    assert (call.device.id, call.device.external, call.device.running) == (DEVICE, {"lane": ONE}, V1)


async def test_progress_waits_for_its_interval_and_only_the_newest_is_told() -> None:
    """Coalescing at the trailing edge: the last one is never lost."""
    house = House(settings=LaneSettings(progress_interval=timedelta(seconds=10)))
    async with house.open():
        for percent in range(0, 80, 10):
            await house.say(told(State.DOWNLOADING, percent=percent))
            await asyncio.sleep(2)
        await asyncio.sleep(60)
    assert [call.event.percent for call in house.one.calls] == [0, 40, 70]
    assert [round(call.at - START) for call in house.one.calls] == [0, 10, 20]


async def test_progress_does_not_hold_back_a_transition() -> None:
    """The interval is for progress only; a transition makes waiting progress meaningless."""
    house = House(settings=LaneSettings(progress_interval=timedelta(seconds=10)))
    async with house.open():
        await house.say(told(State.DOWNLOADING), told(State.DOWNLOADING, percent=40))
        await house.say(told(State.DOWNLOADED))
        await asyncio.sleep(1)
    assert house.one.heard == [State.DOWNLOADING, State.DOWNLOADED]


async def test_progress_that_is_overtaken_while_it_is_told_is_told_again() -> None:
    """Settling an older revision leaves the newer one waiting."""
    house = House(settings=LaneSettings(progress_interval=timedelta(seconds=5)))
    async with house.open():
        await house.say(told(State.DOWNLOADING))
        await asyncio.sleep(1)
        house.one.script.append(takes(10))
        await house.say(told(State.DOWNLOADING, percent=30))
        await asyncio.sleep(6)
        await house.say(told(State.DOWNLOADING, percent=60))
        await asyncio.sleep(30)
    assert [call.event.percent for call in house.one.calls] == [None, 30, 60]


async def test_an_unavailable_cloud_is_tried_again_until_it_takes_it() -> None:
    """No report is given up because of an outage, and it stays first of its device."""
    house = House()
    house.one.script.extend([raises(DOWN)] * 9)
    async with house.open():
        await house.say(told(State.DOWNLOADING), told(State.FAILED))
        await asyncio.sleep(3600)
    assert house.one.took == house.two.took
    assert house.one.heard == [State.DOWNLOADING] * 10 + [State.FAILED]


async def test_a_dead_cloud_delays_only_its_lane() -> None:
    """The other one hears everything at once."""
    house = House()
    house.one.habit = raises(DOWN)
    async with house.open():
        await house.say(*map(told, WHOLE_STORY))
        await asyncio.sleep(1)
        assert [event.state for event in house.two.took] == [*WHOLE_STORY]
    assert house.one.took == []


async def test_a_device_that_must_wait_delays_nobody_else() -> None:
    """Its own pause is honoured, its lane stays open."""
    house = House()
    pause = Unavailable("its task is paused", code="paused", retry_after=120, scope=Scope.DEVICE)
    house.one.script.extend([raises(pause)] * 9)
    async with house.open():
        await house.say(*(told(State.DOWNLOADING, device=device(n)) for n in range(9)))
        await house.say(told(State.FAILED, device=device(9)))
        await asyncio.sleep(1)
        assert [event.device for event in house.one.took] == [device(9)]
        assert house.gates[ONE].state == LaneState()
        await asyncio.sleep(120)
    assert len(house.one.took) == 10
    assert all(call.at - START >= 120 for call in house.one.calls[10:])


async def test_an_outage_burns_probes_only() -> None:
    """While a cloud is away for hours, it hears a request now and then and not one for each message."""
    house = House()
    house.one.habit = raises(DOWN)
    async with house.open():
        await house.say(*(told(State.FAILED, device=device(n)) for n in range(60)))
        await asyncio.sleep(14_400)
        probes = len(house.one.calls)
        back = now()
        house.one.habit = fine
        await asyncio.sleep(61)
    assert probes < 14_400 / (PROBE.cap.total_seconds() * 0.4)
    assert len(house.one.took) == 60
    assert house.one.calls[-1].at - START - back < 60.5


async def test_after_an_outage_the_backlog_drains_at_once() -> None:
    """The first success wakes every message that waits for its own retry."""
    house = House(settings=LaneSettings(concurrency=2))
    house.one.habit = raises(Unavailable("down", retry_after=600))
    async with house.open():
        await house.say(*(told(State.FAILED, device=device(n)) for n in range(20)))
        await asyncio.sleep(300)
        house.one.habit = takes(1)
        await asyncio.sleep(313)
    assert len(house.one.took) == 20


async def test_how_far_a_failed_call_got_is_remembered() -> None:
    """The next try is told what the cloud acknowledged before the trouble began."""
    house = House()
    house.one.script.append(raises(reached(Unavailable("down"), "downloaded")))
    async with house.open():
        await house.say(told(State.SUCCEEDED))
        await asyncio.sleep(60)
    assert [call.after for call in house.one.calls] == [None, State.DOWNLOADED]


async def test_a_rejected_report_becomes_a_dead_letter_and_the_next_one_goes() -> None:
    """Poison is put aside; how far the call got counts for what follows."""
    house = House()
    house.one.script.append(raises(reached(Rejected("E7", "bad"), "downloading")))
    async with house.open():
        await house.say(told(State.DOWNLOADED), told(State.FAILED))
        await asyncio.sleep(1)
    (buried,) = house.store.buried
    assert (buried.code, buried.reason, buried.claim.event.state) == ("E7", "bad", State.DOWNLOADED)
    assert [(call.event.state, call.after) for call in house.one.calls] == [
        (State.DOWNLOADED, None),
        (State.FAILED, State.DOWNLOADING),
    ]


async def test_a_rejection_is_an_answer() -> None:
    """A cloud that refuses a report is reachable: the circuit stays closed."""
    house = House()
    house.one.habit = raises(Rejected("E7", "bad"))
    async with house.open():
        await house.say(*(told(State.FAILED, device=device(n)) for n in range(20)))
        await asyncio.sleep(1)
    assert len(house.store.buried) == 20
    assert house.gates[ONE].state == LaneState()


async def test_a_device_that_is_denied_is_parked_and_nobody_else() -> None:
    """Its messages wait and are tried seldom; it heals without a person."""
    house = House()
    house.one.script.append(raises(Denied(Scope.DEVICE, "403", "not yours")))
    async with house.open():
        await house.say(told(State.DOWNLOADING))
        await house.say(told(State.DOWNLOADED), told(State.NOTIFIED, device=device(2)))
        await asyncio.sleep(10)
        assert [event.device for event in house.one.took] == [device(2)]
        assert house.store.lines[ONE, DEVICE].parked == "403"
        await asyncio.sleep(PARKED_PROBE.total_seconds())
    assert house.one.calls[2].at - START == pytest.approx(PARKED_PROBE.total_seconds(), abs=0.1)
    assert [event.state for event in house.one.took] == [State.NOTIFIED, State.DOWNLOADING, State.DOWNLOADED]
    assert house.store.lines[ONE, DEVICE].parked is None


async def test_newer_progress_of_a_parked_device_takes_the_older_one_s_place() -> None:
    """What waits for months is one report, the newest."""
    house = House()
    house.one.script.append(fine)
    house.one.script.append(raises(Denied(Scope.DEVICE, "403", "not yours")))
    async with house.open():
        await house.say(told(State.DOWNLOADING, percent=0))
        await house.say(told(State.DOWNLOADING, percent=10))
        await asyncio.sleep(20)
        await house.say(told(State.DOWNLOADING, percent=20), told(State.DOWNLOADING, percent=30))
        assert [event.percent for event in house.store.waiting(ONE)] == [30]
        await asyncio.sleep(PARKED_PROBE.total_seconds())
    assert [event.percent for event in house.one.took] == [0, 30]


async def test_a_lane_that_is_denied_stops_and_is_probed_slowly() -> None:
    """No report is lost or burnt while a token is wrong; one request a minute finds out when it is right."""
    house = House()
    house.one.habit = raises(Denied(Scope.LANE, "401", "who are you"))
    async with house.open():
        await house.say(*(told(State.FAILED, device=device(n)) for n in range(30)))
        await asyncio.sleep(600)
        calls = len(house.one.calls)
        house.one.habit = fine
        await asyncio.sleep(61)
    assert calls <= 16 + 10
    assert len(house.one.took) == 30
    assert house.store.buried == []


@pytest.mark.parametrize(
    ("command", "outcome"), [(ABSENT, "not_applicable"), (CANCELED, "canceled"), (CONFLICT, "conflict")]
)
async def test_a_task_that_is_gone_closes_the_conversation(command: Command, outcome: str) -> None:
    """That cloud hears no more of this update; the other one does."""
    house = House()
    house.one.script.append(teaches(command))
    async with house.open():
        await house.say(*map(told, WHOLE_STORY))
        await asyncio.sleep(1)
    assert house.one.heard == [State.DOWNLOADING]
    assert house.two.heard == [*WHOLE_STORY]
    assert {closed for _, closed in house.store.told.values()} == {outcome, None}


async def test_a_closed_conversation_is_settled_without_the_cloud() -> None:
    """What waits in it is dropped also while the circuit is open, so that it holds nobody up."""
    house = House()
    house.one.script.append(teaches(ABSENT))
    async with house.open():
        await house.say(told(State.DOWNLOADING))
        await asyncio.sleep(1)
        house.one.habit = raises(Unavailable("down", retry_after=600))
        await house.say(told(State.FAILED, device=device(2)), told(State.FAILED))
        await asyncio.sleep(601)
        assert [event.device for event in house.store.waiting(ONE)] == [device(2)]


async def test_a_later_update_opens_a_new_conversation() -> None:
    """Closed is said of one update."""
    house = House()
    house.one.script.append(teaches(ABSENT))
    async with house.open():
        await house.say(told(State.FAILED), runs(V1), told(State.DOWNLOADING))
        await asyncio.sleep(1)
    assert house.one.heard == [State.FAILED, State.DOWNLOADING]


async def test_an_adapter_that_breaks_loses_only_that_message() -> None:
    """A bug is a dead letter and a traceback in the log, not the end of the lane."""
    house = House()
    house.one.script.append(raises(ZeroDivisionError("oops")))
    async with house.open():
        await house.say(told(State.DOWNLOADING), told(State.FAILED))
        await asyncio.sleep(1)
    (buried,) = house.store.buried
    assert (buried.code, buried.reason) == ("adapter_error", "ZeroDivisionError: oops")
    assert [event.state for event in house.one.took] == [State.FAILED]


async def returns_nothing(_: StateReported) -> Sequence[Command]:
    """Forget the return statement."""
    return cast("Sequence[Command]", None)


@pytest.mark.parametrize(
    "broken",
    [
        returns_nothing,
        teaches(cast("Command", "task gone")),
        raises(reached(Rejected("E7", "bad"), "half way")),
        raises(reached(Unavailable("down"), "half way")),
        raises(reached(Denied(Scope.DEVICE, "403", "no"), "half way")),
        raises(asyncio.CancelledError()),
    ],
    ids=["no return", "not a command", "rejected", "unavailable", "denied", "a stray cancellation"],
)
async def test_an_adapter_that_breaks_its_promise_does_not_end_the_lane(broken: Any) -> None:
    """Whatever a third party's adapter answers, the next device's report goes."""
    house = House(settings=LaneSettings(concurrency=1))
    house.one.script.append(broken)
    async with house.open():
        await house.say(told(State.FAILED))
        await asyncio.sleep(1)
        await house.say(told(State.FAILED, device=device(2)))
        await asyncio.sleep(10)
        assert device(2) in [event.device for event in house.one.took]


async def test_the_journal_tells_each_answer_that_settled_something() -> None:
    """A report that was told at the second try is not left standing as unavailable."""
    house = House()
    house.one.script.extend([raises(DOWN)] * 3)
    async with house.open():
        await house.say(told(State.FAILED))
        await asyncio.sleep(60)
    answers = [entry.text for entry in house.store.journal if entry.source == ONE]
    assert answers == ["failed: unavailable (unavailable: down)", "failed: delivered"]


async def test_a_claim_that_fails_is_tried_again() -> None:
    """The store may be locked for a moment."""
    store = FakeStore()
    store.claim_errors.extend([StoreError("locked")] * 3)
    house = House(store=store)
    async with house.open():
        await house.say(told(State.FAILED))
        await asyncio.sleep(5)
    assert house.one.heard == [State.FAILED]


async def test_a_lease_that_runs_out_at_the_gate_duplicates_nothing() -> None:
    """A message that waits for the end of an outage is not taken up a second time."""
    shut = LaneState(circuit=Circuit.OPEN, failures=1, until=START + 5 * LEASE.total_seconds())
    house = House(lanes={ONE: shut}, settings=LaneSettings(concurrency=2))
    house.gates[ONE]._state = LaneState()
    async with house.open():
        house.one.habit = raises(Unavailable("down", retry_after=5 * LEASE.total_seconds()))
        await house.say(*(told(State.FAILED, device=device(n)) for n in range(30)))
        await asyncio.sleep(4 * LEASE.total_seconds())
        house.one.habit = takes(0.01)
        await asyncio.sleep(2 * LEASE.total_seconds())
    heard = [event.device for event in house.one.took]
    assert sorted(heard) == [device(n) for n in range(30)]


async def test_what_waited_at_the_gate_is_told_as_it_stands_then() -> None:
    """A head that went on while its lease ran out does not hold its queue for another lease."""
    house = House(settings=LaneSettings(concurrency=1))
    devices = [device(n) for n in range(6)]
    async with house.open():
        await house.say(*(told(State.DOWNLOADING, device=name) for name in devices))
        await asyncio.sleep(20)
        house.one.script.append(takes(1, raises(Unavailable("down", retry_after=3 * LEASE.total_seconds()))))
        house.publish(told(State.INSTALLING, device=device(9)))
        house.publish(*(told(State.DOWNLOADING, device=name, percent=9) for name in devices))
        await asyncio.sleep(30)
        await house.say(*(told(State.FAILED, device=name) for name in devices))
        house.one.habit = takes(1)
        await asyncio.sleep(3 * LEASE.total_seconds())
    ended = [event.device for event in house.one.took if event.state is State.FAILED]
    assert sorted(ended) == devices


async def test_a_slow_commit_after_a_lease_ran_out_duplicates_nothing() -> None:
    """What was told is not told again before the store knows that it was."""
    house = House(settings=LaneSettings(concurrency=2))
    async with house.open():
        house.one.habit = raises(Unavailable("down", retry_after=3 * LEASE.total_seconds()))
        await house.say(*(told(State.FAILED, device=device(n)) for n in range(30)))
        await asyncio.sleep(2.5 * LEASE.total_seconds())
        house.one.habit = fine
        house.store.commit_seconds = 5.0
        await asyncio.sleep(5 * LEASE.total_seconds())
    heard = [event.device for event in house.one.took]
    assert sorted(heard) == [device(n) for n in range(30)]


async def test_a_store_that_fails_for_longer_than_a_lease_duplicates_nothing() -> None:
    """What a cloud acknowledged stays known until it could be written."""
    house = House()
    async with house.open():
        await house.say(told(State.FAILED, device=device(1, SOLE)))
        await asyncio.sleep(1)
        await house.say(told(State.FAILED, device=device(2, SOLE)))
        house.store.fates.extend([Fate.REFUSED] * 60)
        await asyncio.sleep(600)
    assert [event.device for event in house.one.took] == [device(1, SOLE), device(2, SOLE)]
    assert house.store.waiting(ONE) == []


async def test_a_report_that_a_cloud_heard_already_is_skipped() -> None:
    """When a commit's answer was lost, the device says it again, and the queue holds it twice."""
    house = House()
    house.store.fates.append(Fate.UNHEARD)
    async with house.open():
        await house.say(told(State.DOWNLOADED))
        await asyncio.sleep(1)
        await house.say(
            told(State.DOWNLOADING), told(State.DOWNLOADED), told(State.FAILED), told(State.FAILED)
        )
        await asyncio.sleep(1)
    assert house.settled[0][1] is False
    assert house.one.heard == [State.DOWNLOADED, State.FAILED]


async def test_an_idle_lane_asks_the_store_seldom() -> None:
    """Nothing to do costs nothing."""
    house = House()
    async with house.open():
        await asyncio.sleep(3600)
    assert house.store.claims <= 2 * (3600 / IDLE + 2)


async def test_a_full_hand_asks_the_store_no_more() -> None:
    """While every worker is busy and the next claims wait, nothing more is leased."""
    house = House(settings=LaneSettings(concurrency=2))
    house.one.habit = takes(300)
    async with house.open():
        await house.say(*(told(State.FAILED, device=device(n)) for n in range(60)))
        await asyncio.sleep(290)
        leased = [line for (lane, _), line in house.store.lines.items() if lane == ONE and line.leased_until]
    assert len(leased) <= 16


async def test_finishing_waits_for_the_requests_in_hand() -> None:
    """A cut request would be told twice; what is not yet sent stays for the next run."""
    house = House(settings=LaneSettings(concurrency=2))
    house.one.habit = takes(7)
    async with house.open():
        await house.say(*(told(State.FAILED, device=device(n, SOLE)) for n in range(5)))
        await asyncio.sleep(1)
        await house.dispatchers[ONE].finish()
        await house.dispatchers[TWO].finish()
        assert now() == pytest.approx(7, abs=0.1)
        await asyncio.sleep(60)
        await house.ledger.drain()
    assert len(house.one.calls) == len(house.one.took) == 2
    assert len(house.store.waiting(ONE)) == 3


async def test_a_delivery_that_hangs_is_given_up_while_its_lease_stands() -> None:
    """It is tried again like any report whose cloud did not answer, and its place is free for others."""
    house = House(settings=LaneSettings(concurrency=1))
    house.one.script.append(takes(3600))
    async with house.open():
        await house.say(told(State.DOWNLOADING), told(State.FAILED))
        await house.say(told(State.FAILED, device=device(2)))
        await asyncio.sleep(LEASE.total_seconds())
    given_up = house.one.calls[1].at - START
    assert DELIVERY_LIMIT.total_seconds() <= given_up < LEASE.total_seconds()
    assert sorted(event.device for event in house.one.took) == [DEVICE, DEVICE, device(2)]
    assert house.store.buried == []


async def test_an_adapter_that_will_not_be_given_up_ends_nothing() -> None:
    """What it answers at last counts; nobody else waits for it."""
    house = House(settings=LaneSettings(concurrency=2))

    async def stubborn(event: StateReported) -> Sequence[Command]:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
        return await takes(60)(event)

    house.one.script.append(stubborn)
    async with house.open():
        await house.say(told(State.FAILED), told(State.FAILED, device=device(2)))
        await asyncio.sleep(300)
        house.one.script.append(raises(asyncio.CancelledError()))
        await house.say(*(told(State.FAILED, device=device(n)) for n in (3, 4)))
        await asyncio.sleep(10)
    assert [event.device for event in house.one.took].count(DEVICE) == 1
    assert {device(n) for n in (2, 3, 4)} <= {event.device for event in house.one.took}


async def test_a_cancellation_that_a_library_took_back_in_vain_ends_no_worker() -> None:
    """It leaves a count behind in the task, which must not pass for our own end when something else is cancelled."""
    house = House(settings=LaneSettings(concurrency=1))

    async def takes_it_back(event: StateReported) -> Sequence[Command]:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        return await fine(event)

    house.one.script += [takes_it_back, raises(asyncio.CancelledError())]
    async with house.open():
        await house.say(*(told(State.FAILED, device=device(n)) for n in (1, 2, 3)))
        await asyncio.sleep(60)
    assert {event.device for event in house.one.took} == {device(n) for n in (1, 2, 3)}


async def test_a_message_that_always_hangs_does_not_stop_the_others() -> None:
    """After a few tries it says nothing about its cloud any more."""
    house = House(settings=LaneSettings(concurrency=2))

    async def hangs(event: StateReported) -> Sequence[Command]:
        return await takes(3600 if event.device == device(1) else 0.1)(event)

    house.one.habit = hangs
    async with house.open():
        await house.say(told(State.FAILED, device=device(1)))
        await asyncio.sleep(7200)
        assert house.gates[ONE].state.circuit is Circuit.CLOSED
        await house.say(*(told(State.FAILED, device=device(n)) for n in range(2, 9)))
        await asyncio.sleep(10)
    assert [event.device for event in house.one.took] == [device(n) for n in range(2, 9)]


@pytest.mark.parametrize(
    ("refusal", "event"),
    [
        (Rejected("E7", "bad"), "report_rejected"),
        (Denied(Scope.DEVICE, "E7", "not yours"), "device_denied"),
        (ZeroDivisionError("oops"), "adapter_broke"),
    ],
    ids=["rejected", "denied", "broke"],
)
async def test_a_cloud_that_refuses_everything_is_said_once_a_minute(refusal: Exception, event: str) -> None:
    """The log is for people: one line for each code, with the number of those kept back."""
    house = House()
    house.one.habit = raises(refusal)
    with capture_logs() as lines:
        async with house.open():
            await house.say(*(told(State.FAILED, device=device(n)) for n in range(20)))
            await asyncio.sleep(61)
            await house.say(told(State.FAILED, device=device(20)))
            await asyncio.sleep(1)
    assert [line["suppressed"] for line in lines if line["event"] == event] == [0, 19]


async def test_another_code_is_said_at_once() -> None:
    """What is kept back is the same code only."""
    house = House()
    house.one.script.extend(raises(Rejected(code, "bad")) for code in ("E7", "E8", "E7"))
    with capture_logs() as lines:
        async with house.open():
            await house.say(*(told(State.FAILED, device=device(n)) for n in range(3)))
            await asyncio.sleep(1)
    assert [line["code"] for line in lines if line["event"] == "report_rejected"] == ["E7", "E8"]
