"""The desk: what a person may do, when, and that it is on disk before anybody says so."""

import asyncio
from dataclasses import replace

import pytest

from gateway.core.desk import OPERATOR, Desk, NotPossibleError, UnknownError
from gateway.errors import StoreError
from gateway.model.commands import UpdateOrdered
from gateway.model.firmware import Firmware
from gateway.model.identity import DEFAULT_MODULE, DeviceId, UpdateId, Version
from gateway.model.policy import Policy
from gateway.model.states import Reason, State
from gateway.model.update import Update
from tests.unit.core.fakes import Fate
from tests.unit.core.house import DEVICE, ONE, TWO, V1, V2, V3, House, runs, told

FIRST = UpdateId("BOTH/dev01/default/1")


class Office:
    """A house with a desk in it."""

    def __init__(self, *, policy: Policy | None = None, asks_clouds: bool = True) -> None:
        self.house = House(policy=policy)
        self.present = {DEVICE}
        self.asked: list[DeviceId] = []
        self.withdrawn: list[Update] = []
        self.house.orders.on_withdrawn = self.withdrawn.append
        self.desk = Desk(
            self.house.record,
            self.house.orders,
            ledger=self.house.ledger,
            clock=self.house.clock,
            is_present=self.present.__contains__,
            ask=self.asked.append if asks_clouds else None,
        )

    async def order(self, version: Version = V2, *, confirm: bool = False, handle: str = "t1") -> Update:
        """Let the first cloud order a version."""
        command = UpdateOrdered(
            device=DEVICE,
            module=DEFAULT_MODULE,
            version=version,
            firmware=Firmware(version=version, url="http://x/1"),
            handle=handle,
            needs_confirmation=confirm,
        )
        self.house.orders.take(ONE, DEVICE, [command])
        await self.house.ledger.drain()
        return self.update

    async def stalled(self, state: State) -> None:
        """Let an update stand in a state, silent past its deadline."""
        await self.house.say(told(state))
        update = self.update
        self.house.record.load(
            await self.house.store.load()
        )  # what follows is not written: a deadline of its own would take hours
        self.house.record._updates[update.device, update.module] = replace(update, stalled=True)

    @property
    def update(self) -> Update:
        """The newest update of the device."""
        found = self.house.record.update(DEVICE, DEFAULT_MODULE)
        assert found is not None
        return found

    @property
    def written(self) -> list[tuple[UpdateId | None, str]]:
        """What the timeline has of the operator."""
        return [(line.update, line.text) for line in self.house.store.journal if line.source == OPERATOR]


async def test_a_confirmed_update_may_begin() -> None:
    """The word is on disk when the call returns, and in the timeline."""
    office = Office()
    async with office.house.committing():
        await office.order(confirm=True)
        after = await office.desk.confirm(FIRST, accept=True)
        assert (after.confirmed, after.is_held) == (True, False)
        assert office.house.store.updates[FIRST].confirmed
        assert office.written == [(FIRST, "confirmed")]


async def test_a_refused_update_ends() -> None:
    """The cloud hears a rejection by the user."""
    office = Office()
    async with office.house.committing():
        await office.order(confirm=True)
        after = await office.desk.confirm(FIRST, accept=False)
    assert (after.state, after.reason) == (State.REJECTED, Reason.DENIED_BY_USER)
    assert [event.state for event in office.house.store.waiting(ONE)][-1] is State.REJECTED
    assert office.written == [(FIRST, "refused")]


async def test_what_is_so_already_is_done_and_not_written_twice() -> None:
    """A person whose answer got lost asks again."""
    office = Office()
    async with office.house.committing():
        await office.order(confirm=True)
        for _ in range(2):
            await office.desk.pause(FIRST)
        for _ in range(2):
            await office.desk.resume(FIRST)
        for _ in range(2):
            await office.desk.confirm(FIRST, accept=True)
        for _ in range(2):
            await office.desk.cancel(FIRST)
    assert [text for _, text in office.written] == ["paused", "resumed", "confirmed", "canceled"]


