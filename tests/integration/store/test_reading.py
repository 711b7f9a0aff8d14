"""What people look up: on both engines, beside the writer, and with bounds."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from gateway.errors import StoreError
from gateway.model.identity import DeviceId, UpdateId, Version
from gateway.model.states import Reason, State
from gateway.model.update import Update
from gateway.ports.history import AsideQuery, LetterQuery, UpdateQuery
from gateway.ports.store import Buried, Changes, Entry, Kind, Quarantined
from gateway.store.reading import Reading
from tests.integration.store.scene import LANE, OTHER_LANE, WALL_AHEAD, Scene, delivered, terminal, transition

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DEVICE = DeviceId("P", "a")
PLAIN = Update(device=DEVICE, target=Version("1.1"), opened_at=1.0)
MANY = [
    PLAIN,
    replace(PLAIN, number=2, state=State.FAILED, opened_at=2.0),
    replace(PLAIN, device=DeviceId("P", "b"), opened_at=2.0, state=State.SUCCEEDED),
    replace(PLAIN, device=DeviceId("Q", "a"), opened_at=3.5, state=State.FAILED),
]


@asynccontextmanager
async def reading(scene: Scene) -> AsyncIterator[Reading]:
    """Read the scene's store, as another one would."""
    async with Reading(scene.url) as made:
        yield made


def asked_of(history: Reading) -> list[tuple[str, Any]]:
    """Return the list of what the database is asked from now on."""
    asked: list[tuple[str, Any]] = []
    event.listen(history._engine, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
    return asked


def plan(scene: Scene, asked: tuple[str, Any]) -> list[str]:
    """Return how SQLite finds what it is asked for."""
    statement, given = asked
    with scene.writing() as connection:
        return [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)]


async def test_updates_are_found(scene: Scene) -> None:
    """The last opened first; filters narrow; a page goes on where the one before ended, ties included."""
    await scene.commit(Changes(updates={update.id: update for update in MANY}))
    async with reading(scene) as history:
        every = list(await history.updates(UpdateQuery()))
        assert every == [MANY[3], MANY[2], MANY[1], MANY[0]]
        failed = await history.updates(UpdateQuery(states=[State.FAILED], product="P"))
        assert failed == [MANY[1]]
        assert await history.updates(UpdateQuery(device="b")) == [MANY[2]]
        assert await history.updates(UpdateQuery(states=[])) == []
        paged: list[Update] = []
        while len(paged) < len(MANY):
            after = (paged[-1].opened_at, paged[-1].id) if paged else None
            paged += await history.updates(UpdateQuery(after=after, limit=1))
        assert paged == every
        assert await history.update(PLAIN.id) == PLAIN
        assert await history.update(UpdateId("P/a/default/9")) is None


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "query",
    [
        UpdateQuery(),
        UpdateQuery(after=(2.0, PLAIN.id)),
        UpdateQuery(since=1.0, states=[State.FAILED]),
        UpdateQuery(product="P"),
        UpdateQuery(product="P", reason=Reason.UNKNOWN, after=(2.0, PLAIN.id)),
    ],
)
async def test_a_page_of_updates_sorts_nothing(scene: Scene, query: UpdateQuery) -> None:
    """It is read in its order: a page costs the same, however many updates there are."""
    await scene.commit(Changes(updates={update.id: update for update in MANY}))
    async with reading(scene) as history:
        asked = asked_of(history)
        await history.updates(query)
    [statement] = asked
    [line] = plan(scene, statement)
    assert "ix_updates_opened" in line


