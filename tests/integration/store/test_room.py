"""Sums, quotas and figures: what waits is always known exactly, and progress makes room first."""

from __future__ import annotations

from random import Random

import pytest
from sqlalchemy import func, select

from gateway.errors import StoreError
from gateway.model.states import State
from gateway.ports.store import (
    Buried,
    Changes,
    Committed,
    Figures,
    Kind,
    LaneState,
    Message,
    Postponed,
    Settlement,
)
from gateway.store.database import Database
from gateway.store.schema import dead_letters, messages, queues
from tests.integration.store.scene import (
    LANE,
    OTHER_LANE,
    Scene,
    changes,
    delivered,
    progress,
    said,
    terminal,
    transition,
)


def counted(scene: Scene) -> dict[str, tuple[int, int]]:
    """Count rows and bytes of each lane the slow way."""
    query = (
        select(queues.c.lane, func.count(), func.sum(messages.c.size))
        .join(messages, messages.c.queue == queues.c.id)
        .group_by(queues.c.lane)
    )
    return {lane: (count, int(size)) for lane, count, size in scene.rows(query)}


def summed(committed: Committed) -> dict[str, tuple[int, int]]:
    """Return the same as the store says it, lanes where something waits."""
    return {lane: (count, committed.sizes[lane]) for lane, count in committed.messages.items() if count}


async def test_sums_are_exact_whatever_happens(scene: Scene) -> None:
    """After every commit of a long random story the sums are those of the rows, also after a restart."""
    random = Random(7)
    for _ in range(60):
        told: list[Message] = []
        for _ in range(random.randrange(4)):
            device, number = random.choice("abc"), random.choice([1, 2])
            lane = random.choice([LANE, OTHER_LANE])
            told.append(
                random.choice(
                    [
                        progress(device, random.randrange(100), number=number, lane=lane),
                        transition(device, number=number, lane=lane, detail="明" * random.randrange(9)),
                        terminal(device, number=number, lane=lane),
                    ]
                )
            )
        settled: list[Settlement] = []
        for claim in await scene.claim(limit=2):
            answers: list[Settlement] = [
                delivered(claim),
                Postponed(claim=claim, due_at=scene.now + 2),
                Buried(claim=claim, code="c", reason="r"),
            ]
            settled += random.choices(answers, k=random.choice([1, 1, 2]))
        committed = await scene.commit(changes(*told, settled=settled))
        assert summed(committed) == counted(scene)
        scene.now += random.random()

    await scene.restart()

    assert summed(await scene.commit(changes())) == counted(scene)


async def test_what_waits_of_each_device_is_known_at_start(scene: Scene) -> None:
    """In each lane by itself; progress, of which there is little, is left out."""
    await scene.tell(progress("a", 10), transition("b"), progress("b", 20, number=2))
    await scene.tell(transition("b", lane=OTHER_LANE), terminal("b"), terminal("c"))
    [told] = [claim for claim in await scene.claim() if claim.event.device.name == "c"]
    await scene.settle(delivered(told))

    waiting = (await scene.store.load()).waiting

    assert {(lane, device.name): count for (lane, device), count in waiting.items()} == {
        (LANE, "b"): 2,
        (OTHER_LANE, "b"): 1,
    }


async def test_size_counts_bytes_not_characters(scene: Scene) -> None:
    """A text of three bytes a character takes three times the room."""
    latin = await scene.tell(transition("a", detail="x" * 100))
    both = await scene.tell(transition("b", detail="明" * 100))

    assert both.sizes[LANE] - latin.sizes[LANE] == latin.sizes[LANE] + 200


async def test_a_lane_near_its_quota_drops_its_oldest_progress(scene: Scene) -> None:
    """Enough of it and no more, and what is left is still sent in order."""
    one = (await scene.tell(progress("a", 10))).sizes[LANE]
    await scene.tell(*(progress(f"d{n}", 10) for n in range(8)))
    await scene.store.close()
    scene.quota = int(10 * one / 0.9) + 1
    scene.store = await Database.open(scene.url, lane_quota=scene.quota)
    await scene.store.load()

    committed = await scene.tell(progress("x", 10), progress("y", 10))

    assert committed.evicted == {LANE: 2}
    assert committed.messages == {LANE: 9}
    assert summed(committed) == counted(scene)
    assert "a" not in {device for device, *_ in said(await scene.drain())}


