"""Orders: which update serves which cloud's wish, and what becomes of those that have to wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.core.order_book import LAG
from gateway.core.record import ProductRules
from gateway.errors import Rejected, Unavailable
from gateway.model.commands import Order, TaskCanceled
from gateway.model.events import Confirmed, StateReported, VersionReported
from gateway.model.identity import DEFAULT_MODULE, DeviceId, Lane, Module, Version
from gateway.model.policy import Policy
from gateway.model.states import TERMINAL, Phase, Reason, State
from gateway.ports.store import Ordered
from tests.unit.core.down import Down, wants
from tests.unit.core.fakes import FakeStore, Fate, fine, raises, teaches
from tests.unit.core.house import BOTH, DEVICE, ONE, TWO, V1, V2, V3, runs, told

MCU = Module("mcu")
V9 = Version("9.0")


@asynccontextmanager
async def site(policy: Policy | None = None, **more: Any) -> AsyncIterator[Down]:
    """Run a house whose device runs the first version."""
    down = Down(policy=policy, **more)
    async with down.open():
        await down.say(runs(V1))
        yield down


async def soon(seconds: float = 1.0) -> None:
    """Let time pass."""
    await asyncio.sleep(seconds)


def ends(down: Down, lane: Lane = ONE) -> list[tuple[State, str]]:
    """The ends that a cloud was told and has a word for, with the version."""
    said = TERMINAL - {State.CANCELED}
    return [(event.state, str(event.version)) for event in down.clouds[lane].took if event.state in said]


def canceled(module: Module = DEFAULT_MODULE) -> TaskCanceled:
    """Say that the task was called off."""
    return TaskCanceled(device=DEVICE, module=module, version=V2)


class TestOneCloud:
    """What it wants, again and again."""

    async def test_an_order_begins_an_update_and_is_remembered(self) -> None:
        """On disk, both of them."""
        async with site() as down:
            assert down.take(ONE, wants())
            await down.ledger.drain()
            assert (down.update.state, down.update.target, down.update.ordered) == (State.QUEUED, V2, True)
            assert list(down.store.orders.values()) == [
                Ordered(lane=ONE, command=wants(), update=down.update.id)
            ]

    async def test_the_same_again_changes_nothing(self) -> None:
        """A cloud is asked again and again; nothing is written for it, either."""
        async with site() as down:
            down.take(ONE, wants())
            await soon()
            update, commits = down.update, len(down.store.commits)
            assert down.take(ONE, wants())
            await soon()
            assert (down.update, len(down.store.commits)) == (update, commits)

    async def test_a_link_that_was_signed_anew_is_kept(self) -> None:
        """The next fetch needs it, also after a restart."""
        async with site() as down:
            down.take(ONE, wants())
            down.take(ONE, wants(url="http://cloud.test/image?sign=2"))
            await down.ledger.drain()
            assert down.row().command.firmware.url.endswith("sign=2")
            assert down.store.orders[ONE, DEVICE, DEFAULT_MODULE] == down.row()
            assert down.update.number == 1

    async def test_nothing_is_no_order(self) -> None:
        """The usual answer."""
        async with site() as down:
            assert not down.take(ONE)
            assert down.record.update(DEVICE, DEFAULT_MODULE) is None

    async def test_a_newer_task_supersedes(self) -> None:
        """The older update ends, the device that heard of it is told to leave it."""
        async with site() as down:
            down.take(ONE, wants(V2))
            await down.say(told(State.NOTIFIED, synthetic=True))
            down.take(ONE, wants(V3))
            await soon()
            assert (down.update.target, down.update.number, down.update.state) == (V3, 2, State.QUEUED)
            assert down.outlet.withdrawals() == [V2]
            assert down.row().update == down.update.id

    async def test_a_device_that_never_heard_is_told_nothing(self) -> None:
        """There is nothing to leave."""
        async with site() as down:
            down.take(ONE, wants(V2))
            down.take(ONE, wants(V3))
            assert down.outlet.told == []

    async def test_a_device_that_heard_of_an_earlier_try_is_told(self) -> None:
        """It may be at it by itself."""
        async with site(Policy(retries=1)) as down:
            down.take(ONE, wants(V2))
            failure = replace(told(State.FAILED), reason=Reason.CONNECTION_LOST)
            await down.say(told(State.DOWNLOADING), failure)
            assert down.update.state is State.QUEUED
            down.orders.cancel(down.update, Reason.CANCELED_BY_OPERATOR)
            assert down.outlet.withdrawals() == [V2]

    async def test_what_is_being_installed_goes_first(self) -> None:
        """Nobody interrupts a device that writes its flash; the newer task waits for the end."""
        async with site() as down:
            down.take(ONE, wants(V2))
            await down.say(told(State.INSTALLING))
            down.take(ONE, wants(V3))
            assert (down.update.target, down.row().update, down.row().note) == (V2, None, "conflict")
            await down.say(told(State.FAILED))
            down.orders.tend()
            assert (down.update.target, down.row().update, down.row().note) == (V3, down.update.id, "")

    async def test_a_new_task_for_a_device_that_hangs_is_taken_up(self) -> None:
        """It began to install and was never heard of again: its cloud has given that task up."""
        async with site() as down:
            down.take(ONE, wants(V2))
            await down.say(told(State.INSTALLING))
            down.take(ONE, wants(V3))
            await soon(3600)
            down.engine.expire()
            assert down.update.stalled
            down.orders.tend()
            assert down.update.target == V3

    async def test_the_version_that_runs_is_a_success_at_once(self) -> None:
        """The cloud hears it, the device hears nothing."""
        async with site() as down:
            down.take(ONE, wants(V1))
            await soon()
            assert ends(down) == [(State.SUCCEEDED, V1)]
            assert (down.outlet.told, down.row().is_closed) == ([], True)

    @pytest.mark.parametrize("running", [False, True], ids=["refused", "runs"])
    async def test_a_newer_task_that_ends_at_once_is_told(self, *, running: bool) -> None:
        """The cloud's own older task must not keep its end from it."""
        async with site() as down:
            down.take(ONE, wants(V2))
            down.objections[V9] = "too long"
            down.take(ONE, wants(V1) if running else wants(V9))
            await soon()
            expected = (State.SUCCEEDED, V1) if running else (State.REJECTED, V9)
            assert ends(down)[-1] == expected
            assert down.row().is_closed

    async def test_two_modules_are_two_updates(self) -> None:
        """Each with its order."""
        async with site() as down:
            await down.say(VersionReported(device=DEVICE, version=V1, module=MCU))
            down.take(ONE, wants(V2), wants(V3, module=MCU))
            assert (down.newest().target, down.newest(module=MCU).target) == (V2, V3)

    async def test_an_order_for_a_product_that_is_gone_is_ignored(self) -> None:
        """Its configuration went while the cloud was asked."""
        async with site() as down:
            stranger = DeviceId("GONE", "dev01")
            down.take(ONE, wants(device=stranger), device=stranger)
            assert down.record.update(stranger, DEFAULT_MODULE) is None


