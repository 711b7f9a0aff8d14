"""The reconciler: what it tells again, what it shows as drift, and what it leaves alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.reconciler import FIRST_LOOK, FORGOTTEN, KINDS, MAX_REPAIRS, Reconciler
from gateway.errors import Denied, Rejected, Scope, Unavailable
from gateway.model.identity import DEFAULT_MODULE, Module, Version
from gateway.model.policy import Policy
from gateway.model.reports import ANNOUNCEMENTS
from gateway.model.states import Reason, State
from gateway.ports.cloud import CloudView
from gateway.ports.store import Circuit, Kind
from tests.unit.core.down import Down, OrderingCloud, wants
from tests.unit.core.fakes import Fate, fine, raises, takes
from tests.unit.core.house import ONE, TWO, V1, V2, V3, runs, told

HOUR = 3600.0
SOON = FIRST_LOOK.total_seconds() + 5


def believes(
    state: State | None, *, target: Version | None = V2, module: Module = DEFAULT_MODULE
) -> CloudView:
    """Say where the cloud sees the update."""
    return CloudView(module=module, target=target, state=state, detail="in its words")


@asynccontextmanager
async def looking(
    *states: State, down: Down | None = None
) -> AsyncIterator[tuple[Down, Reconciler, OrderingCloud]]:
    """Run everything with an update of the first cloud that walked through these states, all of them told."""
    house = down or Down(policy=Policy(needs_evidence=False))
    reconciler = house.reconciler()
    async with house.open(), house.running(reconciler.run()):
        await house.say(runs(V1))
        house.take(ONE, wants())
        await house.ledger.drain()
        for state in states:
            await house.say(told(state))
        await asyncio.sleep(1)
        yield house, reconciler, house.adapters[ONE]


def gauge(house: Down) -> dict[str, float]:
    """What the metric shows, without zeros."""
    found = {kind: house.metrics.drift.labels(ONE, kind)._value.get() for kind in KINDS}
    return {kind: value for kind, value in found.items() if value}


def again(house: Down) -> list[State]:
    """What was told again: every message beyond the first of its state."""
    heard = [call.event.state for call in house.one.calls]
    return [state for n, state in enumerate(heard) if state in heard[:n]]


class TestLooks:
    """When it looks."""

    async def test_it_looks_once_at_an_end_that_was_acknowledged(self) -> None:
        """After the cloud had a moment; when it agrees, never again."""
        async with looking(State.SUCCEEDED) as (house, reconciler, cloud):
            cloud.views[0] = [believes(State.SUCCEEDED)]
            await asyncio.sleep(SOON - 10)
            assert cloud.observed == []
            await asyncio.sleep(10 * HOUR)
            assert (len(cloud.observed), list(reconciler.drift()), again(house)) == (1, [], [])

    async def test_it_looks_now_and_then_at_what_is_open(self) -> None:
        """Once an interval, however many commits there are."""
        async with looking(State.DOWNLOADING) as (house, _, cloud):
            cloud.views[0] = [believes(State.DOWNLOADING)]
            for percent in range(100):
                await house.say(told(State.DOWNLOADING, percent=percent))
                await asyncio.sleep(100)
            assert len(cloud.observed) == pytest.approx(10_000 / HOUR, abs=1)

    async def test_it_does_not_look_at_what_the_cloud_did_not_order(self) -> None:
        """It has no view of it."""
        down = Down(policy=Policy(needs_evidence=False))
        reconciler = down.reconciler(TWO)
        async with down.open(), down.running(reconciler.run()):
            down.take(ONE, wants())
            await down.say(told(State.SUCCEEDED))
            await asyncio.sleep(3 * HOUR)
            assert down.adapters[TWO].observed == []

    async def test_after_a_start_it_looks_at_what_is_open_or_ended_lately(self) -> None:
        """One after the other."""
        async with looking(State.SUCCEEDED) as (house, _, _):
            pass
        again_ = Down(store=house.store)
        reconciler = again_.reconciler()
        await again_.load()
        reconciler.load()
        async with again_.open(), again_.running(reconciler.run()):
            again_.adapters[ONE].views[0] = [believes(State.SUCCEEDED)]
            await asyncio.sleep(2 * SOON)
            assert len(again_.adapters[ONE].observed) == 1

    async def test_an_end_whose_answer_is_not_written_yet_is_not_told_again(self) -> None:
        """The view is older than the answer, and the answer waits for the disk."""
        async with looking(State.DOWNLOADING) as (house, _, cloud):
            cloud.views[0] = [believes(State.DOWNLOADING)]
            cloud.seconds, house.one.habit = 1.0, takes(1.0)
            await asyncio.sleep(HOUR - 1.5)
            await house.say(told(State.SUCCEEDED))
            house.store.commit_seconds = 3.0
            await asyncio.sleep(10)
            assert (house.one.calls[-1].event.state, again(house)) == (State.SUCCEEDED, [])
            house.store.commit_seconds = 0.0
            cloud.views[0] = [believes(State.SUCCEEDED)]
            await asyncio.sleep(SOON)
            assert (again(house), len(cloud.observed)) == ([], 1)

    async def test_an_end_that_waits_to_be_told_is_not_looked_at(self) -> None:
        """The cloud was away for the start, too: that it stands behind is no news."""
        async with looking(State.DOWNLOADING) as (house, _, _):
            house.one.habit = raises(Unavailable("down"))
            await house.say(told(State.SUCCEEDED))
        again_ = Down(store=house.store)
        reconciler = again_.reconciler()
        again_.one.habit = raises(Unavailable("down"))
        await again_.load()
        reconciler.load()
        cloud = again_.adapters[ONE]
        cloud.views[0] = [believes(State.DOWNLOADING)]
        async with again_.open(), again_.running(reconciler.run()):
            await asyncio.sleep(HOUR)
            again_.one.habit = fine
            cloud.views[0] = [believes(State.SUCCEEDED)]
            await asyncio.sleep(2 * SOON)
            assert (len(cloud.observed), list(reconciler.drift())) == (1, [])
            assert again_.metrics.repairs.labels(ONE)._value.get() == 0

    async def test_what_ended_long_ago_is_not_looked_at(self) -> None:
        """It is history."""
        async with looking(State.SUCCEEDED) as (house, _, _):
            await asyncio.sleep(FORGOTTEN.total_seconds() + 10)
        again_ = Down(store=house.store)
        reconciler = again_.reconciler()
        await again_.load()
        reconciler.load()
        assert reconciler._looks == []


class TestBehind:
    """A cloud that did not keep what it acknowledged."""

    async def test_it_is_told_again_from_where_it_stands(self) -> None:
        """Once, if it then believes."""
        async with looking(State.DOWNLOADING, State.SUCCEEDED) as (house, reconciler, cloud):
            cloud.views.clear()
            cloud.views.extend([[believes(State.DOWNLOADING)], [believes(State.SUCCEEDED)]])
            await asyncio.sleep(10 * HOUR)
            assert again(house) == [State.SUCCEEDED]
            assert house.one.calls[-1].after is State.DOWNLOADING
            assert (list(reconciler.drift()), gauge(house)) == ([], {})
            assert house.metrics.repairs.labels(ONE)._value.get() == 1

    async def test_it_is_told_again_a_few_times_only(self) -> None:
        """Then it is left to people: a cloud that acknowledges and never believes is not told for ever."""
        async with looking(State.SUCCEEDED) as (house, reconciler, cloud):
            cloud.views[0] = [believes(State.DOWNLOADING)]
            await asyncio.sleep(24 * HOUR)
            assert again(house) == [State.SUCCEEDED] * MAX_REPAIRS
            [drift] = reconciler.drift()
            assert (drift.kind, drift.believed, drift.true, drift.detail) == (
                "behind",
                State.DOWNLOADING,
                State.SUCCEEDED,
                "in its words",
            )
            assert gauge(house) == {"behind": 1}
            # It is looked at once an interval, and no more than that.
            assert len(cloud.observed) == pytest.approx(24 + MAX_REPAIRS, abs=2)

    async def test_drift_goes_when_the_cloud_comes_round(self) -> None:
        """From the list and from the gauge."""
        async with looking(State.SUCCEEDED) as (house, reconciler, cloud):
            cloud.views[0] = [believes(State.DOWNLOADING)]
            await asyncio.sleep(3 * HOUR)
            assert gauge(house) == {"behind": 1}
            cloud.views[0] = [believes(State.SUCCEEDED)]
            await asyncio.sleep(2 * HOUR)
            assert (list(reconciler.drift()), gauge(house)) == ([], {})

    async def test_an_open_update_is_told_again_too(self) -> None:
        """Where the cloud stands more than a step behind; progress of it is a transition."""
        async with looking(State.DOWNLOADING, State.INSTALLING) as (house, _, cloud):
            cloud.views[0] = [believes(State.QUEUED)]
            await asyncio.sleep(2 * HOUR)
            assert again(house)[:1] == [State.INSTALLING]
            messages = [m for commit in house.store.commits for m in commit.messages]
            assert messages[-1].kind is Kind.TRANSITION

    @pytest.mark.parametrize(
        ("believed", "true"),
        [
            (State.NOTIFIED, State.DOWNLOADING),
            (State.DOWNLOADING, State.DOWNLOADED),
            (State.DOWNLOADED, State.INSTALLING),
            (State.INSTALLING, State.CONFIRMING),
            (State.INSTALLING, State.DOWNLOADING),
        ],
    )
    async def test_a_step_on_the_way_is_no_drift(self, believed: State, true: State) -> None:
        """Clouds have fewer words, and some are ahead of what was told."""
        policy = Policy(
            needs_evidence=true is State.CONFIRMING, deadlines={State.CONFIRMING: timedelta(days=1)}
        )
        said = State.SUCCEEDED if true is State.CONFIRMING else true
        async with looking(said, down=Down(policy=policy)) as (house, reconciler, cloud):
            cloud.views[0] = [believes(believed)]
            await asyncio.sleep(3 * HOUR)
            assert (again(house), list(reconciler.drift())) == ([], [])

    @pytest.mark.parametrize("believed", sorted(ANNOUNCEMENTS))
    @pytest.mark.parametrize("end", [State.FAILED, State.SUCCEEDED])
    async def test_a_cloud_that_begins_anew_is_not_told_an_old_end(self, end: State, believed: State) -> None:
        """The same version ordered once more: told the end of the first try, the second would be over."""
        async with looking(end) as (house, reconciler, cloud):
            assert house.one.took[-1].state is end
            cloud.views[0] = [believes(believed)]
            await asyncio.sleep(3 * HOUR)
            assert (len(cloud.observed), again(house), list(reconciler.drift())) == (1, [], [])

    async def test_a_view_from_before_the_last_report_counts_for_nothing(self) -> None:
        """The update went on while the cloud was thinking: told again, it would hear one state twice."""
        async with looking(State.DOWNLOADING) as (house, _, cloud):
            cloud.views[0] = [believes(State.QUEUED)]
            cloud.seconds = 30.0
            while not cloud.observed:
                await asyncio.sleep(1)
            await house.say(told(State.INSTALLING))
            cloud.views[0] = [believes(State.INSTALLING)]
            await asyncio.sleep(2 * HOUR)
            assert (again(house), house.metrics.repairs.labels(ONE)._value.get()) == ([], 0)

    async def test_a_report_that_arrives_while_it_looks_counts(self) -> None:
        """Postponed for long, and acknowledged while the cloud was thinking."""
        async with looking(State.DOWNLOADING) as (house, _, cloud):
            paused = Unavailable("paused", scope=Scope.DEVICE, retry_after=600.0)
            house.one.script.extend([raises(paused)] * 10)
            await house.say(told(State.INSTALLING))
            cloud.views[0] = [believes(State.QUEUED)]
            cloud.seconds = 1800.0
            # The repairer asks while the report waits for its next try.
            while not cloud.observed:
                await asyncio.sleep(1)
            cloud.views[0] = [believes(State.INSTALLING)]
            await asyncio.sleep(2 * HOUR)
            assert house.one.took[-1].state is State.INSTALLING
            assert [event.state for event in house.one.took].count(State.INSTALLING) == 1

    async def test_a_commit_that_fails_loses_no_repair(self) -> None:
        """What was not written is looked at again."""
        async with looking(State.SUCCEEDED) as (house, _, cloud):
            cloud.views[0] = [believes(State.DOWNLOADING)]
            house.store.commit_seconds = 0.002
            await asyncio.sleep(SOON - 10)
            house.store.fates.append(Fate.REFUSED)
            await asyncio.sleep(10)
            cloud.views[0] = [believes(State.DOWNLOADING)]
            await asyncio.sleep(2 * HOUR)
            assert again(house) == [State.SUCCEEDED]


class TestDrift:
    """What no report can mend."""

    @pytest.mark.parametrize(
        ("true", "believed", "kind"),
        [
            (State.DOWNLOADING, State.FAILED, "ended_there"),
            (State.DOWNLOADING, State.SUCCEEDED, "ended_there"),
            (State.SUCCEEDED, State.FAILED, "ended_otherwise"),
            (State.FAILED, State.SUCCEEDED, "ended_otherwise"),
            (State.SUCCEEDED, State.CANCELED, "ended_otherwise"),
        ],
    )
    async def test_it_is_shown_and_nothing_is_told(self, true: State, believed: State, kind: str) -> None:
        """People decide."""
        async with looking(true) as (house, reconciler, cloud):
            cloud.views[0] = [believes(believed)]
            await asyncio.sleep(3 * HOUR)
            assert [drift.kind for drift in reconciler.drift()] == [kind]
            assert (gauge(house), again(house)) == ({kind: 1}, [])

    async def test_a_task_that_was_called_off_here_is_still_open_there(self) -> None:
        """Clouds have no word for that."""
        async with looking(State.DOWNLOADING) as (house, reconciler, cloud):
            cloud.views[0] = [believes(State.DOWNLOADING)]
            house.orders.cancel(house.update, Reason.CANCELED_BY_OPERATOR)
            await asyncio.sleep(3 * HOUR)
            assert [drift.kind for drift in reconciler.drift()] == ["open_there"]
            cloud.views[0] = []
            await asyncio.sleep(2 * HOUR)
            assert gauge(house) == {}

    @pytest.mark.parametrize("believed", [State.FAILED, State.TIMED_OUT, State.REJECTED])
    async def test_failures_are_all_alike(self, believed: State) -> None:
        """Clouds do not tell them apart."""
        async with looking(State.FAILED) as (_, reconciler, cloud):
            cloud.views[0] = [believes(believed)]
            await asyncio.sleep(3 * HOUR)
            assert list(reconciler.drift()) == []

    async def test_drift_goes_with_its_update(self) -> None:
        """A newer one took its place."""
        async with looking(State.SUCCEEDED) as (house, reconciler, cloud):
            cloud.views[0] = [believes(State.FAILED)]
            await asyncio.sleep(2 * HOUR)
            assert len(list(reconciler.drift())) == 1
            house.take(ONE, wants(V3))
            await asyncio.sleep(2 * HOUR)
            assert (list(reconciler.drift()), gauge(house)) == ([], {})

    @pytest.mark.parametrize(
        "views",
        [
            [],
            [believes(None)],
            [believes(State.FAILED, target=V3)],
            [believes(State.FAILED, module=Module("mcu"))],
        ],
        ids=["none", "no state", "another target", "another module"],
    )
    async def test_what_is_said_of_something_else_is_ignored(self, views: list[CloudView]) -> None:
        """Or not said at all."""
        async with looking(State.SUCCEEDED) as (house, reconciler, cloud):
            cloud.views[0] = views
            await asyncio.sleep(3 * HOUR)
            assert (list(reconciler.drift()), again(house)) == ([], [])
            assert len(cloud.observed) == 1

    async def test_a_view_that_names_no_target_means_the_update(self) -> None:
        """There is one at a time."""
        async with looking(State.SUCCEEDED) as (_, reconciler, cloud):
            cloud.views[0] = [believes(State.FAILED, target=None)]
            await asyncio.sleep(SOON)
            assert [drift.kind for drift in reconciler.drift()] == ["ended_otherwise"]


class TestTrouble:
    """What a cloud may do."""

    @pytest.mark.parametrize(
        "error",
        [
            Unavailable("paused", scope=Scope.DEVICE),
            Denied(Scope.DEVICE, "403", "not yours"),
            Rejected("16", "no"),
            KeyError("x"),
            asyncio.CancelledError(),
        ],
        ids=lambda error: type(error).__name__,
    )
    async def test_it_looks_again_later(self, error: BaseException) -> None:
        """Nothing dies, and the lane stays open."""
        async with looking(State.SUCCEEDED) as (house, reconciler, cloud):
            cloud.views.appendleft(error)
            cloud.views[-1] = [believes(State.FAILED)]
            await asyncio.sleep(SOON)
            assert house.gates[ONE].state.circuit is Circuit.CLOSED
            assert list(reconciler.drift()) == []
            await asyncio.sleep(2 * HOUR)
            assert [drift.kind for drift in reconciler.drift()] == ["ended_otherwise"]

    @pytest.mark.parametrize("answer", [None, [None], 7])
    async def test_an_answer_without_sense_ends_nothing(self, answer: object) -> None:
        """It is an adapter that breaks."""
        async with looking(State.SUCCEEDED) as (_, _, cloud):
            cloud.views[0] = answer  # type: ignore[assignment]
            await asyncio.sleep(3 * HOUR)
            assert len(cloud.observed) >= 1

    async def test_a_cloud_that_denies_us_stops_the_lane(self) -> None:
        """Like anywhere else."""
        async with looking(State.SUCCEEDED) as (house, _, cloud):
            cloud.views[0] = Denied(Scope.LANE, "401", "who are you")
            await asyncio.sleep(SOON)
            assert house.gates[ONE].state.circuit is Circuit.DENIED

    async def test_a_shut_lane_is_not_asked(self) -> None:
        """It waits at the gate."""
        async with looking(State.SUCCEEDED) as (house, _, cloud):
            house.gates[ONE]._state = replace(
                house.gates[ONE].state, circuit=Circuit.OPEN, until=house.clock.now() + 10 * HOUR
            )
            await asyncio.sleep(9 * HOUR)
            assert cloud.observed == []
