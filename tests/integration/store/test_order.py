"""What waits in a line, in which order it leaves, and how progress is coalesced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.model.identity import Lane
from gateway.model.states import State
from gateway.ports.store import Postponed
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

if TYPE_CHECKING:
    from gateway.ports.store import Message


async def test_a_device_is_heard_in_the_order_in_which_it_spoke(scene: Scene) -> None:
    """One message at a time leaves a device's line, oldest first, across commits and restarts."""
    await scene.tell(transition("a", State.NOTIFIED), transition("a", State.DOWNLOADED))
    await scene.tell(transition("a", State.INSTALLING))
    await scene.restart()
    await scene.tell(terminal("a"))

    sent = await scene.drain()

    assert [state for _, state, _ in said(sent)] == [
        State.NOTIFIED,
        State.DOWNLOADED,
        State.INSTALLING,
        State.SUCCEEDED,
    ]


async def test_lanes_do_not_know_each_other(scene: Scene) -> None:
    """The same report waits in each lane by itself."""
    await scene.tell(transition("a"), transition("a", lane=OTHER_LANE))
    await scene.drain()

    assert said(await scene.claim(lane=OTHER_LANE)) == [("a", State.INSTALLING, None)]
    assert await scene.claim(lane=Lane("cloud/unknown")) == []


async def test_a_devices_terminal_report_lifts_its_whole_line(scene: Scene) -> None:
    """Lines with an end in them go first, and still in order."""
    await scene.tell(transition("a", State.NOTIFIED))
    scene.now += 1
    await scene.tell(progress("b", 5))
    scene.now += 1
    await scene.tell(transition("c", State.NOTIFIED), terminal("c"))

    first, second = await scene.claim(), await scene.drain()

    assert said(first) == [
        ("c", State.NOTIFIED, None),
        ("a", State.NOTIFIED, None),
        ("b", State.DOWNLOADING, 5),
    ]
    assert second == []
    await scene.settle(*(delivered(claim) for claim in first))
    assert said(await scene.drain()) == [("c", State.SUCCEEDED, None)]


async def test_urgency_falls_back_when_the_urgent_report_is_gone(scene: Scene) -> None:
    """After its end was told, a line with progress left is as urgent as any other progress."""
    await scene.tell(terminal("a", number=1))
    scene.now += 1
    await scene.tell(progress("a", 10, number=2), transition("b"))

    (end, _) = await scene.claim()
    await scene.settle(delivered(end))
    await scene.tell(progress("c", 1))
    scene.now += 1

    assert said(await scene.claim(limit=1)) == [("a", State.DOWNLOADING, 10)]
    await scene.tell(transition("d"))
    assert said(await scene.claim(limit=1)) == [("d", State.INSTALLING, None)]


async def test_the_newest_progress_wins_in_place(scene: Scene) -> None:
    """Three reports of progress are one message with the last percentage."""
    for percent in (10, 20, 30):
        committed = await scene.tell(progress("a", percent))

    assert committed.messages == {LANE: 1}
    assert said(await scene.drain()) == [("a", State.DOWNLOADING, 30)]


async def test_each_update_and_lane_has_its_own_progress(scene: Scene) -> None:
    """Progress of another update, or for another cloud, takes nothing over."""
    committed = await scene.tell(
        progress("a", 10), progress("a", 20, number=2), progress("a", 30, lane=OTHER_LANE)
    )

    assert committed.messages == {LANE: 2, OTHER_LANE: 1}
    assert [percent for *_, percent in said(await scene.drain())] == [10, 20]


async def test_progress_that_is_overtaken_in_flight_is_sent_again(scene: Scene) -> None:
    """Settling the older revision leaves the newer one waiting."""
    await scene.tell(progress("a", 10))
    (claim,) = await scene.claim()
    await scene.tell(progress("a", 20))

    committed = await scene.settle(delivered(claim))

    assert committed.messages == {LANE: 1}
    assert said(await scene.drain()) == [("a", State.DOWNLOADING, 20)]


async def test_progress_overtaken_in_the_commit_that_settles_it_is_a_new_message(scene: Scene) -> None:
    """Settlement and newer progress may meet in one transaction."""
    await scene.tell(progress("a", 10))
    (claim,) = await scene.claim()

    await scene.commit(changes(progress("a", 20), settled=[delivered(claim)]))

    assert said(await scene.drain()) == [("a", State.DOWNLOADING, 20)]


async def test_a_transition_makes_waiting_progress_meaningless(scene: Scene) -> None:
    """The progress of the same update goes; that of another stays in its place."""
    await scene.tell(progress("a", 10), progress("a", 70, number=2))
    await scene.tell(transition("a", State.DOWNLOADED))

    assert said(await scene.drain()) == [("a", State.DOWNLOADING, 70), ("a", State.DOWNLOADED, None)]


async def test_progress_after_a_transition_waits_behind_it(scene: Scene) -> None:
    """In one commit, progress is newer than the transition of the same update."""
    await scene.tell(progress("a", 10))
    await scene.tell(transition("a", State.INSTALLING), progress("a", 1))

    assert said(await scene.drain()) == [("a", State.INSTALLING, None), ("a", State.DOWNLOADING, 1)]