async def test_it_is_found_where_ends_wait(scene: Scene) -> None:
    """Those of the updates that are asked for, in lanes that have not taken them."""
    ends = [terminal(name, lane=lane) for name in "ab" for lane in (LANE, OTHER_LANE)]
    await scene.tell(*ends, transition("c"), terminal("a", number=2))
    await scene.settle(*(delivered(claim) for claim in await scene.claim(lane=OTHER_LANE, limit=1)))
    asked = [PLAIN, *(replace(PLAIN, device=DeviceId("P", name)) for name in "bc")]
    async with reading(scene) as history:
        assert await history.unheard([]) == {}
        assert await history.unheard(asked[2:]) == {}
        assert await history.unheard(asked) == {asked[0].id: [LANE], asked[1].id: [OTHER_LANE, LANE]}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_an_end_is_found_by_its_device(scene: Scene) -> None:
    """In an outage the ends of all devices wait, and nobody walks over them."""
    await scene.tell(terminal("a"))
    async with reading(scene) as history:
        asked = asked_of(history)
        await history.unheard([PLAIN])
    plans = [line for each in asked for line in plan(scene, each)]
    assert [line for line in plans if line.startswith("SCAN")] == []
    assert any("(lane=? AND product=? AND device=?)" in line for line in plans)


async def test_a_timeline_is_cut_at_its_beginning(scene: Scene) -> None:
    """The newest lines stay, in the order in which they were written."""
    entries = [
        Entry(device=DEVICE, update=PLAIN.id, source="understood", text=str(number)) for number in range(5)
    ]
    await scene.commit(Changes(journal=entries))
    async with reading(scene) as history:
        lines = await history.timeline(PLAIN.id, limit=3)
    assert [(line.source, line.text, line.wall) for line in lines] == [
        ("understood", str(number), scene.now + WALL_AHEAD) for number in (2, 3, 4)
    ]


async def test_dead_letters_are_found_and_dropped(scene: Scene) -> None:
    """With the device and the lane that their queue is of; what is dropped is gone."""
    await scene.tell(transition("a"), transition("b"), transition("c", lane=OTHER_LANE))
    for lane in (LANE, OTHER_LANE):
        claims = await scene.claim(lane=lane)
        await scene.settle(*(Buried(claim=claim, code="7", reason="no") for claim in claims))
    async with reading(scene) as history:
        letters = await history.dead_letters(LetterQuery())
        assert [(letter.lane, letter.device.name) for letter in letters] == [
            (OTHER_LANE, "c"),
            (LANE, "b"),
            (LANE, "a"),
        ]
        first = await history.dead_letters(LetterQuery(lane=LANE, before=letters[1].id))
        assert [(letter.device.name, letter.kind, letter.code, letter.reason) for letter in first] == [
            ("a", Kind.TRANSITION, "7", "no")
        ]
        assert await history.dead_letter(first[0].id) == first[0]
        await scene.commit(Changes(dropped=[letter.id for letter in letters[1:]]))
        assert await history.dead_letters(LetterQuery()) == letters[:1]
        assert await history.dead_letter(first[0].id) is None


async def test_the_quarantine_is_found(scene: Scene) -> None:
    """By product, device and place."""
    items = [
        Quarantined(device=DeviceId("P", name), topic="t", payload=b"\xff\0", reason="r", detail="d")
        for name in ("a", "b", "a")
    ]
    await scene.commit(Changes(quarantine=items))
    async with reading(scene) as history:
        found = await history.quarantine(AsideQuery(product="P", device="a"))
        assert [(item.device, item.payload) for item in found] == [(DEVICE, b"\xff\0")] * 2
        assert await history.quarantine(AsideQuery(before=found[1].id)) == []
        assert await history.set_aside(found[0].id) == found[0]
        assert await history.set_aside(10**6) is None


async def test_reading_holds_up_no_commit(scene: Scene) -> None:
    """Both go on beside each other, and a reader changes nothing."""
    await scene.tell(transition("a"))
    async with reading(scene) as history:
        for number in range(20):
            looked = [history.updates(UpdateQuery()), history.update(PLAIN.id)]
            await asyncio.gather(*looked, scene.tell(transition(f"d{number}")))
    sent = await scene.drain()
    assert len(sent) == 21
    await scene.settle(*(delivered(claim) for claim in sent))


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_store_that_cannot_be_read_is_a_store_error(scene: Scene) -> None:
    """Nobody meets the database's own errors."""
    async with Reading("sqlite:////nowhere/at/all.db") as history:
        with pytest.raises(StoreError, match="the store cannot be read: unable to open database file"):
            await history.updates(UpdateQuery())