class TestRefusals:
    """What cannot be carried out is said so."""

    async def refused(self, down: Down, order: Order) -> tuple[Reason, str]:
        """Order it, and return what was told to the cloud."""
        down.take(ONE, order)
        await soon()
        event = down.one.took[-1]
        assert (event.state, event.phase) == (State.REJECTED, Phase.PRECHECK)
        assert down.outlet.told == []
        return event.reason, event.detail

    async def test_a_version_that_a_cloud_cannot_carry(self) -> None:
        """Any cloud that the product is bound to."""
        async with site() as down:
            down.objections[V9] = "OneNET takes 20 characters"
            assert await self.refused(down, wants(V9)) == (
                Reason.CLOUD_REJECTED,
                "OneNET takes 20 characters",
            )

    async def test_a_module_that_the_device_does_not_have(self) -> None:
        """As far as it told of any."""
        async with site() as down:
            reason, detail = await self.refused(down, wants(module=MCU))
            assert reason is Reason.INCOMPATIBLE_DEVICE
            assert detail == "the device has no module 'mcu'; it told of default"

    async def test_a_module_of_a_device_that_told_of_none(self) -> None:
        """Nobody knows better than the cloud."""
        down = Down()
        down.take(ONE, wants(module=MCU))
        assert down.newest(module=MCU).state is State.QUEUED

    async def test_a_difference_to_another_version(self) -> None:
        """The image fits only what it was made from."""
        async with site() as down:
            reason, _ = await self.refused(down, wants(is_delta=True, source=V3))
            assert reason is Reason.INCOMPATIBLE_DEVICE

    async def test_a_downgrade_where_the_product_refuses_them(self) -> None:
        """With both versions in its words."""
        async with site(Policy(refuses_downgrades=True)) as down:
            reason, detail = await self.refused(down, wants(Version("0.9")))
            assert reason is Reason.VERSION_MISMATCH
            assert "0.9" in detail
            assert "1.0" in detail

    async def test_a_refused_order_is_not_begun_again(self) -> None:
        """Though the cloud goes on asking until it has heard, and a little longer."""
        async with site() as down:
            down.objections[V9] = "too long"
            for _ in range(3):
                down.take(ONE, wants(V9))
                await soon()
            assert (down.update.number, ends(down)) == (1, [(State.REJECTED, V9)])