async def test_only_what_waits_can_be_confirmed() -> None:
    """The sentence names the state; a word that was given is not taken back but by canceling."""
    office = Office()
    async with office.house.committing():
        await office.order()
        with pytest.raises(NotPossibleError, match="is queued; only one that is waiting_confirmation"):
            await office.desk.confirm(FIRST, accept=True)
        office = Office()
    async with office.house.committing():
        await office.order(confirm=True)
        await office.desk.confirm(FIRST, accept=True)
        with pytest.raises(NotPossibleError, match="confirmed before; cancel it instead"):
            await office.desk.confirm(FIRST, accept=False)


@pytest.mark.parametrize("state", [State.NOTIFIED, State.DOWNLOADING, State.VERIFIED])
async def test_a_canceled_update_is_called_off_at_its_device(state: State) -> None:
    """A device that has heard of it is told; the clouds hear the cause."""
    office = Office()
    async with office.house.committing():
        await office.order()
        await office.house.say(told(state))
        after = await office.desk.cancel(FIRST)
    assert (after.state, after.reason) == (State.CANCELED, Reason.CANCELED_BY_OPERATOR)
    assert [update.id for update in office.withdrawn] == [FIRST]
    assert office.written == [(FIRST, "canceled")]


async def test_an_update_that_nobody_heard_of_is_just_canceled() -> None:
    """There is nobody to tell."""
    office = Office()
    async with office.house.committing():
        await office.order()
        assert (await office.desk.cancel(FIRST)).state is State.CANCELED
    assert office.withdrawn == []


@pytest.mark.parametrize("state", [State.INSTALLING, State.APPLYING, State.CONFIRMING])
async def test_what_a_device_installs_cannot_be_called_off(state: State) -> None:
    """It would go on, and nobody would hear its end; once it counts as stalled, somebody has to end it."""
    office = Office()
    async with office.house.committing():
        await office.order()
        await office.house.say(told(state))
        with pytest.raises(NotPossibleError, match=f"{state}, and a device that has begun to install"):
            await office.desk.cancel(FIRST)
        await office.stalled(state)
        assert (await office.desk.cancel(FIRST)).state is State.CANCELED


async def test_what_a_device_does_by_itself_cannot_be_called_off() -> None:
    """The gateway did not order it, so its device would go on and its clouds never hear the end."""
    office = Office()
    async with office.house.committing():
        await office.house.say(told(State.DOWNLOADING))
        with pytest.raises(NotPossibleError, match="no order of the gateway's"):
            await office.desk.cancel(FIRST)
        with pytest.raises(NotPossibleError, match="its device has been told"):
            await office.desk.pause(FIRST)


async def test_an_ended_update_is_neither_canceled_nor_held() -> None:
    """What is over is over; the sentence says how it goes on from there."""
    office = Office()
    async with office.house.committing():
        await office.order()
        await office.house.say(told(State.FAILED))
        with pytest.raises(NotPossibleError, match="is failed: it is over, and nothing is left"):
            await office.desk.cancel(FIRST)
        with pytest.raises(NotPossibleError, match="is failed: it is over"):
            await office.desk.pause(FIRST)
        with pytest.raises(NotPossibleError, match="retry begins it anew"):
            await office.desk.resume(FIRST)


async def test_a_failed_update_is_begun_anew() -> None:
    """A new update for the same order; both timelines tell where it went and whence it came."""
    office = Office()
    async with office.house.committing():
        await office.order()
        await office.house.say(told(State.FAILED))
        begun = await office.desk.retry(FIRST)
    second = UpdateId("BOTH/dev01/default/2")
    assert (begun.id, begun.state, begun.target, begun.attempt) == (second, State.QUEUED, V2, 2)
    assert office.house.store.updates[second].ordered
    assert office.written == [
        (FIRST, f"began it anew as {second}"),
        (second, f"began it anew after {FIRST}"),
    ]


async def test_a_canceled_update_is_begun_anew() -> None:
    """Its order still stands."""
    office = Office()
    async with office.house.committing():
        await office.order()
        await office.desk.cancel(FIRST)
        assert (await office.desk.retry(FIRST)).state is State.QUEUED


