"""Orders and beliefs in the tables: what is written is read again, and what is told closes what it ended."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from sqlalchemy import update as sql_update

from gateway.model.commands import UpdateOrdered
from gateway.model.firmware import Firmware, Md5
from gateway.model.identity import DEFAULT_MODULE, DeviceId, Module, UpdateId, Version
from gateway.model.states import State
from gateway.ports.store import Buried, Changes, Delivered, Ordered, OrderKey, Postponed
from gateway.store.schema import orders, tellings
from tests.integration.store.scene import LANE, OTHER_LANE, Scene, changes, terminal, transition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.model.identity import Lane
    from gateway.ports.store import Claim

A = DeviceId("P", "a")
FIRST = UpdateId("P/a/default/1")
PLAIN = Ordered(
    lane=LANE,
    command=UpdateOrdered(
        device=A,
        module=DEFAULT_MODULE,
        version=Version("1.1"),
        firmware=Firmware(version=Version("1.1"), url="http://cloud.test/i"),
        handle="1",
    ),
)
FULL = Ordered(
    lane=OTHER_LANE,
    command=UpdateOrdered(
        device=DeviceId("P", "名"),
        module=Module("mcu"),
        version=Version("2.0"),
        firmware=Firmware(
            version=Version("2.0"),
            module=Module("mcu"),
            url="http://cloud.test/i?q-sign=%20'中文'",
            size=1 << 40,
            md5=Md5("a" * 32),
        ),
        handle="{'task': \"7\"} 🙂",
        needs_confirmation=True,
        source=Version("1.9"),
        is_delta=True,
        min_power=50,
        min_signal=-97,
        retries=3,
        retry_interval=12.5,
    ),
    update=UpdateId("P/名/mcu/7"),
    is_closed=True,
    note="conflict",
)


def key(row: Ordered) -> OrderKey:
    """Return under what an order stands."""
    return row.key


def ordered(*rows: Ordered) -> Changes:
    """Gather orders."""
    return Changes(orders={key(row): row for row in rows})


async def loaded(scene: Scene) -> Sequence[Ordered]:
    """Open the store again and read its orders."""
    await scene.restart()
    return (await scene.store.load()).orders


async def claimed(scene: Scene, lane: Lane = LANE) -> Claim:
    """Lease the one message that is due."""
    [claim] = await scene.claim(lane=lane)
    return claim


@pytest.mark.parametrize("row", [PLAIN, FULL], ids=["plain", "full"])
async def test_an_order_comes_back_as_it_was(scene: Scene, row: Ordered) -> None:
    """Every field of it, and of its image."""
    await scene.commit(ordered(row))

    assert await loaded(scene) == [row]


async def test_the_full_order_differs_from_the_plain_one_in_every_field() -> None:
    """Otherwise a field that is not written would go unnoticed."""
    pairs: list[tuple[Any, Any]] = [
        (PLAIN, FULL),
        (PLAIN.command, FULL.command),
        (PLAIN.command.firmware, FULL.command.firmware),
    ]
    for plain, full in pairs:
        assert all(getattr(plain, field.name) != getattr(full, field.name) for field in fields(plain))


async def test_a_cloud_wants_one_thing_of_a_module(scene: Scene) -> None:
    """A newer order takes the place; other clouds, devices and modules have their own."""
    others = [
        replace(PLAIN, lane=OTHER_LANE),
        replace(PLAIN, command=replace(PLAIN.command, device=DeviceId("P", "b"))),
        replace(PLAIN, command=replace(PLAIN.command, device=DeviceId("Q", "a"))),
        replace(
            PLAIN,
            command=replace(
                PLAIN.command,
                module=Module("mcu"),
                firmware=replace(PLAIN.command.firmware, module=Module("mcu")),
            ),
        ),
    ]
    await scene.commit(ordered(FULL, PLAIN, *others))
    bare = replace(PLAIN, command=replace(FULL.command, device=A, module=DEFAULT_MODULE), update=FIRST)
    newer = replace(
        bare,
        command=replace(bare.command, firmware=replace(bare.command.firmware, module=DEFAULT_MODULE)),
    )
    await scene.commit(ordered(newer))

    found = {key(row): row for row in await loaded(scene)}
    assert found == {key(row): row for row in [FULL, newer, *others]}


async def test_an_order_is_removed(scene: Scene) -> None:
    """That one, and no other; what was never there is no trouble."""
    await scene.commit(ordered(PLAIN, FULL))
    await scene.commit(Changes(orders={key(PLAIN): None, (LANE, DeviceId("P", "x"), DEFAULT_MODULE): None}))

    assert await loaded(scene) == [FULL]


async def test_words_that_no_database_takes_are_made_storable(scene: Scene) -> None:
    """A cloud may say anything: one order must not stop all commits."""
    handle, url = "a\x00b\ud800", "http://cloud.test/\x00"
    firmware = Firmware(version=Version("1.1"), url=url)
    command = replace(PLAIN.command, handle=handle, source=Version("1\x00"), firmware=firmware)
    await scene.commit(ordered(replace(PLAIN, command=command)))

    [row] = await loaded(scene)
    assert "\x00" not in row.command.handle + row.command.firmware.url


async def test_an_order_that_makes_no_sense_is_left_out(scene: Scene) -> None:
    """It is asked for again, and keeps the gateway from nothing."""
    await scene.commit(ordered(PLAIN, FULL))
    with scene.writing() as connection:
        connection.execute(sql_update(orders).where(orders.c.lane == LANE).values(url="", md5=None))

    assert await loaded(scene) == [FULL]


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.REJECTED])
async def test_a_told_end_closes_the_order(scene: Scene, state: State) -> None:
    """That of the cloud that was told, and of the update that ended."""
    mine, other = replace(PLAIN, update=FIRST), replace(PLAIN, lane=OTHER_LANE, update=FIRST)
    later = replace(
        PLAIN, command=replace(PLAIN.command, device=DeviceId("P", "b")), update=UpdateId("P/b/default/1")
    )
    await scene.commit(ordered(mine, other, later))
    await scene.tell(terminal("a", state), terminal("a", state, lane=OTHER_LANE))
    await scene.settle(Delivered(claim=await claimed(scene), state=state))

    closed = {key(row) for row in await loaded(scene) if row.is_closed}
    assert closed == {key(mine)}


async def test_an_end_that_the_cloud_is_not_to_hear_closes_the_order_too(scene: Scene) -> None:
    """Its task is gone there."""
    await scene.commit(ordered(replace(PLAIN, update=FIRST)))
    await scene.tell(terminal("a"))
    await scene.settle(Delivered(claim=await claimed(scene), state=None, closed="not_applicable"))

    assert [row.is_closed for row in await loaded(scene)] == [True]


async def test_what_is_no_told_end_closes_nothing(scene: Scene) -> None:
    """A transition, an end that was called off here, one that was postponed, and one that was refused."""
    await scene.commit(ordered(replace(PLAIN, update=FIRST)))
    await scene.tell(transition("a"))
    await scene.settle(Delivered(claim=await claimed(scene), state=State.INSTALLING))
    await scene.tell(terminal("a", State.CANCELED))
    await scene.settle(Delivered(claim=await claimed(scene), state=State.CANCELED))
    await scene.tell(terminal("a"))
    await scene.settle(Postponed(claim=await claimed(scene), due_at=scene.now))
    await scene.settle(Buried(claim=await claimed(scene), code="16", reason="no"))

    assert [row.is_closed for row in await loaded(scene)] == [False]


async def test_the_end_of_an_older_update_closes_nothing(scene: Scene) -> None:
    """The order is served by a newer one."""
    await scene.commit(ordered(replace(PLAIN, update=UpdateId("P/a/default/2"))))
    await scene.tell(terminal("a", number=1))
    await scene.settle(Delivered(claim=await claimed(scene), state=State.SUCCEEDED))

    assert [row.is_closed for row in await loaded(scene)] == [False]


async def test_what_is_ordered_with_the_end_of_the_one_before_is_open(scene: Scene) -> None:
    """Both in one commit, and of the same module."""
    await scene.commit(ordered(replace(PLAIN, update=FIRST)))
    await scene.tell(terminal("a"))
    newer = replace(PLAIN, command=replace(PLAIN.command, handle="2"), update=UpdateId("P/a/default/2"))
    both = changes(settled=[Delivered(claim=await claimed(scene), state=State.SUCCEEDED)])
    both.orders[key(newer)] = newer
    await scene.commit(both)

    assert await loaded(scene) == [newer]


class TestBeliefs:
    """What a cloud turned out to believe takes the place of what it had acknowledged."""

    async def told(self, scene: Scene, state: State = State.SUCCEEDED, *, closed: str | None = None) -> None:
        """Let the cloud acknowledge it."""
        await scene.tell(terminal("a", state))
        await scene.settle(Delivered(claim=await claimed(scene), state=state, closed=closed))

    @pytest.mark.parametrize("believed", [State.DOWNLOADING, None])
    async def test_it_is_told_again_from_there(self, scene: Scene, believed: State | None) -> None:
        """In the same commit."""
        await self.told(scene)
        again = changes(terminal("a"))
        again.beliefs[LANE, A, FIRST] = believed
        await scene.commit(again)

        claim = await claimed(scene)
        assert (claim.after, claim.closed, claim.event.state) == (believed, None, State.SUCCEEDED)

    async def test_a_conversation_that_was_over_is_open_again(self, scene: Scene) -> None:
        """The cloud still wants to hear."""
        await self.told(scene, closed="conflict")
        again = changes(terminal("a"))
        again.beliefs[LANE, A, FIRST] = State.NOTIFIED
        await scene.commit(again)

        assert (await claimed(scene)).closed is None

    async def test_it_overrules_what_is_acknowledged_in_the_same_commit(self, scene: Scene) -> None:
        """It was seen afterwards."""
        await scene.tell(transition("a"))
        both = changes(settled=[Delivered(claim=await claimed(scene), state=State.INSTALLING)])
        both.beliefs[LANE, A, FIRST] = State.DOWNLOADING
        await scene.commit(both)

        assert scene.rows(select(tellings.c.state)) == [("downloading",)]

    async def test_it_is_of_one_cloud_and_one_update(self, scene: Scene) -> None:
        """The others' stay."""
        await scene.tell(terminal("a"), terminal("a", number=2), terminal("a", lane=OTHER_LANE))
        await scene.drain()
        await scene.drain(lane=OTHER_LANE)
        await scene.commit(Changes(beliefs={(LANE, A, FIRST): State.NOTIFIED}))

        states = sorted(state for (state,) in scene.rows(select(tellings.c.state)))
        assert states == ["notified", "succeeded", "succeeded"]

    async def test_it_may_be_of_a_device_that_was_never_told_of(self, scene: Scene) -> None:
        """Its queue is made."""
        await scene.commit(Changes(beliefs={(LANE, A, FIRST): State.NOTIFIED}))
        await scene.tell(terminal("a"))

        assert (await claimed(scene)).after is State.NOTIFIED

    async def test_it_survives_a_restart(self, scene: Scene) -> None:
        """Like anything else that was committed."""
        await scene.commit(Changes(beliefs={(LANE, A, FIRST): State.NOTIFIED}))
        await scene.restart()
        await scene.tell(terminal("a"))

        assert (await claimed(scene)).after is State.NOTIFIED