class TestTwoClouds:
    """The same wish, and different ones."""

    async def test_the_same_target_is_one_update(self) -> None:
        """Both rows are served, and both are closed by its end."""
        async with site() as down:
            down.take(TWO, wants(handle="two"))
            down.take(ONE, wants(handle="one"))
            assert [row.lane for row in down.orders.serving(down.update)] == [ONE, TWO]
            await down.say(told(State.SUCCEEDED))
            await soon()
            assert (down.update.number, down.row(ONE).is_closed, down.row(TWO).is_closed) == (1, True, True)
            assert ends(down, ONE) == ends(down, TWO) == [(State.SUCCEEDED, V2)]

    @pytest.mark.parametrize("state", [State.QUEUED, State.NOTIFIED])
    async def test_the_first_cloud_goes_before_what_has_not_begun(self, state: State) -> None:
        """The other's order waits, and is taken up afterwards; each hears only of its own."""
        async with site() as down:
            down.take(TWO, wants(V2))
            if state is State.NOTIFIED:
                await down.say(told(state, synthetic=True))
            down.take(ONE, wants(V3))
            assert (down.update.target, down.row(TWO).note) == (V3, "conflict")
            await down.say(told(State.SUCCEEDED, version=V3))
            down.orders.tend()
            await soon()
            assert (down.update.target, down.row(TWO).update) == (V2, down.update.id)
            await down.say(told(State.SUCCEEDED))
            await soon()
            assert ends(down, ONE) == [(State.SUCCEEDED, V3), (State.SUCCEEDED, V2)]
            assert ends(down, TWO)[-1] == (State.SUCCEEDED, V2)
            assert (State.SUCCEEDED, V3) not in ends(down, TWO)

    @pytest.mark.parametrize("state", [State.DOWNLOADING, State.INSTALLING, State.CONFIRMING])
    async def test_the_first_cloud_waits_for_what_has_begun(self, state: State) -> None:
        """Priority interrupts nobody."""
        async with site() as down:
            down.take(TWO, wants(V2))
            await down.say(told(state))
            down.take(ONE, wants(V3))
            assert (down.update.target, down.row(ONE).note) == (V2, "conflict")

    async def test_the_second_cloud_waits_for_the_first(self) -> None:
        """Even for what has not begun; it is said once, however often it asks."""
        async with site() as down:
            down.take(ONE, wants(V2))
            with capture_logs() as logs:
                for sign in range(3):
                    down.take(TWO, wants(V3, url=f"http://cloud.test/{sign}"))
                    down.orders.tend()
            assert (down.update.target, down.row(TWO).update) == (V2, None)
            assert down.row(TWO).command.firmware.url == "http://cloud.test/2"
            assert [log["event"] for log in logs] == ["order_conflicts"]
            assert down.metrics.order_conflicts.labels(TWO)._value.get() == 1

    async def test_who_waits_for_a_version_is_served_by_whoever_brings_it(self) -> None:
        """The first cloud comes to want what the second waits for: one update, and one success for each."""
        async with site() as down:
            down.take(ONE, wants(V2))
            down.take(TWO, wants(V3))
            down.take(ONE, wants(V3))
            assert {row.lane for row in down.orders.serving(down.update)} == {ONE, TWO}
            await down.say(told(State.SUCCEEDED, version=V3))
            down.orders.tend()
            await soon()
            assert down.update.number == 2
            assert ends(down, TWO) == [(State.SUCCEEDED, V3)]
            assert ends(down, ONE)[-1] == (State.SUCCEEDED, V3)

    async def test_who_waits_for_a_version_is_served_by_the_device_that_began_it(self) -> None:
        """By itself, after the first cloud's end."""
        async with site() as down:
            down.take(ONE, wants(V2))
            await down.say(told(State.INSTALLING))
            down.take(TWO, wants(V3))
            await down.say(told(State.FAILED), told(State.DOWNLOADING, version=V3))
            down.orders.tend()
            assert (down.row(TWO).update, down.update.ordered) == (down.update.id, True)

    async def test_who_waits_for_a_version_brings_its_user_s_consent_along(self) -> None:
        """What the first cloud does not ask for, the second does: nothing is sent before somebody agreed."""
        async with site() as down:
            down.take(ONE, wants(V2))
            down.take(TWO, wants(V3, needs_confirmation=True))
            down.take(ONE, wants(V3))
            assert {row.lane for row in down.orders.serving(down.update)} == {ONE, TWO}
            assert (down.update.target, down.update.is_held, down.update.confirmed) == (V3, True, False)

    async def test_two_that_wait_are_taken_up_in_their_order(self) -> None:
        """However they came, and without a detour."""
        async with site() as down:
            await down.say(told(State.INSTALLING, version=V9))
            down.take(TWO, wants(V2))
            down.take(ONE, wants(V3))
            await down.say(told(State.FAILED, version=V9))
            down.orders.tend()
            assert (down.update.target, down.update.number, down.row(TWO).note) == (V3, 2, "conflict")

    async def test_a_refused_order_of_the_first_leaves_the_second_s_to_be_taken_up(self) -> None:
        """What it displaced comes back."""
        async with site() as down:
            down.take(TWO, wants(V2))
            down.objections[V9] = "too long"
            down.take(ONE, wants(V9))
            down.orders.tend()
            assert (down.update.target, down.update.state) == (V2, State.QUEUED)
            assert down.row(TWO).update == down.update.id

    async def test_a_refusal_of_one_is_none_of_the_other(self) -> None:
        """The first cloud's difference does not fit; the second's whole image of the same version does."""
        async with site() as down:
            down.take(ONE, wants(V2))
            down.take(TWO, wants(V3))
            down.take(ONE, wants(V3, is_delta=True, source=V9))
            assert down.update.state is State.REJECTED
            down.orders.tend()
            assert (down.update.target, down.update.state) == (V3, State.QUEUED)
            assert down.row(TWO).update == down.update.id

    async def test_the_second_cloud_s_user_has_to_agree_too(self) -> None:
        """As long as nothing was sent."""
        async with site() as down:
            down.take(ONE, wants(handle="one"))
            down.take(TWO, wants(handle="two", needs_confirmation=True))
            assert (down.update.number, down.update.is_held) == (1, True)

    @pytest.mark.parametrize("end", [State.FAILED, State.SUCCEEDED])
    @pytest.mark.parametrize("was_asked_before", [False, True])
    async def test_the_second_s_order_for_what_has_just_ended_is_an_echo(
        self, end: State, *, was_asked_before: bool
    ) -> None:
        """It was being asked when the update ended, and is told of that end as the first is: once."""
        async with site() as down:
            if was_asked_before:
                down.take(TWO, wants(V9, handle="t0"))
                await down.say(told(State.FAILED, version=V9))
                await soon()
            down.take(ONE, wants())
            await down.say(told(end))
            over = down.update
            for _ in range(2):
                down.take(TWO, wants(handle="other"))
                await soon()
            assert down.update == over
            assert ends(down).count((end, V2)) == ends(down, TWO).count((end, V2)) == 1
            assert (down.row(TWO).update, down.row(TWO).is_closed) == (over.id, True)
            await soon(LAG.total_seconds())
            down.take(TWO, wants(handle="other"))
            assert down.update.number == over.number + 1

    async def test_the_second_s_order_for_what_it_was_not_told_of_is_none(self) -> None:
        """It waited for another version, and for that end."""
        async with site() as down:
            down.take(ONE, wants())
            down.take(TWO, wants(V9))
            await down.say(told(State.FAILED))
            down.take(TWO, wants(handle="other"))
            assert (down.update.target, down.update.attempt, down.update.state) == (V2, 2, State.QUEUED)

    async def test_one_of_two_may_leave(self) -> None:
        """The other still wants it."""
        async with site() as down:
            down.take(ONE, wants(handle="one"))
            down.take(TWO, wants(handle="two"))
            await down.ledger.drain()
            down.missing(ONE)
            await down.ledger.drain()
            assert [row.lane for row in down.orders.serving(down.update)] == [TWO]
            assert [key[0] for key in down.store.orders] == [TWO]
            assert down.update.state is State.QUEUED


