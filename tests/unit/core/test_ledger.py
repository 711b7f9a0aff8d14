"""Group commit: nothing is settled before its commit, and a failed one leaves no trace in memory."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from gateway.core.ledger import HIGH_WATER, LAST_PAUSE, LATE, LOW_WATER, Ledger
from gateway.errors import StoreDamagedError
from gateway.model.events import Event
from gateway.model.identity import DeviceId
from gateway.model.states import State
from gateway.ports.store import Changes, Circuit, Delivered, LaneState
from tests.unit.core.fakes import Fate
from tests.unit.core.house import BOTH, DEVICE, ONE, SOLE, TWO, V1, V2, V3, House, runs, told

OPEN = LaneState(circuit=Circuit.OPEN, failures=5)


def memory(house: House) -> object:
    """What the engine knows."""
    return dict(house.record._updates), dict(house.record._versions)


async def test_a_publish_is_settled_only_after_its_commit() -> None:
    """PUBACK means that it cannot be lost."""
    house = House()
    async with house.committing():
        house.publish(told(State.DOWNLOADING))
        await asyncio.sleep(house.store.commit_seconds * 0.9)
        assert (len(house.store.commits), house.settled) == (1, [])
        await house.ledger.drain()
    assert house.settled == [(told(State.DOWNLOADING), True)]


async def test_publishes_are_settled_in_the_order_of_arrival() -> None:
    """Across devices and across commits."""
    house = House()
    events: list[Event] = [told(State.DOWNLOADING, device=DeviceId(BOTH, f"dev{n:02}")) for n in range(9)]
    async with house.committing():
        for event in events:
            house.publish(event)
            await asyncio.sleep(house.store.commit_seconds / 3)
        await house.ledger.drain()
    assert house.settled == [(event, True) for event in events]


async def test_what_arrives_while_a_commit_runs_shares_the_next_one() -> None:
    """One fsync serves all."""
    house = House()
    async with house.committing():
        house.publish(told(State.DOWNLOADING))
        await asyncio.sleep(house.store.commit_seconds / 2)
        house.publish(told(State.DOWNLOADED), told(State.INSTALLING), told(State.FAILED))
        await house.ledger.drain()
    assert [len(changes.messages) for changes in house.store.commits] == [2, 6]


async def test_nothing_to_write_commits_nothing() -> None:
    """An idle box leaves its disk alone."""
    house = House()
    async with house.committing():
        await asyncio.sleep(3600)
        await house.ledger.drain()
    assert house.store.commits == []


async def test_a_commit_that_does_not_end_is_trouble_until_it_does() -> None:
    """A server that hangs raises nothing: readiness must not wait for it."""
    house = House()
    house.store.commit_seconds = 2 * LATE
    async with house.committing():
        house.publish(told(State.DOWNLOADING))
        await asyncio.sleep(LATE * 1.5)
        assert house.ledger.trouble == "a commit has not ended for 5 s"
        await house.ledger.drain()
    assert [house.ledger.trouble, *house.settled] == [None, (told(State.DOWNLOADING), True)]


async def test_a_failed_commit_refuses_and_forgets() -> None:
    """Memory is what it was before, and the device sends again."""
    house = House()
    async with house.committing():
        await house.say(runs(V1), told(State.DOWNLOADING, percent=10))
        before = memory(house)
        house.settled.clear()
        house.store.fates.append(Fate.REFUSED)
        again: list[Event] = [
            told(State.DOWNLOADING, percent=50),
            runs(V3),
            told(State.DOWNLOADED),
            told(State.NOTIFIED, version=V3),
            runs(V2, device=DeviceId(BOTH, "new")),
            told(State.FAILED, device=DeviceId(BOTH, "new")),
        ]
        house.publish(*again)
        await house.ledger.drain()
        assert memory(house) == before
        assert house.settled == [(event, False) for event in again]
        await house.say(*again)
    assert house.settled[len(again) :] == [(event, True) for event in again]
    assert house.store.updates == {u.id: u for u in house.store.updates.values()}


async def test_what_was_gathered_on_top_of_a_failed_commit_falls_with_it() -> None:
    """It stood on memory that is taken back; the undoing runs from the newest to the oldest."""
    house = House()
    async with house.committing():
        await house.say(told(State.NOTIFIED))
        before = memory(house)
        house.settled.clear()
        house.store.fates.append(Fate.REFUSED)
        house.publish(told(State.DOWNLOADING))
        await asyncio.sleep(house.store.commit_seconds / 2)
        house.publish(told(State.DOWNLOADED), told(State.NOTIFIED, version=V3))
        await house.ledger.drain()
        assert memory(house) == before
    assert house.settled == [
        (told(State.DOWNLOADING), False),
        (told(State.DOWNLOADED), False),
        (told(State.NOTIFIED, version=V3), False),
    ]
    assert not any(changes.messages for changes in house.store.commits[1:])


async def test_two_failures_in_a_row_leave_no_trace() -> None:
    """What came between them is refused as well, and the third attempt starts from the truth."""
    house = House()
    async with house.committing():
        house.store.fates.extend([Fate.REFUSED, Fate.REFUSED])
        house.publish(told(State.DOWNLOADING))
        await asyncio.sleep(0.01)
        house.publish(told(State.DOWNLOADED))
        await house.ledger.drain()
        await house.say(told(State.INSTALLING))
    assert [committed for _, committed in house.settled] == [False, False, True]
    (update,) = house.store.updates.values()
    assert (update.state, update.number) == (State.INSTALLING, 1)


async def test_publishes_do_not_come_between_an_answer_and_the_store() -> None:
    """On a full disk answers make room and publishes do not fit: after a failure answers are written alone."""
    house = House()
    async with house.committing():
        await house.say(told(State.DOWNLOADING))
        (claim,) = await house.store.claim(ONE, limit=1, now=house.clock.now(), lease_until=1e9)
        house.store.fates.append(Fate.REFUSED)
        house.ledger.changes.settlements.append(Delivered(claim=claim, state=State.DOWNLOADING))
        house.publish(told(State.DOWNLOADED))
        await asyncio.sleep(house.store.commit_seconds * 1.5)
        house.publish(told(State.DOWNLOADED))
        assert house.ledger.trouble
        await house.ledger.drain()
    _, answers, publishes = house.store.commits
    assert (len(answers.settlements), answers.messages) == (1, [])
    assert (publishes.settlements, len(publishes.messages)) == ([], 2)
    assert house.ledger.trouble is None


async def test_what_clouds_answered_survives_failed_commits() -> None:
    """The newest breaker of a lane, every settlement in its order, every wake."""
    house = House()
    async with house.committing():
        await house.say(told(State.DOWNLOADING), told(State.DOWNLOADED))
        (claim,) = await house.store.claim(ONE, limit=1, now=house.clock.now(), lease_until=1e9)
        first, second = (Delivered(claim=claim, state=state) for state in (State.DOWNLOADING, State.FAILED))
        house.store.fates.extend([Fate.REFUSED, Fate.REFUSED])
        house.ledger.changes.settlements.append(first)
        house.ledger.changes.lanes.update({ONE: OPEN, TWO: OPEN})
        house.ledger.changes.woken.add(TWO)
        house.ledger.request()
        await asyncio.sleep(house.store.commit_seconds / 2)
        house.ledger.changes.settlements.append(second)
        house.ledger.changes.lanes[ONE] = replace(OPEN, failures=6)
        house.ledger.request()
        await house.ledger.drain()
    (written,) = (changes for changes in house.store.commits if changes.settlements)
    assert written.settlements == [first, second]
    assert written.lanes == {ONE: replace(OPEN, failures=6), TWO: OPEN}
    assert written.woken == {TWO}


async def test_a_failing_store_is_tried_again_ever_more_slowly() -> None:
    """Pauses double up to five seconds; then the first success makes it healthy."""
    house = House()
    async with house.committing():
        house.store.fates.extend([Fate.REFUSED] * 20)
        house.ledger.changes.lanes[ONE] = OPEN
        house.ledger.request()
        begun = house.clock.now()
        await asyncio.sleep(1)
        trouble = [house.ledger.trouble]
        await house.ledger.drain()
        trouble.append(house.ledger.trouble)
    assert trouble == ["the disk is full", None]
    assert house.clock.now() - begun == pytest.approx(0.05 * 127 + 13 * LAST_PAUSE, abs=0.1)


async def test_a_store_that_failed_is_tried_again_without_traffic() -> None:
    """Whether it works again is found out by trying, not by the next device."""
    house = House()
    async with house.committing():
        house.store.fates.extend([Fate.REFUSED] * 3)
        house.publish(told(State.DOWNLOADING))
        await asyncio.sleep(10)
        assert house.ledger.trouble is None


async def test_a_damaged_store_ends_the_ledger() -> None:
    """What waits is refused; the next start sets the file aside."""
    house = House()
    house.store.fates.append(Fate.REFUSED)
    house.store.trouble = StoreDamagedError("the file is damaged")
    house.publish(told(State.DOWNLOADING))
    with pytest.raises(StoreDamagedError):
        await house.ledger.run()
    assert house.settled == [(told(State.DOWNLOADING), False)]
    assert memory(house) == ({}, {})


async def test_draining_waits_for_what_is_gathered_meanwhile() -> None:
    """Nothing is left behind at shutdown."""
    house = House()
    async with house.committing():
        house.publish(told(State.DOWNLOADING))
        draining = asyncio.create_task(house.ledger.drain())
        await asyncio.sleep(house.store.commit_seconds / 2)
        house.publish(told(State.DOWNLOADED))
        await draining
    assert len(house.settled) == 2


async def test_draining_an_idle_ledger_returns_at_once() -> None:
    """There is nothing to wait for, whether it runs or not."""
    house = House()
    await house.ledger.drain()


async def test_reading_pauses_while_too_much_waits_and_goes_on_after_the_commit() -> None:
    """Memory stays bounded; nobody waits for ever."""
    house = House()
    async with house.committing():
        house.publish(*([told(State.DOWNLOADING)] * (HIGH_WATER - 1)))
        seen = [house.engine.has_room]
        house.publish(told(State.DOWNLOADING))
        seen.append(house.engine.has_room)
        await house.engine.room()
        seen.append(house.engine.has_room)
    assert seen == [True, False, True]
    assert len(house.settled) == HIGH_WATER


async def test_room_comes_back_only_when_little_waits() -> None:
    """A commit that took long leaves as much behind as it wrote."""
    house = House()
    async with house.committing():
        house.publish(told(State.DOWNLOADING))
        await asyncio.sleep(house.store.commit_seconds / 2)
        house.publish(*([told(State.DOWNLOADING)] * HIGH_WATER))
        await asyncio.sleep(house.store.commit_seconds * 0.6)
        seen = [(len(house.settled), house.engine.has_room)]
        await house.ledger.drain()
        seen.append((len(house.settled), house.engine.has_room))
    assert seen == [(1, False), (HIGH_WATER + 1, True)]
    assert LOW_WATER < HIGH_WATER


async def test_a_failed_commit_makes_room() -> None:
    """The refused devices come back; nobody may wait for a commit that will not come."""
    house = House()
    async with house.committing():
        house.store.fates.append(Fate.REFUSED)
        house.publish(*([told(State.DOWNLOADING)] * HIGH_WATER))
        assert not house.engine.has_room
        await house.engine.room()
        assert {committed for _, committed in house.settled} == {False}


async def test_publishes_are_refused_in_the_metrics() -> None:
    """Monitoring sees what the devices feel."""
    house = House()
    async with house.committing():
        house.store.fates.append(Fate.REFUSED)
        house.publish(told(State.DOWNLOADING), told(State.DOWNLOADED))
        await house.ledger.drain()
    assert house.metrics.refused.labels("commit_failed")._value.get() == 2
    assert house.metrics.commit_failures._value.get() == 1


async def test_a_settled_publish_may_bring_the_next_one() -> None:
    """A device that is let go on publishes while its neighbours are still being settled."""
    house = House()
    ledger: Ledger = house.ledger
    settled: list[str] = []

    def then(word: str, follow: str, committed: bool) -> None:  # noqa: FBT001 - the shape of Settle
        settled.append(f"{word} {committed}")
        if follow:
            ledger.settle_later(partial(then, follow, ""))

    async with house.committing():
        ledger.settle_later(partial(then, "first", "third"))
        ledger.settle_later(partial(then, "second", ""))
        await ledger.drain()
    assert settled == ["first True", "second True", "third True"]


async def test_each_commit_is_announced_with_what_it_changed() -> None:
    """Whoever waits for messages hears of them when they are durable, after the devices."""
    house = House()
    seen: list[tuple[int, int]] = []

    def note(changes: Changes, _: object) -> None:
        seen.append((len(changes.messages), len(house.settled)))

    house.ledger.on_commit = note
    async with house.committing():
        house.store.fates.append(Fate.REFUSED)
        await house.say(told(State.DOWNLOADING, device=DeviceId(SOLE, "a")), told(State.DOWNLOADING))
    assert [told for told in seen if told[0]] == [(2, 2)]
    assert DEVICE in {event.device for event, _ in house.settled}
