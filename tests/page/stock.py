"""A gateway's store with so many devices in it, amid their updates, written through its own commit."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import time

from gateway.model.events import StateReported
from gateway.model.identity import DEFAULT_MODULE, DeviceId, Lane, UpdateId, Version
from gateway.model.states import Phase, Reason, State
from gateway.model.update import Update
from gateway.ports.store import Buried, Changes, Entry, Kind, Message, Quarantined
from gateway.store.database import Database

LANE = Lane("cloud/tencent")
#: How a campaign stands in its middle: of twenty devices.
MIXTURE = (
    *(State.SUCCEEDED,) * 11,
    State.DOWNLOADING,
    State.DOWNLOADING,
    State.INSTALLING,
    State.FAILED,
    State.QUEUED,
    State.NOTIFIED,
    State.CONFIRMING,
    State.SUCCEEDED,
    State.WAITING_CONFIRMATION,
)
BATCH = 5000


@dataclass(frozen=True, kw_only=True)
class Stock:
    """What is to lie in the store; names of devices are d0000 and so on."""

    devices: int
    product: str = "PLAIN"
    #: Lines of the journal, and messages that wait for a cloud.
    lines: int = 0
    messages: int = 0
    letters: int = 0
    aside: int = 0

    def names(self) -> list[str]:
        """Return the devices' names."""
        return [f"d{index:04}" for index in range(self.devices)]

    async def write(self, directory: Path) -> None:
        """Write all of it."""
        store = await Database.open(f"sqlite:///{directory / 'gateway.db'}", lane_quota=1 << 40)
        await store.load()
        now = time()
        updates = [self._update(index, now) for index in range(self.devices)]
        first = Changes(updates={update.id: update for update in updates})
        first.versions = {(update.device, update.module): self._runs(update) for update in updates}
        first.messages = [
            Message(lane=LANE, update=update.id, kind=Kind.TERMINAL, event=_unheard(update))
            for update in updates[: self.letters]
        ]
        await store.commit(first, now=now, wall=now)
        if self.letters:
            await _bury(store, self.letters, now)
        await store.commit(Changes(quarantine=[*self._babble()]), now=now, wall=now)
        lines, messages = self._lines(), self._messages(updates)
        while True:
            batch = Changes(journal=[*islice(lines, BATCH)], messages=[*islice(messages, BATCH)])
            if not batch.journal and not batch.messages:
                break
            await store.commit(batch, now=now, wall=now)
        await store.close()

    def _update(self, index: int, now: float) -> Update:
        state = MIXTURE[index * 7 % len(MIXTURE)]
        opened = now - 7200 + 3600 * index / max(self.devices, 1)
        is_failed = state is State.FAILED
        return Update(
            device=DeviceId(self.product, f"d{index:04}"),
            target=Version("2.1.0" if index % 5 else "3.0.0-rc1"),
            source=Version("2.0.4"),
            state=state,
            percent=index % 100 if state is State.DOWNLOADING else None,
            phase=Phase.DOWNLOAD if is_failed else Phase.UNKNOWN,
            reason=Reason.LOW_BATTERY if is_failed else Reason.NONE,
            detail="3.1 V" if is_failed else "",
            ordered=True,
            stalled=state is State.NOTIFIED and index % 3 == 0,
            opened_at=opened,
            entered_at=opened + 600 + index % 900,
            touched_at=now - 60,
        )

    def _runs(self, update: Update) -> Version:
        return update.target if update.state is State.SUCCEEDED else Version("2.0.4")

    def _lines(self) -> Iterator[Entry]:
        for number in range(self.lines):
            name = DeviceId(self.product, f"d{number % self.devices:04}")
            update = UpdateId(f"{name}/{DEFAULT_MODULE}/1")
            yield Entry(device=name, update=update, source="said", text=f"downloading {number % 100} %")

    def _messages(self, updates: list[Update]) -> Iterator[Message]:
        for number in range(self.messages):
            update = updates[number % len(updates)]
            yield Message(lane=LANE, update=update.id, kind=Kind.TRANSITION, event=update.report())

    def _babble(self) -> Iterator[Quarantined]:
        for number in range(self.aside):
            yield Quarantined(
                device=DeviceId(self.product, f"d{number:04}"),
                topic=f"ota/{self.product}/d{number:04}/report",
                payload=b'{"type": "state", "state": "',
                reason="bad_json",
                detail="it ends in the middle",
            )


def _unheard(update: Update) -> StateReported:
    return StateReported(
        device=update.device,
        state=State.FAILED,
        version=update.target,
        phase=Phase.INSTALL,
        reason=Reason.INSTALL_FAILED,
        code="-5",
    )


async def _bury(store: Database, count: int, now: float) -> None:
    claims = await store.claim(LANE, limit=count, now=now, lease_until=now + 60)
    codes = ("UnauthorizedOperation.NoPermission", "InvalidParameterValue")
    buried = [
        Buried(claim=claim, code=codes[index % 2], reason="the device is not bound to this user")
        for index, claim in enumerate(claims)
    ]
    await store.commit(Changes(settlements=[*buried]), now=now, wall=now)