async def test_terminal_reports_and_transitions_are_never_dropped(scene: Scene) -> None:
    """A lane far over its quota keeps them all, and so does another lane its progress."""
    scene.quota = 1000
    await scene.restart()
    await scene.tell(progress("a", 1, lane=OTHER_LANE))
    told = [transition(f"d{n}") for n in range(20)] + [terminal(f"d{n}") for n in range(20)]
    await scene.tell(*told)

    committed = await scene.tell(progress("a", 1), progress("d1", 1, number=2))

    assert committed.evicted == {LANE: 2}
    assert committed.messages == {LANE: 40, OTHER_LANE: 1}
    assert len(await scene.drain()) == 40


async def test_progress_in_flight_is_not_dropped(scene: Scene) -> None:
    """It is on its way already; once its lease ran out it is as good as any other."""
    await scene.tell(progress("a", 1))
    (claim,) = await scene.claim(lease=30)
    await scene.store.close()
    scene.store = await Database.open(scene.url, lane_quota=1)

    held = await scene.tell(transition("b"))
    scene.now += 30
    dropped = await scene.tell(transition("c"))
    late = await scene.settle(delivered(claim))

    assert (held.evicted, dropped.evicted) == ({}, {LANE: 1})
    assert (late.messages, summed(late)) == ({LANE: 2}, counted(scene))


async def test_a_line_that_lost_its_head_goes_on(scene: Scene) -> None:
    """Eviction of a postponed head frees the line: nothing is left that would wait for its retry."""
    scene.quota = 1
    await scene.tell(progress("a", 1))
    (claim,) = await scene.claim()
    await scene.settle(Postponed(claim=claim, due_at=scene.now + 900, parked="NoPermission"))
    await scene.restart()
    await scene.tell(transition("b"))
    assert (await scene.store.figures())[LANE].parked == 0

    await scene.tell(transition("a"))

    assert {device for device, *_ in said(await scene.claim())} == {"a", "b"}


async def test_figures_tell_what_waits(scene: Scene) -> None:
    """Messages, bytes, age, dead letters and parked devices, for every lane that was ever used."""
    await scene.tell(transition("a"), terminal("a"), transition("b"), terminal("a", lane=OTHER_LANE))
    started = scene.now
    scene.now += 5
    a, b = await scene.claim()
    (other,) = await scene.claim(lane=OTHER_LANE)
    await scene.settle(Buried(claim=a, code="ResourceNotFound", reason="no such task"), delivered(other))
    sizes = await scene.settle(Postponed(claim=b, due_at=scene.now + 900, parked="NoPermission"))

    figures = await scene.store.figures()

    assert figures == {
        LANE: Figures(messages=2, size=sizes.sizes[LANE], oldest_at=started, dead_letters=1, parked=1),
        OTHER_LANE: Figures(),
    }


async def test_the_oldest_is_the_head_that_waits_now(scene: Scene) -> None:
    """Progress that a transition replaced does not count as waiting any more."""
    await scene.tell(progress("a", 1))
    scene.now += 100

    await scene.tell(transition("a"))

    assert (await scene.store.figures())[LANE].oldest_at == scene.now


async def test_what_a_cloud_refuses_for_good_is_kept(scene: Scene) -> None:
    """A dead letter holds the report, the cloud's code and words, and the wall clock."""
    await scene.tell(terminal("a", State.FAILED, code="-2"))
    (claim,) = await scene.claim()

    await scene.settle(Buried(claim=claim, code="Invalid\0", reason="\ud800 half a word"))

    (letter,) = scene.rows(select(dead_letters))
    assert (letter.update_id, letter.kind) == (claim.update, Kind.TERMINAL)
    assert '"failed"' in letter.body
    assert (letter.code, letter.reason) == ("Invalid\ufffd", "\ufffd half a word")
    assert letter.wall == scene.now + 500
    assert await scene.claim() == []


async def test_lane_states_and_sums_share_a_row_in_peace(scene: Scene) -> None:
    """A breaker that opens changes no sum, and a message changes no breaker."""
    await scene.tell(transition("a"))
    await scene.commit(Changes(lanes={LANE: LaneState(failures=3, until=5.0, reason="500")}))
    committed = await scene.tell(transition("b"))
    await scene.store.close()

    scene.store = await Database.open(scene.url, lane_quota=scene.quota)
    loaded = await scene.store.load()

    assert loaded.lanes == {LANE: LaneState(failures=3, until=5.0, reason="500")}
    assert (loaded.messages, loaded.sizes) == ({LANE: 2}, committed.sizes)


async def test_a_value_that_no_engine_takes_is_a_failed_commit(scene: Scene) -> None:
    """Half a surrogate pair in a name raises StoreError rather than something nobody expects."""
    with pytest.raises(StoreError):
        await scene.tell(transition("\ud800"))

    assert (await scene.tell(transition("a"))).messages == {LANE: 1}