async def test_not_everything_can_be_begun_anew() -> None:
    """Neither what goes on, nor what has succeeded, nor what no cloud ordered."""
    office = Office()
    async with office.house.committing():
        await office.order()
        with pytest.raises(NotPossibleError, match="is queued, so it is not over; cancel it first"):
            await office.desk.retry(FIRST)
        await office.desk.pause(FIRST)
        with pytest.raises(NotPossibleError, match="resume it"):
            await office.desk.retry(FIRST)
        await office.house.say(told(State.SUCCEEDED))
        with pytest.raises(NotPossibleError, match="is succeeded; order another version"):
            await office.desk.retry(FIRST)
    office = Office()
    async with office.house.committing():
        await office.house.say(told(State.FAILED))
        with pytest.raises(NotPossibleError, match="no cloud's order stands behind it"):
            await office.desk.retry(FIRST)


async def test_a_paused_update_is_held_until_it_is_resumed() -> None:
    """Both words are on disk."""
    office = Office()
    async with office.house.committing():
        await office.order()
        assert (await office.desk.pause(FIRST)).is_held
        assert office.house.store.updates[FIRST].paused
        assert not (await office.desk.resume(FIRST)).is_held
        assert not office.house.store.updates[FIRST].paused


async def test_an_older_update_is_told_from_one_that_never_was() -> None:
    """Only the newest of a module can be acted upon, and the answer names it."""
    office = Office()
    async with office.house.committing():
        await office.order()
        await office.order(V3, handle="t2")
        with pytest.raises(
            NotPossibleError, match=f"{FIRST} is over: BOTH/dev01/default/2 has taken its place"
        ):
            await office.desk.cancel(FIRST)
        for name in ("BOTH/dev01/default/3", "BOTH/dev01/mcu/1", "BOTH/dev02/default/1", "x", "", "a/b/c/d"):
            with pytest.raises(UnknownError, match="there is no update"):
                await office.desk.cancel(UpdateId(name))


async def test_a_commit_that_failed_is_told_and_changes_nothing() -> None:
    """Memory goes back to what the store holds."""
    office = Office()
    async with office.house.committing():
        await office.order(confirm=True)
        office.house.store.fates.append(Fate.REFUSED)
        with pytest.raises(StoreError, match="nothing was changed: the disk is full"):
            await office.desk.confirm(FIRST, accept=True)
        assert not office.update.confirmed
    assert office.written == []


async def test_a_caller_who_goes_away_disturbs_nobody() -> None:
    """What was begun is committed all the same."""
    office = Office()
    async with office.house.committing():
        await office.order(confirm=True)
        asking = asyncio.create_task(office.desk.confirm(FIRST, accept=True))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert office.house.store.updates[FIRST].confirmed


async def test_the_clouds_are_asked_about_a_device_that_is_there() -> None:
    """They are asked soon, and the journal has it."""
    office = Office()
    async with office.house.committing():
        await office.desk.ask(DEVICE)
    assert office.asked == [DEVICE]
    assert office.written == [(None, "asked the clouds what they want")]


async def test_the_clouds_are_not_asked_about_everything() -> None:
    """Not about strangers, not about who is away, and not by a gateway that asks no cloud."""
    office = Office()
    async with office.house.committing():
        with pytest.raises(UnknownError, match="there is no device GONE/dev01"):
            await office.desk.ask(DeviceId("GONE", "dev01"))
        office.present.clear()
        with pytest.raises(NotPossibleError, match="BOTH/dev01 is away"):
            await office.desk.ask(DEVICE)
    office = Office(asks_clouds=False)
    async with office.house.committing():
        with pytest.raises(NotPossibleError, match="no cloud is asked about product BOTH"):
            await office.desk.ask(DEVICE)
    assert office.asked == []


async def test_a_version_that_runs_meanwhile_is_no_failure_of_a_retry() -> None:
    """What is begun anew may have succeeded at once."""
    office = Office()
    async with office.house.committing():
        await office.house.say(runs(V1))
        await office.order()
        await office.house.say(told(State.FAILED), runs(V2))
        assert (await office.desk.retry(FIRST)).state is State.SUCCEEDED
    assert office.house.store.waiting(TWO)