class TestWithdrawal:
    """A cloud wants no more what it wanted."""

    @pytest.mark.parametrize("state", [State.QUEUED, State.WAITING_CONFIRMATION, State.NOTIFIED])
    async def test_what_has_not_begun_is_called_off(self, state: State) -> None:
        """The device that heard of it is told."""
        async with site() as down:
            down.take(ONE, wants(needs_confirmation=state is State.WAITING_CONFIRMATION))
            if state is State.NOTIFIED:
                await down.say(told(state, synthetic=True))
            down.missing(ONE)
            assert (down.update.state, down.update.reason) == (State.CANCELED, Reason.CANCELED_BY_CLOUD)
            assert down.outlet.withdrawals() == ([V2] if state is State.NOTIFIED else [])
            assert list(down.orders.all()) == []

    @pytest.mark.parametrize(
        "state", [State.DOWNLOADING, State.VERIFIED, State.INSTALLING, State.APPLYING, State.CONFIRMING]
    )
    async def test_what_has_begun_goes_on(self, state: State) -> None:
        """Clouds do not name what they know to be under way."""
        async with site() as down:
            down.take(ONE, wants())
            await down.say(told(state))
            down.missing(ONE)
            assert (down.update.state, down.row().update) == (state, down.update.id)

    async def test_once_is_not_enough(self) -> None:
        """What a cloud does not name may be back at the next question; only twice in a row counts."""
        async with site() as down:
            down.take(ONE, wants())
            for _ in range(3):
                down.take(ONE)
                down.take(ONE, wants())
            assert down.update.state is State.QUEUED

    async def test_a_cloud_that_says_so_means_it(self) -> None:
        """At once."""
        async with site() as down:
            down.take(ONE, wants())
            assert not down.take(ONE, canceled())
            assert down.update.state is State.CANCELED

    async def test_another_module_s_order_stays(self) -> None:
        """Only what is not named is withdrawn."""
        async with site() as down:
            await down.say(VersionReported(device=DEVICE, version=V1, module=MCU))
            down.take(ONE, wants(V2), wants(V3, module=MCU))
            for _ in range(2):
                down.take(ONE, wants(V3, module=MCU))
            assert (down.newest().state, down.newest(module=MCU).state) == (State.CANCELED, State.QUEUED)

    async def test_an_order_that_waits_is_forgotten(self) -> None:
        """On disk, too, without anything else happening."""
        async with site() as down:
            down.take(ONE, wants(V2))
            down.take(TWO, wants(V3))
            await down.ledger.drain()
            down.missing(TWO)
            await down.ledger.drain()
            assert [key[0] for key in down.store.orders] == [ONE]
            assert down.update.state is State.QUEUED

    async def test_the_same_task_may_come_again(self) -> None:
        """It is new, because it was gone; a cloud may lag a little."""
        async with site() as down:
            down.take(ONE, wants())
            down.missing(ONE)
            await soon(LAG.total_seconds())
            down.take(ONE, wants())
            assert (down.update.number, down.update.state) == (2, State.QUEUED)


