"""The parts of the stream, without a socket: differences, readers who do not read, and a campaign's course."""

import asyncio
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.model.identity import DeviceId, Version
from gateway.model.states import State
from gateway.model.update import Update
from gateway.ops.live.hub import DEPTH, KEPT, Hub, Reader
from gateway.ops.live.merge import patch
from gateway.ops.live.progress import BINS, progress
from tests.integration.ops.reading import merged

LEAVES = st.booleans() | st.integers() | st.text("xé中", max_size=3) | st.lists(st.integers(), max_size=2)
KEYS = st.sampled_from("abcd")
PICTURES = st.dictionaries(
    KEYS, st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=8)
)


@given(old=PICTURES, new=PICTURES)
def test_a_patch_makes_the_new_one_of_the_old_one(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Whatever changed, as RFC 7396 says how to apply it."""
    assert merged(old, patch(old, new)) == new


@given(picture=PICTURES)
def test_nothing_is_said_of_what_is_the_same(picture: dict[str, Any]) -> None:
    """An empty patch is no news."""
    assert patch(picture, picture) == {}


def the_hub() -> Hub:
    """Return a hub whose picture says how far it is."""
    made = Hub()
    made.whole = lambda: {"number": made._number}
    return made


def joined(hub: Hub, last: str | None = None) -> Reader:
    """Let one read who is there to stay."""
    reader = hub.join(last, lambda: False)
    assert reader is not None
    return reader


async def frames(hub: Hub, reader: Reader) -> list[tuple[str, Any]]:
    """Return everything that waits for a reader, as (event, data)."""
    found = []
    while (frame := await hub.frame(reader, 0.001)) and not frame.startswith(b":"):
        fields = dict(line.split(": ", 1) for line in frame.decode().strip().splitlines())
        found.append((fields["event"], json.loads(fields["data"])))
    return found


async def test_who_does_not_read_starts_over_and_costs_no_memory() -> None:
    """Its queue is dropped when it is full; what it reads then is the picture of that moment."""
    hub = the_hub()
    slow, quick = joined(hub), joined(hub)
    assert await frames(hub, slow) == await frames(hub, quick) == [("start", {"number": 0})]
    for number in range(10 * DEPTH):
        hub.tell("change", {"number": number})
        assert await frames(hub, quick) == [("change", {"number": number})]
        assert len(slow._frames) <= DEPTH
    assert len(hub._kept) == KEPT
    assert await frames(hub, slow) == [("start", {"number": 10 * DEPTH})]
    hub.tell("change", {"number": -1})
    assert await frames(hub, slow) == [("change", {"number": -1})]


async def test_a_reader_waits_for_the_first_picture() -> None:
    """Nobody is told of a picture that is not drawn yet."""
    pictures: list[dict[str, Any]] = []
    hub = Hub()
    hub.whole = lambda: pictures[0] if pictures else None
    reader = joined(hub)
    waiting = asyncio.create_task(hub.frame(reader, 10))
    await asyncio.sleep(0)
    assert not waiting.done()
    pictures.append({})
    hub.wake()
    assert b"event: start" in await waiting


async def test_who_left_makes_room() -> None:
    """Readers whose connection is gone are not counted when it gets tight."""
    hub = the_hub()
    readers = [hub.join(None, lambda: True) for _ in range(32)]
    assert all(readers)
    assert hub.join(None, lambda: False) is not None
    assert hub.readers == 1


async def test_after_the_last_reader_nothing_is_kept() -> None:
    """And whoever comes with an old number starts over."""
    hub = the_hub()
    reader = joined(hub)
    hub.tell("change", {})
    hub.leave(reader)
    assert not hub.wanted.is_set()
    assert not hub._kept
    assert joined(hub, f"{hub._run}-0").starts_over


def test_what_is_no_character_does_not_break_the_stream() -> None:
    """Half of a surrogate pair, a line break, and the separator of events stay within their frame."""
    hub = the_hub()
    frame = hub._encode("change", {"text": "a\nb\n\nevent: x\r\n\ud83d\u2028"})
    assert frame.count(b"\n") == 4
    assert frame.endswith(b"\n\n")


def test_a_campaign_is_counted_at_every_moment() -> None:
    """Each update counts from its beginning on, and in one band only."""
    updates = [
        _update(opened=0, entered=100, state=State.SUCCEEDED),
        _update(opened=50, entered=60, state=State.FAILED),
        _update(opened=90, entered=95, state=State.DOWNLOADING),
    ]
    found = progress(updates, now=119.0, ahead=1000.0)
    assert found["at"] == [1000 + index for index in range(BINS)]
    at = {
        moment: tuple(found[band][moment] for band in ("open", "succeeded", "ended_otherwise"))
        for moment in range(BINS)
    }
    assert at[0] == (1, 0, 0)
    assert at[49] == (1, 0, 0)
    assert at[50] == (2, 0, 0)
    assert at[60] == (1, 0, 1)
    assert at[90] == (2, 0, 1)
    assert at[100] == at[119] == (1, 1, 1)


def _update(*, opened: float, entered: float, state: State) -> Update:
    return Update(
        device=DeviceId("P", "d"), target=Version("2"), state=state, opened_at=opened, entered_at=entered
    )
