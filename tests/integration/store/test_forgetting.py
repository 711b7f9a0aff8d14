"""Devices that are forgotten: nothing is left that could be taken for what they do when they come again."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from gateway.model.identity import DEFAULT_MODULE, DeviceId, UpdateId, Version
from gateway.model.states import State
from gateway.model.update import Update
from gateway.ports.store import Buried, Changes, Entry, Ordered
from gateway.store.schema import journal, metadata, queues
from tests.integration.store.scene import LANE, Scene, delivered, progress, terminal, transition
from tests.integration.store.test_orders import PLAIN

GONE, STAYS = DeviceId("P", "a"), DeviceId("P", "b")


def history(device: DeviceId) -> Changes:
    """Return an end of an update, and all that is written of it."""
    update = Update(device=device, target=Version("1.1"), state=State.SUCCEEDED)
    command = replace(PLAIN.command, device=device)
    order = Ordered(lane=LANE, command=command, update=update.id, is_closed=True)
    return Changes(
        updates={update.id: update},
        versions={(device, DEFAULT_MODULE): Version("1.1")},
        orders={order.key: order},
        journal=[Entry(device=device, update=update.id, source="said", text="done")],
        messages=[transition(device.name), terminal(device.name)],
    )


async def test_nothing_is_left_of_who_is_forgotten_and_everything_of_others(scene: Scene) -> None:
    """In no table but the quarantine, which names whom it was for, and has a bound of its own."""
    for device in (GONE, STAYS):
        await scene.commit(history(device))
    first = await scene.claim()
    await scene.settle(*(delivered(claim) for claim in first))
    await scene.settle(*(Buried(claim=claim, code="1", reason="no") for claim in await scene.claim()))
    before = {table.name: len(scene.rows(select(table))) for table in metadata.sorted_tables}

    await scene.commit(Changes(forgotten={GONE}))

    after = {table.name: len(scene.rows(select(table))) for table in metadata.sorted_tables}
    halved = {"updates", "versions", "orders", "journal", "queues", "tellings", "dead_letters"}
    assert after == {name: rows // 2 if name in halved else rows for name, rows in before.items()}
    assert all(before[name] == 2 for name in halved)
    assert [row.device for row in scene.rows(select(queues))] == [STAYS.name]
    assert [row.device for row in scene.rows(select(journal))] == [STAYS.name]


async def test_who_comes_again_is_told_of_from_the_beginning(scene: Scene) -> None:
    """What a cloud had acknowledged of an update of the same name says nothing of the new one."""
    await scene.commit(history(GONE))
    await scene.drain()
    await scene.commit(Changes(forgotten={GONE}))

    await scene.tell(transition("a"))

    (claim,) = await scene.claim()
    assert (claim.update, claim.after) == (UpdateId("P/a/default/1"), None)
    await scene.settle(delivered(claim))
    await scene.restart()
    assert await scene.claim() == []


async def test_progress_that_nobody_takes_keeps_no_word_of_its_cloud(scene: Scene) -> None:
    """It waits for a cloud that the configuration has no more; should it come back, a new update's end is told."""
    await scene.commit(history(GONE))
    await scene.drain()
    await scene.tell(progress("a", 20, number=2))
    await scene.commit(Changes(forgotten={GONE}))

    await scene.tell(terminal("a"))

    assert [(claim.update, claim.after) for claim in await scene.drain()] == [
        (UpdateId("P/a/default/2"), None),
        (UpdateId("P/a/default/1"), None),
    ]


async def test_what_is_written_with_it_is_what_came_after_it(scene: Scene) -> None:
    """Whoever comes again before that was written is known."""
    await scene.commit(history(GONE))
    await scene.drain()
    again = history(GONE)
    again.forgotten = {GONE}

    await scene.commit(again)

    assert len(await scene.drain()) == 2


async def test_thousands_are_forgotten_at_once(scene: Scene) -> None:
    """More than one statement can name."""
    devices = [DeviceId("P", f"d{number}") for number in range(1200)]
    await scene.commit(Changes(versions={(each, DEFAULT_MODULE): Version("1.0") for each in devices}))

    await scene.commit(Changes(forgotten=set(devices[1:])))

    loaded = await scene.store.load()
    assert list(loaded.versions) == [(devices[0], DEFAULT_MODULE)]