class TestCancel:
    """An operator's word, and a cloud's reply."""

    async def test_an_operator_s_word_sticks(self) -> None:
        """Although the cloud repeats its task, for days; another task is something new."""
        async with site() as down:
            down.take(ONE, wants())
            assert down.orders.cancel(down.update, Reason.CANCELED_BY_OPERATOR)
            for _ in range(3):
                await soon(86_400)
                down.take(ONE, wants())
                down.orders.tend()
            assert (down.update.number, down.update.state) == (1, State.CANCELED)
            down.take(ONE, wants(handle="another"))
            assert (down.update.number, down.update.state) == (2, State.QUEUED)

    async def test_the_same_words_are_new_once_the_cloud_took_them_back(self) -> None:
        """A cloud that names its tasks after the version has no others; and it may lag a little."""
        async with site() as down:
            down.take(ONE, wants())
            down.orders.cancel(down.update, Reason.CANCELED_BY_OPERATOR)
            down.missing(ONE)
            down.take(ONE, wants())
            assert down.update.number == 1
            await soon(LAG.total_seconds())
            down.take(ONE, wants())
            assert down.update.number == 2

    async def test_what_is_over_cannot_be_called_off(self) -> None:
        """And is not told."""
        async with site() as down:
            await down.say(told(State.FAILED))
            assert not down.orders.cancel(down.update, Reason.CANCELED_BY_OPERATOR)
            assert down.outlet.told == []

    async def test_the_other_cloud_s_turn_comes(self) -> None:
        """What waited is taken up."""
        async with site() as down:
            down.take(ONE, wants(V2))
            down.take(TWO, wants(V3))
            down.orders.cancel(down.update, Reason.CANCELED_BY_OPERATOR)
            down.orders.tend()
            assert down.update.target == V3

    async def test_a_task_that_its_cloud_called_off_ends(self) -> None:
        """Learned from the reply to a report; given again in the same words, it is new."""
        async with site() as down:
            down.take(ONE, wants())
            down.one.script.extend([teaches(), teaches(canceled())])
            await down.say(told(State.DOWNLOADING))
            await soon()
            assert (down.update.state, down.update.reason) == (State.CANCELED, Reason.CANCELED_BY_CLOUD)
            assert down.outlet.withdrawals() == [V2]
            await soon(LAG.total_seconds())
            down.take(ONE, wants())
            assert (down.update.number, down.update.state) == (2, State.QUEUED)

    async def test_a_task_that_one_of_two_called_off_goes_on(self) -> None:
        """For the other; the one hears no more of it."""
        async with site() as down:
            down.take(ONE, wants(handle="one"))
            down.take(TWO, wants(handle="two"))
            down.one.script.extend([teaches(), teaches(canceled())])
            await down.say(told(State.DOWNLOADING))
            await soon()
            await down.say(told(State.SUCCEEDED))
            await soon()
            assert (down.update.state, ends(down, ONE)) == (State.SUCCEEDED, [])
            assert ends(down, TWO) == [(State.SUCCEEDED, V2)]

    async def test_a_calling_off_survives_a_commit_that_fails(self) -> None:
        """Nobody will say it a second time."""
        async with site() as down:
            down.take(ONE, wants())
            down.one.script.extend([teaches(), teaches(canceled())])
            down.publish(told(State.DOWNLOADING))
            await soon(0.02)
            down.store.fates.extend([Fate.REFUSED, Fate.REFUSED])
            await soon(10)
            assert (down.update.state, down.store.updates[down.update.id].state) == (State.CANCELED,) * 2
            assert down.store.orders[ONE, DEVICE, DEFAULT_MODULE].is_closed


class TestTheEnd:
    """What a cloud has heard, and what it says afterwards."""

    async def test_a_told_end_closes_the_order(self) -> None:
        """In memory and on disk; the same words are nothing new as long as a cloud may lag."""
        async with site() as down:
            down.take(ONE, wants())
            await down.say(told(State.FAILED))
            await soon()
            assert down.row().is_closed
            assert down.store.orders[ONE, DEVICE, DEFAULT_MODULE].is_closed
            await soon(LAG.total_seconds() - 10)
            down.take(ONE, wants())
            assert down.update.number == 1
            await soon(20)
            down.take(ONE, wants())
            assert (down.update.number, down.update.state) == (2, State.QUEUED)

    async def test_another_task_is_new_at_once(self) -> None:
        """It has another name."""
        async with site() as down:
            down.take(ONE, wants())
            await down.say(told(State.FAILED))
            await soon()
            down.take(ONE, wants(handle="again"))
            assert down.update.number == 2

    async def test_an_end_that_could_not_be_told_keeps_the_order_open(self) -> None:
        """The cloud still waits: the same words mean the same, for days."""
        async with site() as down:
            down.one.habit = raises(Rejected("16", "no"))
            down.take(ONE, wants())
            await down.say(told(State.FAILED))
            await soon(86_400)
            down.take(ONE, wants())
            assert (down.update.number, down.row().is_closed) == (1, False)

    async def test_the_same_words_are_new_though_the_end_before_was_refused(self) -> None:
        """Once the cloud has left them out twice, and lagged a little: a campaign that is started anew."""
        async with site() as down:
            down.one.habit = raises(Rejected("16", "no"))
            down.take(ONE, wants())
            await down.say(told(State.FAILED))
            await soon(5)
            assert (len(down.store.buried), down.row().is_closed) == (2, False)
            down.take(ONE)
            assert not down.row().is_closed
            down.take(ONE)
            assert down.row().is_closed
            down.take(ONE, wants())
            assert down.update.number == 1
            await soon(LAG.total_seconds())
            down.take(ONE, wants())
            assert (down.update.number, down.update.state) == (2, State.QUEUED)

    async def test_an_end_that_was_refused_does_not_keep_the_cloud_from_being_asked(self) -> None:
        """It will order something else one day."""
        async with site() as down:
            down.one.habit = raises(Rejected("16", "no"))
            down.take(ONE, wants())
            await down.say(told(State.FAILED))
            assert not down.orders.is_busy(ONE, DEVICE)
            assert await down.store.is_end_waiting(ONE, DEVICE)
            await soon(5)
            assert not await down.store.is_end_waiting(ONE, DEVICE)

    async def test_an_order_that_is_renewed_while_its_end_is_written_stays_closed(self) -> None:
        """What memory knows and what the disk knows is the same."""
        async with site() as down:
            down.take(ONE, wants())
            await down.say(told(State.FAILED))
            down.store.commit_seconds = 1.0
            while not any(commit.settlements for commit in down.store.commits):
                await soon(0.1)
            down.take(ONE, wants(url="http://cloud.test/signed-anew"))
            await soon(5)
            assert down.row().is_closed
            assert down.store.orders[ONE, DEVICE, DEFAULT_MODULE].is_closed


