"""One device against a broker that does what the test says: what is sent again, in which order, and what is not."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from random import Random

import pytest

from tests.simulators.fleet import DONE, Device, player
from tests.simulators.fleet.client import TIMEOUT
from tests.simulators.fleet.listener import Listener, Publish, listening
from tests.simulators.fleet.player import Player

DEVICE = Device(product="P", name="d", secret="AAAA")
RSP = b'{"type":"report_version_rsp","version":"1.0","result_code":0,"result_msg":"success"}'


@pytest.fixture
def listener() -> Listener:
    """A broker."""
    return Listener()


@pytest.fixture
async def address(listener: Listener) -> AsyncIterator[tuple[str, int]]:
    """Where it listens."""
    async with listening(listener) as address:
        yield address


def a_player(device: Device, address: tuple[str, int], *, window: int = 1) -> Player:
    """Return the device, ready to play as fast as it can."""
    return Player(device, address=address, dice=Random(1), pace=0.0, window=window)


async def until(is_true: Callable[[], bool]) -> None:
    """Wait for something that the other side does."""
    async with asyncio.timeout(10):
        while not is_true():
            await asyncio.sleep(0.001)


def originals(publishes: list[Publish]) -> list[bytes]:
    """Return what was said, each thing once."""
    return list(dict.fromkeys(each.payload for each in publishes))


async def test_every_publish_is_acknowledged(listener: Listener, address: tuple[str, int]) -> None:
    """An undisturbed device says everything once, on its own topic, and disconnects."""
    alone = a_player(DEVICE, address)
    await alone.play()
    assert alone.facts.sent == alone.facts.acknowledged == len(listener.publishes)
    assert not [each for each in listener.publishes if each.is_dup]
    assert {each.topic for each in listener.publishes} == {"ota/P/d/report"}
    assert listener.subscriptions == ["ota/P/d/command"]
    assert alone.facts.is_over
    assert alone.results["2.0"].ending == DONE


async def test_what_was_not_acknowledged_comes_again_in_order(
    listener: Listener, address: tuple[str, int]
) -> None:
    """The next connection begins with the same publishes, marked DUP; nothing else is sent twice."""
    listener.is_mute = True
    restless = a_player(DEVICE, address, window=3)
    playing = asyncio.create_task(restless.play())
    await until(lambda: len(listener.publishes) == 3)
    listener.is_mute = False
    listener.drop()
    await playing

    first = [each for each in listener.publishes if each.connection == 1]
    again = [each for each in listener.publishes if each.connection == 2]
    assert [each.payload for each in again[:3]] == [each.payload for each in first]
    assert [each.mid for each in again[:3]] == [each.mid for each in first]
    assert [each.is_dup for each in again[:4]] == [True, True, True, False]
    assert not [each for each in again[3:] if each.is_dup]
    assert restless.facts.resent == 3
    assert restless.facts.sent == restless.facts.acknowledged == len(listener.publishes) - 3


async def test_a_flapping_device_breaks_its_own_connection(
    listener: Listener, address: tuple[str, int]
) -> None:
    """It cuts the connection before the PUBACK and goes on where it was."""
    flapping = a_player(replace(DEVICE, temper="flapping"), address)
    await flapping.play()
    assert flapping.facts.cut
    assert flapping.facts.connected == flapping.facts.cut + 1 == listener.connections
    assert flapping.facts.resent == len([each for each in listener.publishes if each.is_dup])
    assert flapping.facts.sent == flapping.facts.acknowledged == len(flapping.facts.said)
    assert flapping.results["2.0"].ending == DONE


async def test_a_sleepy_device_says_goodbye(listener: Listener, address: tuple[str, int]) -> None:
    """It is away for a while, and sends nothing twice."""
    sleepy = a_player(replace(DEVICE, temper="sleepy"), address)
    await sleepy.play()
    assert sleepy.facts.connected > 1
    assert sleepy.facts.cut == sleepy.facts.resent == 0
    assert not [each for each in listener.publishes if each.is_dup]


async def test_babble_is_no_report(listener: Listener, address: tuple[str, int]) -> None:
    """Malformed messages are counted apart and prove nothing."""
    babbling = a_player(replace(DEVICE, temper="garbling"), address)
    await babbling.play()
    assert babbling.facts.garbage
    assert babbling.facts.acknowledged == babbling.facts.garbage + len(babbling.facts.said)


async def test_a_device_that_is_refused_tries_again(listener: Listener, address: tuple[str, int]) -> None:
    """Until it is let in."""
    listener.refusals = 2
    patient = a_player(replace(DEVICE, plot="terse"), address)
    await patient.play()
    assert listener.connections == 3
    assert patient.facts.connected == 1


async def test_a_broker_that_hangs_up_is_called_again(listener: Listener, address: tuple[str, int]) -> None:
    """A connection that ends before CONNACK is noticed at once, not after a timeout."""
    listener.hang_ups = 2
    patient = a_player(replace(DEVICE, plot="terse"), address)
    async with asyncio.timeout(TIMEOUT / 2):
        await patient.play()
    assert listener.connections == 3


async def test_a_device_waits_for_its_broker(listener: Listener) -> None:
    """A port that nobody listens on is no end, before and in the middle."""
    async with listening(listener) as address:
        pass
    early = a_player(DEVICE, address)
    playing = asyncio.create_task(early.play())
    listener.is_mute = True
    async with listening(listener, port=address[1]):
        await until(lambda: len(listener.publishes) == 1)
    listener.is_mute = False
    async with listening(listener, port=address[1]):
        await playing
    assert early.results["2.0"].ending == DONE
    assert early.facts.acknowledged == len(originals(listener.publishes))


async def test_a_broker_that_says_nothing_is_left(
    listener: Listener, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a PUBACK the device connects anew, and sends again."""
    monkeypatch.setattr(player, "PATIENCE", 0.05)
    listener.is_mute = True
    patient = a_player(replace(DEVICE, plot="terse"), address)
    playing = asyncio.create_task(patient.play())
    await until(lambda: len(listener.publishes) == 2)
    listener.is_mute = False
    await playing
    assert [each.is_dup for each in listener.publishes[:2]] == [False, True]


async def test_a_tencent_device_waits_for_its_answer(listener: Listener, address: tuple[str, int]) -> None:
    """report_version is followed by report_version_rsp before anything else is said."""
    listener.answer = lambda publish: RSP if b"report_version" in publish.payload else None
    device = a_player(replace(DEVICE, dialect="tencent"), address)
    await device.play()
    assert json.loads(listener.publishes[0].payload)["type"] == "report_version"
    assert listener.subscriptions == ["$ota/update/P/d"]
    assert device.facts.unanswered == 0


async def test_an_answer_that_does_not_come_is_counted(
    listener: Listener, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device goes on without it."""
    monkeypatch.setattr(player, "ANSWER_PATIENCE", 0.01)
    device = a_player(replace(DEVICE, dialect="tencent", plot="terse"), address)
    await device.play()
    assert device.facts.unanswered == 2
    assert device.results["2.0"].ending == DONE
