"""Heads on their way: leased, postponed, parked, woken, and settled at most once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from gateway.model.states import State
from gateway.ports.store import Buried, Changes, Claim, Delivered, Postponed, Settlement
from gateway.store.schema import messages
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
    from collections.abc import Callable


async def test_a_claimed_head_is_not_claimed_again(scene: Scene) -> None:
    """Nor is what stands behind it."""
    await scene.tell(transition("a"), terminal("a"))

    assert len(await scene.claim()) == 1
    assert await scene.claim() == []


async def test_a_claim_takes_no_more_devices_than_asked_for(scene: Scene) -> None:
    """The rest stays for the next claim, the longest due first."""
    for device in "abc":
        await scene.tell(transition(device))
        scene.now += 1

    assert [device for device, *_ in said(await scene.claim(limit=2))] == ["a", "b"]
    assert [device for device, *_ in said(await scene.claim(limit=2))] == ["c"]


async def test_a_restart_takes_leases_back(scene: Scene) -> None:
    """What was on its way when the gateway ended is sent again."""
    await scene.tell(transition("a"))
    (before,) = await scene.claim(lease=1e9)

    await scene.restart()

    assert await scene.claim() == [before]


async def test_a_lane_that_begins_anew_takes_its_own_leases_back(scene: Scene) -> None:
    """What its dispatcher held is there for the next one at once; who works in other lanes keeps what he has."""
    await scene.tell(transition("a"), transition("a", lane=OTHER_LANE))
    (before,) = await scene.claim(lease=1e9)
    await scene.claim(lane=OTHER_LANE, lease=1e9)

    await scene.store.take_back(LANE)

    assert await scene.claim() == [before]
    assert await scene.claim(lane=OTHER_LANE) == []


async def test_a_lease_runs_out(scene: Scene) -> None:
    """A head that nobody settled may be claimed again, and the store says when."""
    await scene.tell(transition("a"))
    (before,) = await scene.claim(lease=30)
    assert await scene.store.next_due(LANE) == scene.now + 30

    scene.now += 30

    assert await scene.claim() == [before]


async def test_a_settlement_counts_once(scene: Scene) -> None:
    """The second settlement of one message neither moves the line on nor touches another message."""
    await scene.tell(transition("a", State.DOWNLOADED), terminal("a"))
    (first,) = await scene.claim(lease=30)
    scene.now += 30
    (again,) = await scene.claim()
    await scene.settle(delivered(first))
    (end,) = await scene.claim()

    committed = await scene.settle(delivered(again))

    assert committed.messages == {LANE: 1}
    assert await scene.claim() == []
    assert (await scene.settle(delivered(end))).messages == {LANE: 0}


async def test_a_message_settled_twice_in_one_commit_counts_once(scene: Scene) -> None:
    """What a failed commit gave back may meet its own repetition."""
    await scene.tell(transition("a"), transition("a", State.APPLYING))
    (claim,) = await scene.claim()

    committed = await scene.settle(delivered(claim), delivered(claim))

    assert committed.messages == {LANE: 1}


async def test_a_late_settlement_never_hits_a_newer_message(scene: Scene) -> None:
    """No message takes over the id of one that is gone."""
    await scene.tell(transition("a"))
    (claim,) = await scene.claim()
    await scene.settle(delivered(claim))
    await scene.tell(terminal("a"))
    (newer,) = await scene.claim()

    committed = await scene.settle(delivered(claim))

    assert newer.message > claim.message
    assert committed.messages == {LANE: 1}


async def test_a_postponed_head_waits_and_counts_its_tries(scene: Scene) -> None:
    """Its line waits with it, and newer messages do not make it due."""
    await scene.tell(transition("a"))
    (claim,) = await scene.claim()
    await scene.settle(Postponed(claim=claim, due_at=scene.now + 7))
    await scene.tell(terminal("a"))

    assert await scene.claim() == []
    assert await scene.store.next_due(LANE) == scene.now + 7
    scene.now += 7
    (retried,) = await scene.claim()

    assert (retried.message, retried.attempts) == (claim.message, 1)
    await scene.settle(delivered(retried))
    (end,) = await scene.claim()
    assert end.attempts == 0


async def test_a_lane_that_wakes_makes_postponed_messages_due(scene: Scene) -> None:
    """The cloud is back: only what the cloud denies, and other lanes, go on waiting."""
    later = scene.now + 300
    await scene.tell(*(transition(device) for device in "abc"), transition("a", lane=OTHER_LANE))
    (a, b, c), (other,) = await scene.claim(), await scene.claim(lane=OTHER_LANE)
    await scene.settle(
        Postponed(claim=a, due_at=later),
        Postponed(claim=b, due_at=later, parked="NoPermission"),
        delivered(c, next_progress_at=later),
        Postponed(claim=other, due_at=later),
    )
    await scene.tell(progress("c", 5, number=2))
    scene.now += 1

    await scene.commit(Changes(woken={LANE}))

    assert [device for device, *_ in said(await scene.claim())] == ["a"]
    assert await scene.claim(lane=OTHER_LANE) == []


async def test_a_parked_device_is_probed_and_counted(scene: Scene) -> None:
    """It waits until its probe is due, and is parked no more once it was heard."""
    await scene.tell(transition("a"))
    (claim,) = await scene.claim()
    await scene.settle(Postponed(claim=claim, due_at=scene.now + 900, parked="NoPermission"))
    await scene.tell(terminal("a"))

    assert (await scene.store.figures())[LANE].parked == 1
    assert await scene.claim() == []
    scene.now += 900
    (probe,) = await scene.claim()
    await scene.settle(delivered(probe))
    assert (await scene.store.figures())[LANE].parked == 0


async def test_a_parked_device_is_probed_at_start(scene: Scene) -> None:
    """Whoever mended the permission restarts the gateway and looks."""
    await scene.tell(transition("a"))
    (claim,) = await scene.claim()
    await scene.settle(Postponed(claim=claim, due_at=scene.now + 900, parked="NoPermission"))
    await scene.restart()

    assert len(await scene.claim()) == 1


@pytest.mark.parametrize(
    "settlement",
    [
        lambda claim: Delivered(claim=claim, state=State.DOWNLOADED),
        lambda claim: Postponed(claim=claim, due_at=0.0, reached=State.DOWNLOADED),
        lambda claim: Buried(claim=claim, code="x", reason="y", reached=State.DOWNLOADED),
    ],
    ids=["delivered", "postponed", "buried"],
)
async def test_the_next_claim_knows_how_far_the_cloud_was_told(
    scene: Scene, settlement: Callable[[Claim], Settlement]
) -> None:
    """Whatever came of a message, the state that the cloud acknowledged is kept, per update."""
    await scene.tell(transition("a", State.INSTALLING), terminal("a"), transition("a", number=2))
    (claim,) = await scene.claim()
    assert claim.after is None
    await scene.settle(settlement(claim))
    await scene.restart()

    heard = await scene.drain()

    first_after = {c.update: c.after for c in reversed(heard)}
    assert first_after == {terminal("a").update: State.DOWNLOADED, transition("a", number=2).update: None}


async def test_a_closed_conversation_stays_closed(scene: Scene) -> None:
    """Why it was closed is known to later claims of the update; a later answer does not reopen it."""
    await scene.tell(transition("a", State.DOWNLOADED), transition("a"), terminal("a"))
    (first,) = await scene.claim()
    await scene.settle(delivered(first, closed="canceled"))
    (second,) = await scene.claim()
    await scene.settle(Delivered(claim=second, state=None))
    (third,) = await scene.claim()

    assert (second.closed, third.closed) == ("canceled", "canceled")
    assert third.after is State.DOWNLOADED


async def test_a_message_that_cannot_be_read_is_put_aside(scene: Scene) -> None:
    """One unreadable row does not block its lane: it becomes a dead letter and the line goes on."""
    await scene.tell(transition("a"), terminal("a"), transition("b"))
    with scene.writing() as connection:
        connection.execute(update(messages).where(messages.c.id == 1).values(body='{"state":"unheard_of"}'))

    assert said(await scene.claim()) == [("b", State.INSTALLING, None)]
    assert said(await scene.claim()) == [("a", State.SUCCEEDED, None)]
    figures = (await scene.store.figures())[LANE]
    assert (figures.messages, figures.dead_letters) == (2, 1)
    assert (await scene.commit(changes())).messages == {LANE: 2}