class TestBusy:
    """About whom a cloud is not asked."""

    @pytest.mark.parametrize("state", [state for state in State if state not in TERMINAL])
    async def test_who_works_on_it_is_busy(self, state: State) -> None:
        """What has not begun may still be called off."""
        idle = {State.QUEUED, State.WAITING_CONFIRMATION, State.NOTIFIED}
        async with site() as down:
            down.take(ONE, wants())
            if state is not State.QUEUED:
                await down.say(told(state))
            assert down.orders.is_busy(ONE, DEVICE) == (state not in idle)
            assert not down.orders.is_busy(TWO, DEVICE)

    async def test_who_hangs_is_not(self) -> None:
        """Its cloud may give up."""
        async with site() as down:
            down.take(ONE, wants())
            await down.say(told(State.DOWNLOADING))
            await soon(3 * 3600)
            down.engine.expire()
            assert not down.orders.is_busy(ONE, DEVICE)

    async def test_who_was_called_off_is_not(self) -> None:
        """Something new may be ordered at once."""
        async with site() as down:
            down.take(ONE, wants())
            down.orders.cancel(down.update, Reason.CANCELED_BY_OPERATOR)
            assert not down.orders.is_busy(ONE, DEVICE)


class TestTheDevice:
    """What it does by itself."""

    async def test_what_it_began_is_joined(self) -> None:
        """And seen through from then on."""
        async with site() as down:
            await down.say(told(State.DOWNLOADING))
            assert not down.update.ordered
            down.take(ONE, wants(retries=2))
            assert (down.update.number, down.update.ordered, down.update.retries_left) == (1, True, 2)
            assert down.row().update == down.update.id

    async def test_an_order_waits_for_what_it_does_otherwise(self) -> None:
        """And is taken up when that ends."""
        async with site() as down:
            await down.say(told(State.DOWNLOADING, version=V9))
            down.take(ONE, wants())
            down.orders.tend()
            assert (down.update.target, down.row().note) == (V9, "conflict")
            await down.say(told(State.SUCCEEDED, version=V9))
            down.orders.tend()
            assert (down.update.target, down.row().update) == (V2, down.update.id)

    async def test_an_order_does_not_wait_for_what_it_gave_up_silently(self) -> None:
        """Past its deadline nobody believes in it any more."""
        async with site() as down:
            await down.say(told(State.DOWNLOADING, version=V9))
            down.take(ONE, wants())
            await soon(3 * 3600)
            down.engine.expire()
            down.orders.tend()
            assert down.update.target == V2

    async def test_an_order_survives_that_it_does_something_else(self) -> None:
        """The device leaves what was ordered for its own: the order waits, is not lost, and its cloud hears nothing."""
        async with site() as down:
            down.take(ONE, wants(V2))
            down.take(TWO, wants(V2))
            await down.say(told(State.NOTIFIED, synthetic=True), told(State.DOWNLOADING, version=V9))
            assert [down.row(lane).note for lane in (ONE, TWO)] == ["conflict", "conflict"]
            await down.say(told(State.FAILED, version=V9))
            down.orders.tend()
            await soon()
            assert (down.update.target, down.update.number) == (V2, 3)
            assert {row.lane for row in down.orders.serving(down.update)} == {ONE, TWO}
            assert V9 not in {event.version for event in down.one.took}

    async def test_an_order_for_what_it_reinstalls_is_a_success_at_once(self) -> None:
        """It runs the target: nobody may tell it to install that, or wait until it has done so by itself."""
        async with site() as down:
            await down.say(runs(V2), told(State.INSTALLING))
            down.take(ONE, wants(V2))
            await soon()
            assert (down.update.state, down.row().is_closed) == (State.SUCCEEDED, True)
            assert (ends(down), down.outlet.told) == ([(State.SUCCEEDED, V2)], [])


class TestConsent:
    """Where a person has to agree."""

    async def test_the_device_s_user_agrees(self) -> None:
        """The clouds hear it."""
        async with site() as down:
            down.take(ONE, wants(needs_confirmation=True))
            await down.say(Confirmed(device=DEVICE, accept=True))
            await soon(20)
            assert (down.update.is_held, down.one.took[-1].confirmed) == (False, True)

    async def test_a_user_who_agreed_elsewhere_counts(self) -> None:
        """The cloud asks for no consent any more."""
        async with site() as down:
            down.take(ONE, wants(needs_confirmation=True))
            down.take(ONE, wants())
            assert not down.update.is_held

    async def test_a_cloud_that_comes_to_ask_for_consent_gets_it(self) -> None:
        """While nothing was sent."""
        async with site() as down:
            down.take(ONE, wants())
            down.take(ONE, wants(needs_confirmation=True))
            assert down.update.is_held

    async def test_the_site_s_own_rule_stays(self) -> None:
        """Whatever users of the cloud say."""
        async with site(Policy(asks_first=True)) as down:
            down.take(ONE, wants(needs_confirmation=True))
            down.take(ONE, wants())
            assert down.update.is_held


