"""What a delivery leaves behind, and what a device said: bounded, and for people."""

import asyncio
from collections.abc import Sequence
from typing import Any

from gateway.core import trail
from gateway.core.said import MAX_BYTES, in_its_words
from gateway.core.trail import MOST_CALLS
from gateway.logs import redact
from gateway.model.commands import Command
from gateway.model.identity import UpdateId
from gateway.model.states import State
from gateway.ports.store import Entry
from tests.unit.core.house import DEVICE, ONE, SOLE, V1, V2, House, runs, told

FIRST = UpdateId(f"{DEVICE}/default/1")
REPORT = b'{"type":"state","version":"2.0","state":"installing"}'


async def say(house: House, payload: bytes, *events: Any) -> None:
    """Let the device say these, in these words, one commit after the other."""
    for event in events:
        house.engine.accept(event, lambda _: None, said=payload)
        await house.ledger.drain()


def sources(house: House) -> list[str]:
    """Return who stands in the timeline, in order."""
    return [entry.source for entry in house.store.journal]


class Wordy:
    """A cloud with names for its answers."""

    def __init__(self, calls: int = 2) -> None:
        self.calls = calls

    async def deliver(self, *_: Any) -> Sequence[Command]:
        """Ask, and say what the cloud called each answer."""
        for number in range(self.calls):
            trail.asked("Report", "ok" if number else "timeout", 0.0125)
            await asyncio.sleep(0)
            trail.heard(f"RequestId\n{number}")
        return ()


async def test_a_device_s_own_words_stand_before_what_was_understood() -> None:
    """Of a transition, as they came."""
    house = House()
    async with house.committing():
        await say(house, REPORT, told(State.INSTALLING))
    assert house.store.journal[0] == Entry(device=DEVICE, update=FIRST, source="said", text=REPORT.decode())
    assert sources(house) == ["said", "understood"]


async def test_progress_and_repeats_leave_no_words() -> None:
    """A device that reports each percent, or says it again, does not fill the disk."""
    house = House()
    async with house.committing():
        await say(house, REPORT, told(State.DOWNLOADING, percent=1))
        await say(house, REPORT, told(State.DOWNLOADING, percent=2), told(State.DOWNLOADING, percent=2))
    assert sources(house) == ["said", "understood"]


async def test_what_comes_too_late_is_quoted_once() -> None:
    """Why a cloud shows less than the device says must be found here; a device that babbles does not fill the disk."""
    house = House()
    async with house.committing():
        await say(house, REPORT, told(State.INSTALLING), told(State.DOWNLOADING))
        await say(house, b"late", told(State.DOWNLOADING), told(State.FAILED), told(State.APPLYING))
        lines = [(entry.source, entry.text) for entry in house.store.journal]
        assert lines[2:4] == [("said", REPORT.decode()), ("understood", "ignored as stale")]
        assert sources(house) == ["said", "understood"] * 3
        house.engine.accept(runs(V1), lambda _: None)
        await say(house, b"again", told(State.DOWNLOADING), told(State.FAILED))
        await say(house, b"in vain", *[told(State.INSTALLING)] * 3)
    assert [entry.text for entry in house.store.journal][-2:] == ["in vain", "ignored as absorbed"]


async def test_what_the_gateway_says_itself_was_said_by_nobody() -> None:
    """Only a device has words of its own."""
    house = House()
    async with house.committing():
        house.engine.report(told(State.NOTIFIED, synthetic=True))
    assert sources(house) == ["understood"]


async def test_a_version_that_decides_is_quoted() -> None:
    """The proof of an update stands in its timeline as the device gave it."""
    house = House()
    async with house.committing():
        await say(house, b"{}", runs(V1), told(State.APPLYING))
        await say(house, b'{"type":"version","version":"2.0"}', runs(V2))
    said, understood = house.store.journal[-2:]
    assert (said.source, said.text) == ("said", '{"type":"version","version":"2.0"}')
    assert '"state":"succeeded"' in understood.text


def test_words_are_bounded() -> None:
    """However long a report is; the number says how long."""
    text = in_its_words(b"x" * 100_000)
    assert text == "x" * MAX_BYTES + "… (100000 bytes)"


def test_words_are_one_line_of_text() -> None:
    """Whatever the bytes are."""
    assert in_its_words(b"a\r\n\x1b[2Jb\x00\xff\xc2\x85c") == "a [2Jb \ufffd c"


def test_words_hold_no_secret() -> None:
    """By its form, or because the configuration has it, also where it would be cut."""
    redact("s3cret-of-dev01")
    said = in_its_words(b'{"password": "hunter2", "x": "s3cret-of-dev01"}')
    assert said == '{"password": "***", "x": "***"}'
    assert "s3cret" not in in_its_words(b"x" * (MAX_BYTES - 6) + b"s3cret-of-dev01" + b"y" * 600)


async def test_a_timeline_names_the_requests_of_a_delivery() -> None:
    """Each with its outcome, how long it took, and what the cloud called it."""
    house = House()
    house.clouds[ONE].deliver = Wordy().deliver  # type: ignore[method-assign,assignment]
    async with house.open():
        await house.say(told(State.FAILED, device=DEVICE._replace(product_id=SOLE)))
        async with asyncio.timeout(5):
            while not any(entry.source == ONE for entry in house.store.journal):
                await asyncio.sleep(0.01)
    answers = [entry.text for entry in house.store.journal if entry.source == ONE]
    assert answers == ["failed: delivered [Report timeout 12 ms RequestId 0; Report 12 ms RequestId 1]"]


async def test_a_trail_is_bounded() -> None:
    """An adapter may ask as often as it likes."""
    with trail.followed():
        await Wordy(calls=100).deliver()
        assert trail.walked().count("Report") == MOST_CALLS
        assert trail.walked().endswith("; and 92 more")


async def test_nobody_follows_and_nothing_is_kept() -> None:
    """Outside of a delivery, marks go nowhere, and a trail ends with its delivery."""
    await Wordy().deliver()
    with trail.followed():
        assert trail.walked() == ""
    assert trail.walked() == ""


async def test_deliveries_at_once_leave_trails_of_their_own() -> None:
    """One does not see the other's requests."""

    async def deliver(name: str) -> str:
        with trail.followed():
            trail.asked(name, "ok", 0)
            await asyncio.sleep(0)
            trail.heard("x")
            return trail.walked()

    first, second = await asyncio.gather(deliver("a"), deliver("b"))
    assert (first, second) == ("a 0 ms x", "b 0 ms x")
