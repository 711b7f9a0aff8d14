"""Commit for ever and say so: `python -m tests.integration.store.writer URL FIRST`.

Before each commit it prints `settling` and the numbers of the messages that the commit settles; once the commit is
acknowledged, `committed` and the number of its own message.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import count

from gateway.model.identity import DeviceId, Version
from gateway.model.states import State
from gateway.model.update import Update
from gateway.ports.store import Changes, Kind
from gateway.store.database import Database
from tests.integration.store.scene import LANE, changes, delivered, message


async def write(url: str, first: int) -> None:
    """Commit an update and a message of the same number, and settle now and then."""
    store = await Database.open(url, lane_quota=1 << 30)
    await store.load()
    for number in count(first):
        now = float(number)
        batch = _batch(number)
        if number % 3 == 0:
            claims = await store.claim(LANE, limit=2, now=now, lease_until=now + 1)
            batch.settlements = [delivered(claim) for claim in claims]
        print("settling", *(settled.claim.event.code for settled in batch.settlements), flush=True)
        await store.commit(batch, now=now, wall=now)
        print("committed", number, flush=True)


def _batch(number: int) -> Changes:
    device = f"d{number % 7}"
    kind = Kind.TERMINAL if number % 5 == 0 else Kind.TRANSITION
    state = State.SUCCEEDED if kind is Kind.TERMINAL else State.INSTALLING
    batch = changes(message(device, kind, state, number=number, code=str(number)))
    update = Update(device=DeviceId("P", device), target=Version(f"1.{number}"), number=number, state=state)
    batch.updates[update.id] = update
    return batch


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], int(sys.argv[2])))