class TestAgain:
    """An operator begins anew what ended."""

    async def test_it_begins_anew(self) -> None:
        """With the order that stands behind it, told or not."""
        async with site() as down:
            down.take(ONE, wants())
            await down.say(told(State.FAILED))
            await soon()
            assert down.orders.again(down.update)
            assert (down.update.number, down.update.attempt, down.update.state) == (2, 2, State.QUEUED)
            assert down.row().update == down.update.id

    @pytest.mark.parametrize("asked", [0, 1])
    async def test_a_cloud_that_heard_the_end_and_is_silent_calls_nothing_off(self, asked: int) -> None:
        """It orders no more what it takes for over; the operator does."""
        async with site() as down:
            down.take(ONE, wants())
            await down.say(told(State.FAILED))
            await soon()
            for _ in range(asked):
                down.take(ONE)
            assert down.orders.again(down.update)
            down.missing(ONE)
            await soon()
            down.missing(ONE)
            assert (down.update.number, down.update.state) == (2, State.QUEUED)
            assert down.store.orders[ONE, DEVICE, DEFAULT_MODULE].update == down.update.id

    async def test_a_cloud_that_has_yet_to_hear_the_end_calls_nothing_off_either(self) -> None:
        """It was away, the operator did not wait for it, and it lags a little once it is back."""
        async with site() as down:
            down.one.habit = raises(Unavailable("down"))
            down.take(ONE, wants())
            await down.say(told(State.FAILED))
            assert down.orders.again(down.update)
            await soon(2 * LAG.total_seconds())
            down.one.habit = fine
            await soon(60)
            assert ends(down) == [(State.FAILED, V2)]
            down.take(ONE, wants())
            down.missing(ONE)
            assert (down.update.number, down.update.state) == (2, State.QUEUED)

    async def test_a_cloud_whose_order_was_called_off_here_may_still_withdraw_it(self) -> None:
        """It never heard of an end, and is counted from the new beginning on."""
        async with site() as down:
            down.take(ONE, wants())
            down.orders.cancel(down.update, Reason.CANCELED_BY_OPERATOR)
            down.take(ONE)
            assert down.orders.again(down.update)
            states = list[State]()
            for _ in range(2):
                down.take(ONE)
                states.append(down.update.state)
            assert states == [State.QUEUED, State.CANCELED]

    async def test_a_newer_task_takes_its_place(self) -> None:
        """What a cloud orders goes before what it once ordered."""
        async with site() as down:
            down.take(ONE, wants())
            await down.say(told(State.FAILED))
            await soon()
            assert down.orders.again(down.update)
            down.take(ONE, wants(V3, handle="t2"))
            assert (down.update.target, down.update.state) == (V3, State.QUEUED)

    async def test_what_is_open_or_was_never_ordered_is_not(self) -> None:
        """There is nothing to begin."""
        async with site() as down:
            await down.say(told(State.FAILED))
            assert not down.orders.again(down.update)
            down.take(ONE, wants(V3))
            assert not down.orders.again(down.update)


class TestFailedCommits:
    """Everything is taken back, and said again."""

    async def test_an_order_is_taken_back_whole(self) -> None:
        """Update and row; the next answer brings it again."""
        async with site() as down:
            down.store.fates.append(Fate.REFUSED)
            down.take(ONE, wants())
            await soon()
            assert down.record.update(DEVICE, DEFAULT_MODULE) is None
            assert (list(down.orders.all()), down.store.orders) == ([], {})
            down.take(ONE, wants())
            await soon()
            assert (down.update.number, len(down.store.orders)) == (1, 1)

    async def test_a_superseding_order_is_taken_back_whole(self) -> None:
        """The older one is open again, and both clouds' rows are what they were."""
        async with site() as down:
            down.take(TWO, wants(V2))
            await down.ledger.drain()
            rows, update = list(down.orders.all()), down.update
            down.store.fates.append(Fate.REFUSED)
            down.take(ONE, wants(V3))
            await soon()
            assert (list(down.orders.all()), down.update) == (rows, update)

    async def test_a_withdrawal_is_taken_back(self) -> None:
        """And made again."""
        async with site() as down:
            down.take(ONE, wants())
            await down.ledger.drain()
            down.store.fates.append(Fate.REFUSED)
            down.missing(ONE)
            await soon()
            assert (down.update.state, down.row().update) == (State.QUEUED, down.update.id)
            down.missing(ONE)
            await soon()
            assert (down.update.state, down.store.orders) == (State.CANCELED, {})

    async def test_what_a_device_left_is_taken_back(self) -> None:
        """Row and update."""
        async with site() as down:
            down.take(ONE, wants())
            await down.ledger.drain()
            down.store.fates.append(Fate.REFUSED)
            down.publish(told(State.DOWNLOADING, version=V9))
            await soon()
            assert (down.update.target, down.row().update, down.row().note) == (V2, down.update.id, "")


NO_CLOUD_OF_IT = ProductRules(lanes=(ONE,), asks=True)
NO_TASKS = ProductRules(lanes=(ONE, TWO), asks=False)


