"""What no database takes, in every text that is written: the commit succeeds, with U+FFFD in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import String, select

from gateway.core.acquaintances import Acquaintances
from gateway.core.sense import nonsense
from gateway.errors import CloudError
from gateway.model.commands import UpdateOrdered
from gateway.model.firmware import Firmware, Md5
from gateway.model.identity import DEFAULT_MODULE, DeviceId, Version
from gateway.model.states import State
from gateway.model.update import Update
from gateway.ports.store import Buried, Changes, Entry, LaneState, Ordered, Postponed, Quarantined
from gateway.store.outbox import ROW_OVERHEAD
from gateway.store.schema import Name, messages, metadata
from tests.contract.benches.onenet import FuseBench, OneNetBench
from tests.contract.benches.tencent import TencentBench
from tests.fire.clouds.test_shapes import ODD, Spoiler, spoilt
from tests.integration.store.scene import LANE, Scene, delivered, message, progress, terminal, transition

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.model.commands import Order
    from tests.contract.benches.bench import Bench

DEVICE = DeviceId("P", "a")


def _odd_changes(odd: str) -> Changes:
    version = Version(odd)
    update = Update(
        device=DEVICE,
        target=version,
        code=odd,
        detail=odd,
        source=version,
        predecessor=version,
        doubt=version,
    )
    command = UpdateOrdered(
        device=DEVICE,
        module=DEFAULT_MODULE,
        version=version,
        firmware=Firmware(version=version, url=odd, md5=Md5(odd)),
        handle=odd,
        source=version,
    )
    order = Ordered(lane=LANE, command=command, update=update.id, note=odd)
    return Changes(
        updates={update.id: update},
        versions={(DEVICE, DEFAULT_MODULE): version},
        orders={order.key: order},
        lanes={LANE: LaneState(reason=odd)},
        journal=[Entry(device=DEVICE, update=update.id, source="said", text=odd)],
        quarantine=[
            Quarantined(
                device=DEVICE, topic=odd, payload=odd.encode(errors="replace"), reason=odd, detail=odd
            )
        ],
    )


async def _odd_answers(scene: Scene, odd: str) -> None:
    """Tell a cloud odd things, let it answer in odd words, and let an odd report take over one that waits."""
    devices = ("delivered", "postponed", "buried")
    await scene.tell(*(terminal(device, State.FAILED, code=odd, detail=odd) for device in devices))
    claims = {claim.event.device.name: claim for claim in await scene.claim()}
    await scene.settle(
        delivered(claims["delivered"], closed=odd),
        Postponed(claim=claims["postponed"], due_at=scene.now + 100, parked=odd),
        Buried(claim=claims["buried"], code=odd, reason=odd),
    )
    waiting = progress("waiting", 1)
    await scene.tell(waiting)
    await scene.tell(message("waiting", waiting.kind, State.DOWNLOADING, detail=odd))


@pytest.mark.parametrize("odd", ["a\0b", "a\ud800b", "中\udfff\0"], ids=ascii)
async def test_every_text_may_be_odd(scene: Scene, odd: str) -> None:
    """Each column that holds others' words takes them, in all tables; a new one is covered here or this fails."""
    await scene.commit(_odd_changes(odd))
    await _odd_answers(scene, odd)

    # JSON writes a NUL as an escape, which is none to the database.
    said = ("\ufffd", "\\u0000")
    words = [c for t in metadata.sorted_tables for c in t.columns if isinstance(c.type, String)]
    for column in words:
        found = [value for (value,) in scene.rows(select(column)) if value is not None]
        assert found, column
        assert "\0" not in "".join(found)
        assert isinstance(column.type, Name) or any(part in value for value in found for part in said), column


@pytest.mark.parametrize("odd", ["a\0b", "a\ud800b", "中\udfff\0"], ids=ascii)
async def test_an_odd_message_is_as_large_as_what_is_stored_of_it(scene: Scene, odd: str) -> None:
    """Otherwise the sums of its lane would drift."""
    await scene.tell(transition("a", detail=odd))

    [(body, size)] = scene.rows(select(messages.c.body, messages.c.size))
    assert size == ROW_OVERHEAD + len(body.encode())


async def _ordered(bench: Bench, odd: object) -> tuple[list[Order], list[CloudError]]:
    """Poll again and again, with the odd value in each place of each answer; return all that came of it."""
    orders: list[Order] = []
    errors: list[CloudError] = []

    async def go(spoiler: Spoiler) -> None:
        async with spoilt(bench, spoiler) as make:
            try:
                orders.extend(await make().poll(bench.device))
            except CloudError as error:
                errors.append(error)

    learner = Spoiler()
    await go(learner)
    for answer, places in enumerate(learner.places):
        for place in range(places):
            spoiler = Spoiler()
            spoiler.answer, spoiler.place, spoiler.odd = answer, place, odd
            await go(spoiler)
    return orders, errors


@pytest.mark.parametrize("kind", [TencentBench, OneNetBench, FuseBench])
async def test_whatever_a_cloud_orders_can_be_written(
    scene: Scene, kind: type[Bench], tmp_path: Path
) -> None:
    """One odd value at any place of a polled answer: the order is refused at the door, or its commit succeeds."""
    written = 0
    for number, odd in enumerate(value for value in ODD if isinstance(value, int | str)):
        bench = kind(tmp_path / str(number))
        bench.order()
        orders, errors = await _ordered(bench, odd)
        for error in errors:
            entry = Entry(device=DEVICE, update=None, source=LANE, text=str(error))
            await scene.commit(Changes(journal=[entry], lanes={LANE: LaneState(reason=str(error))}))
        for command in orders:
            if (
                isinstance(command, UpdateOrdered)
                and nonsense(command, Acquaintances(lambda _: True)) is None
            ):
                row = Ordered(lane=LANE, command=command)
                await scene.commit(Changes(orders={row.key: row}))
                written += 1
    assert written