@pytest.mark.parametrize("succeeds", [True, False])
async def test_progress_superseded_in_flight_may_still_be_settled(scene: Scene, succeeds: bool) -> None:  # noqa: FBT001
    """The row is gone, its lease ends with the settlement, and the transition goes next, at once."""
    await scene.tell(progress("a", 10))
    (claim,) = await scene.claim()
    await scene.tell(transition("a", State.DOWNLOADED))
    assert await scene.claim() == []

    committed = await scene.settle(
        delivered(claim) if succeeds else Postponed(claim=claim, due_at=scene.now + 300)
    )

    assert committed.messages == {LANE: 1}
    assert [(sent.event.state, sent.attempts) for sent in await scene.claim()] == [(State.DOWNLOADED, 0)]


async def test_progress_superseded_in_flight_may_still_park_its_device(scene: Scene) -> None:
    """A refusal of the whole device holds for whatever it says."""
    await scene.tell(progress("a", 10))
    (claim,) = await scene.claim()
    await scene.tell(transition("a", State.DOWNLOADED))

    await scene.settle(Postponed(claim=claim, due_at=scene.now + 900, parked="NoPermission"))

    assert await scene.claim() == []
    assert await scene.store.next_due(LANE) == scene.now + 900


async def test_what_supersedes_a_head_that_waits_for_its_retry_goes_at_once(scene: Scene) -> None:
    """The tries were the progress's own: nobody knows yet whether the cloud takes what comes after it."""
    await scene.tell(progress("a", 10))
    (claim,) = await scene.claim()
    await scene.settle(Postponed(claim=claim, due_at=scene.now + 300))

    await scene.tell(transition("a", State.DOWNLOADED))

    assert [(sent.event.state, sent.attempts) for sent in await scene.claim()] == [(State.DOWNLOADED, 0)]


async def test_what_supersedes_a_head_in_the_commit_that_postpones_it_goes_at_once(scene: Scene) -> None:
    """The refusal and the next state may meet in one transaction."""
    await scene.tell(progress("a", 10))
    (claim,) = await scene.claim()
    refused = Postponed(claim=claim, due_at=scene.now + 300)

    await scene.commit(changes(transition("a", State.DOWNLOADED), settled=[refused]))

    assert said(await scene.claim()) == [("a", State.DOWNLOADED, None)]


@pytest.mark.parametrize(
    ("head", "parked"), [(progress("a", 70, number=2), None), (progress("a", 10), "NoPermission")]
)
async def test_another_head_and_a_parked_device_wait_on(
    scene: Scene, head: Message, parked: str | None
) -> None:
    """Superseded is what stands behind it; and a refusal of the whole device holds for whatever it says."""
    await scene.tell(head)
    (claim,) = await scene.claim()
    await scene.tell(progress("a", 20))
    await scene.settle(Postponed(claim=claim, due_at=scene.now + 300, parked=parked))

    await scene.tell(transition("a", State.DOWNLOADED))

    assert await scene.claim() == []
    assert await scene.store.next_due(LANE) == scene.now + 300


async def test_progress_waits_for_the_trailing_edge(scene: Scene) -> None:
    """After a report went out the next progress keeps its distance, also over a restart."""
    await scene.tell(progress("a", 10))
    (claim,) = await scene.claim()
    await scene.settle(delivered(claim, next_progress_at=scene.now + 10))
    await scene.restart()

    await scene.tell(progress("a", 20))

    assert await scene.claim() == []
    assert await scene.store.next_due(LANE) == scene.now + 10
    scene.now += 10
    assert said(await scene.claim()) == [("a", State.DOWNLOADING, 20)]


async def test_progress_overtaken_in_flight_waits_for_the_trailing_edge(scene: Scene) -> None:
    """What was taken over while the former was on its way is not due at once."""
    await scene.tell(progress("a", 10))
    (claim,) = await scene.claim()
    await scene.tell(progress("a", 20))
    await scene.settle(delivered(claim, next_progress_at=scene.now + 10))

    assert await scene.claim() == []
    scene.now += 10
    assert said(await scene.claim()) == [("a", State.DOWNLOADING, 20)]


async def test_a_transition_does_not_wait_for_the_trailing_edge(scene: Scene) -> None:
    """Only progress keeps its distance."""
    await scene.tell(progress("a", 10))
    (claim,) = await scene.claim()
    await scene.settle(delivered(claim, next_progress_at=scene.now + 10))
    await scene.tell(progress("a", 20))

    await scene.tell(transition("a", State.DOWNLOADED))

    assert said(await scene.claim()) == [("a", State.DOWNLOADED, None)]


async def test_an_answer_without_a_distance_keeps_the_former_one(scene: Scene) -> None:
    """A message that was only skipped does not let progress of the device go early."""
    await scene.tell(transition("a"))
    (claim,) = await scene.claim()
    await scene.settle(delivered(claim, next_progress_at=scene.now + 10))
    await scene.tell(transition("a", number=2))
    (skipped,) = await scene.claim()
    await scene.settle(delivered(skipped))

    await scene.tell(progress("a", 20, number=3))

    assert await scene.store.next_due(LANE) == scene.now + 10