@pytest.mark.parametrize("rules", [NO_CLOUD_OF_IT, NO_TASKS], ids=["no cloud of it", "no tasks"])
class TestNobodyWantsItAnyMore:
    """The configuration left out its cloud, or all tasks of its product."""

    @pytest.mark.parametrize("state", [State.QUEUED, State.WAITING_CONFIRMATION, State.NOTIFIED])
    async def test_what_has_not_begun_ends(self, rules: ProductRules, state: State) -> None:
        """Else it would wait for ever; a device that heard of it is told."""
        async with site() as down:
            down.take(TWO, wants(needs_confirmation=state is State.WAITING_CONFIRMATION))
            if state is State.NOTIFIED:
                await down.say(told(state, synthetic=True))
            assert down.update.state is state
            down.record._products = {BOTH: rules}
            down.orders.tend()
            assert (down.update.state, down.update.reason) == (State.CANCELED, Reason.CANCELED_BY_OPERATOR)
            assert down.outlet.withdrawals() == ([V2] if state is State.NOTIFIED else [])

    async def test_what_has_begun_goes_on(self, rules: ProductRules) -> None:
        """The device is at it, and nobody has to help."""
        async with site() as down:
            down.take(TWO, wants())
            await down.say(told(State.DOWNLOADING))
            down.record._products = {BOTH: rules}
            down.orders.tend()
            assert down.update.state is State.DOWNLOADING

    async def test_what_the_device_announced_by_itself_goes_on(self, rules: ProductRules) -> None:
        """No cloud ever ordered it."""
        async with site() as down:
            await down.say(told(State.NOTIFIED))
            down.record._products = {BOTH: rules}
            down.orders.tend()
            assert down.update.state is State.NOTIFIED


class TestRestart:
    """The store is the truth at start."""

    async def restarted(self, down: Down, lanes: tuple[Lane, ...] = (ONE, TWO)) -> Down:
        """Start again from the store, with these clouds."""
        again = Down(store=down.store)
        policy = Policy(needs_evidence=False)
        again.record._products = {BOTH: ProductRules(lanes=lanes, asks=True, policy=policy)}
        await again.load()
        return again

    async def test_everything_goes_on(self) -> None:
        """Who is served, who waits, and what repeats itself."""
        async with site() as down:
            down.take(ONE, wants(V2))
            down.take(TWO, wants(V3))
            await down.ledger.drain()
        again = await self.restarted(down)
        async with again.open():
            assert again.update == down.update
            assert [row.lane for row in again.orders.serving(again.update)] == [ONE]
            again.take(ONE, wants(V2))
            assert again.update.number == 1
            await again.say(told(State.SUCCEEDED))
            again.orders.tend()
            assert again.update.target == V3

    async def test_a_closed_order_lags_from_the_start_on(self) -> None:
        """Nobody knows how long it was closed."""
        async with site() as down:
            down.take(ONE, wants())
            await down.say(told(State.FAILED))
            await soon()
        again = await self.restarted(down)
        async with again.open():
            again.take(ONE, wants())
            assert again.update.number == 1
            await soon(LAG.total_seconds())
            again.take(ONE, wants())
            assert again.update.number == 2

    async def test_an_order_of_a_cloud_that_is_gone_is_not_taken_up(self) -> None:
        """The configuration took it away while it waited."""
        async with site() as down:
            down.take(ONE, wants(V2))
            down.take(TWO, wants(V3))
            await down.ledger.drain()
        again = await self.restarted(down, lanes=(ONE,))
        async with again.open():
            await again.say(told(State.SUCCEEDED))
            again.orders.tend()
            assert again.update.target == V2

    async def test_an_update_of_a_cloud_that_is_gone_makes_way(self) -> None:
        """It would never be told to its device, and block it for ever."""
        async with site() as down:
            down.take(TWO, wants(V2))
            await down.ledger.drain()
        again = await self.restarted(down, lanes=(ONE,))
        async with again.open():
            again.take(ONE, wants(V3))
            assert (again.update.target, again.row().update) == (V3, again.update.id)

    async def test_an_unreadable_order_is_asked_for_again(self) -> None:
        """Its update is still open, and served by the answer."""
        async with site() as down:
            down.take(ONE, wants(V2))
            await down.ledger.drain()
            down.store.orders.clear()
        again = await self.restarted(down)
        async with again.open():
            again.take(ONE, wants(V2))
            assert (again.update.number, again.row().update) == (1, again.update.id)


async def test_a_retry_tells_no_cloud() -> None:
    """Not a word between the first try and the end of the last."""
    async with site(Policy(retries=1, needs_evidence=False, retry_after=timedelta(seconds=5))) as down:
        failure = replace(told(State.FAILED), reason=Reason.CONNECTION_LOST)
        down.take(ONE, wants())
        await down.say(told(State.DOWNLOADING, percent=10), failure)
        await soon(20)
        assert [event.state for event in down.one.took] == [State.QUEUED, State.DOWNLOADING]
        await down.say(told(State.NOTIFIED, synthetic=True), told(State.DOWNLOADING), failure, failure)
        await soon(20)
        assert ends(down) == [(State.FAILED, V2)]
        assert down.metrics.retried.labels(Reason.CONNECTION_LOST)._value.get() == 1


async def test_an_empty_store_has_no_orders() -> None:
    """The first start."""
    down = Down(store=FakeStore())
    await down.load()
    down.orders.tend()
    assert list(down.orders.all()) == []


async def test_a_state_of_the_gateway_s_own_is_heard() -> None:
    """As the courier says it after it told a device."""
    async with site() as down:
        down.take(ONE, wants())
        event = StateReported(device=DEVICE, state=State.NOTIFIED, version=V2, synthetic=True)
        assert down.engine.report(event)
        await soon()
        assert down.one.took[-1].state is State.NOTIFIED
