"""Of devices that the configuration does not name so many are known; those heard of least lately make room."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.core import acquaintances
from gateway.core.forgetting import QUIET, Forgetting
from gateway.core.sense import nonsense
from gateway.model.identity import DEFAULT_MODULE, DeviceId
from gateway.model.states import State
from tests.unit.core.down import wants
from tests.unit.core.fakes import FakeStore, Fate
from tests.unit.core.house import DEVICE, ONE, SOLE, V1, V2, House, runs, told

MOST = 8
NAMED = DeviceId(SOLE, "dev01")


def stranger(number: int) -> DeviceId:
    """Return one whom no configuration names."""
    return DeviceId(SOLE, f"stranger{number:02}")


class Site(House):
    """A core in which eight modules of strangers may be known."""

    def __init__(self, store: FakeStore | None = None) -> None:
        super().__init__(store=store, is_named=lambda device: device in (DEVICE, NAMED))
        self.present: set[DeviceId] = set()
        self.forgetting = Forgetting(
            self.record,
            self.orders,
            engine=self.engine,
            ledger=self.ledger,
            clock=self.clock,
            present=lambda: self.present,
        )

    async def look(self) -> None:
        """Let it look, after nobody has said anything for a while."""
        await asyncio.sleep(QUIET + 1)
        self.forgetting.look()
        await self.ledger.drain()

    def strangers(self) -> list[int]:
        """Return the numbers of those who are known, in memory and in the store alike."""
        known = {device for device in self.record.known if device.name.startswith("stranger")}
        assert known == {device for device, _ in self.store.versions if device.name.startswith("stranger")}
        return sorted(int(device.name.removeprefix("stranger")) for device in known)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acquaintances, "MAX_UNNAMED", MOST)


@asynccontextmanager
async def site(*, strangers: int) -> AsyncIterator[Site]:
    """Let so many come, one after the other, and one device that is configured before them."""
    made = Site()
    async with made.committing():
        await made.say(runs(V1, device=NAMED))
        for number in range(strangers):
            await made.say(runs(V1, device=stranger(number)))
            await asyncio.sleep(1)
        yield made


async def test_who_was_heard_of_least_lately_makes_room() -> None:
    """A quarter of the places is free again, and nobody else has gone, above all none that is configured."""
    async with site(strangers=MOST) as made:
        await made.look()
        assert made.strangers() == [2, 3, 4, 5, 6, 7]
        assert made.record.running(NAMED, DEFAULT_MODULE) == V1


async def test_nobody_is_forgotten_while_there_is_room() -> None:
    """However long they were not heard of."""
    async with site(strangers=MOST * 3 // 4) as made:
        await asyncio.sleep(10_000)
        await made.look()
        assert made.strangers() == [0, 1, 2, 3, 4, 5]


async def test_where_there_is_no_room_strangers_wait_and_others_do_not() -> None:
    """What one too many says is set aside; whoever is known, or configured, is heard as before."""
    async with site(strangers=MOST + 1) as made:
        assert [(item.device, item.reason) for item in made.store.quarantine] == [
            (stranger(MOST), "too_many_devices")
        ]
        await made.say(runs(V2, device=stranger(0)), runs(V1, device=DEVICE))
        assert made.record.running(stranger(0), DEFAULT_MODULE) == V2
        assert made.record.running(DEVICE, DEFAULT_MODULE) == V1
        await made.look()
        await made.say(runs(V1, device=stranger(MOST)))
        assert MOST in made.strangers()


async def test_what_a_cloud_orders_for_one_too_many_makes_no_sense() -> None:
    """And what is wrong with it is said: not that the device had too many modules."""
    async with site(strangers=MOST) as made:
        flaw = nonsense(wants(device=stranger(MOST)), made.record.known)
        assert flaw == f"the order names 'default'; {acquaintances.TOO_MANY['too_many_devices']}"
        assert nonsense(wants(device=stranger(0)), made.record.known) is None


async def test_nobody_is_forgotten_who_is_there_or_at_work_or_not_told_yet() -> None:
    """The next one goes in their place."""
    async with site(strangers=MOST) as made:
        made.present.add(stranger(0))
        await made.say(told(State.DOWNLOADING, device=stranger(1)), told(State.FAILED, device=stranger(2)))
        assert stranger(2) in made.engine.waiting()
        await made.look()
        assert made.strangers() == [0, 1, 2, 5, 6, 7]


async def test_nobody_is_forgotten_of_whom_something_is_yet_to_be_written() -> None:
    """It would be written after all, and be the truth at the next start."""
    made = Site()
    async with made.open():
        for number in range(MOST):
            await made.say(runs(V1, device=stranger(number)), told(State.FAILED, device=stranger(number)))
            await asyncio.sleep(1)
        await asyncio.sleep(QUIET)
        made.publish(runs(V1, device=stranger(0)))
        made.forgetting.look()
        await made.ledger.drain()
    assert set(made.store.updates.values()) == set(made.record.all())
    assert made.strangers() == [0, 3, 4, 5, 6, 7]


async def test_what_a_failed_commit_was_to_forget_is_known() -> None:
    """The store is the truth; it is forgotten the next time."""
    async with site(strangers=MOST) as made:
        made.store.fates.append(Fate.REFUSED)
        await made.look()
        assert made.strangers() == list(range(MOST))
        await made.look()
        assert made.strangers() == [2, 3, 4, 5, 6, 7]


async def test_who_comes_again_is_met_as_for_the_first_time() -> None:
    """Its updates are counted anew, and its cloud hears of each."""
    made = Site()
    async with made.open():
        for number in range(MOST):
            await made.say(told(State.FAILED, device=stranger(number)), runs(V1, device=stranger(number)))
            await asyncio.sleep(1)
        await made.look()
        assert 0 not in made.strangers()
        await made.say(told(State.FAILED, device=stranger(0)))
        await asyncio.sleep(1)
    heard = [event.device for event in made.one.took]
    assert (heard.count(stranger(0)), heard.count(stranger(7))) == (2, 1)


async def test_what_a_failed_commit_was_to_forget_is_no_new_order() -> None:
    """A cloud that lags behind what it acknowledged is understood as before."""
    made = Site()
    async with made.open():
        for number in range(MOST):
            device = stranger(number)
            await made.say(runs(V1, device=device))
            made.orders.take(ONE, device, [wants(device=device)])
            await made.say(told(State.FAILED, device=device))
            await asyncio.sleep(1)
        made.store.fates.append(Fate.REFUSED)
        await made.look()
        made.orders.take(ONE, stranger(0), [wants(device=stranger(0))])
        await made.ledger.drain()
    assert made.store.fates == deque()
    assert {update.number for update in made.record.all()} == {1}
