"""Brings orders to their devices. What is owed to a device follows from its open update, so there is no queue of it.

A device is told when it is there, has said what it runs, and its product's policy lets it begin. It is told again
whenever it comes back with another version than the target: nothing is retained, and what it runs is never sent.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from time import monotonic

import structlog

from gateway.core.clock import Clock
from gateway.core.images import Images
from gateway.core.orders import Orders
from gateway.core.record import Part, Record
from gateway.model.commands import AskVersion, Install, Withdraw
from gateway.model.events import StateReported, VersionReported
from gateway.model.firmware import Image, Sha256
from gateway.model.identity import DeviceId, UpdateId
from gateway.model.states import TABLE, State
from gateway.model.update import Update
from gateway.ports.devices import Outlet
from gateway.ports.firmware import Served
from gateway.ports.store import Ordered

log = structlog.get_logger()

#: A device that comes has so many seconds to say what it runs, before it is told something.
GRACE = 10.0
#: Seconds between two tellings of the same order.
AGAIN_AFTER = 10.0
#: Seconds between two looks at what time alone changes, and between two looks at all.
EVERY, SPACING = 5.0, 0.05
#: Between two looks, as many times as long as the last one took.
SHARE = 10
_BEGUN = TABLE[State.NOTIFIED].rank
_FLASHED = TABLE[State.INSTALLING].rank
_PROVING = TABLE[State.CONFIRMING].rank

#: Says for an image and a device where the device fetches it.
Link = Callable[[Image, DeviceId], str]


@dataclass(slots=True)
class _Presence:
    """A device that is there."""

    tellable_at: float
    battery: int | None = None
    signal: int | None = None


class Courier:
    """One for the site."""

    def __init__(
        self,
        record: Record,
        orders: Orders,
        images: Images,
        *,
        outlet: Outlet,
        link: Link,
        report: Callable[[StateReported], bool],
        clock: Clock,
    ) -> None:
        self._record = record
        self._orders = orders
        self._images = images
        self._outlet = outlet
        self._link = link
        self._report = report
        self._clock = clock
        self._there: dict[DeviceId, _Presence] = {}
        #: Whom to tell again, and since when.
        self._again: dict[Part, float] = {}
        self._sent_at: dict[Part, float] = {}
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Tell that something may have changed what is owed to a device."""
        self._wake.set()

    def listening(self, device: DeviceId) -> None:
        """Learn that the device listens: it is asked what it runs, and soon told what it misses."""
        now = self._clock.now()
        if device not in self._there:
            self._there[device] = _Presence(now + GRACE)
        self._tell_again(device, before=_FLASHED)
        if any(update.ordered and TABLE[update.state].rank < _FLASHED for update in self._record.of(device)):
            self._outlet.tell(AskVersion(device=device))

    def gone(self, device: DeviceId) -> None:
        """Learn that the device is away."""
        self._there.pop(device, None)

    def runs(self, event: VersionReported) -> None:
        """Learn what the device runs: what it misses it may be told at once."""
        presence = self._there.get(event.device)
        if presence is not None:
            presence.tellable_at = self._clock.now()
            presence.battery, presence.signal = event.battery, event.signal
        self._tell_again(event.device, before=_PROVING)

    def withdraw(self, update: Update) -> None:
        """Tell the device that the update is called off; one that is away is told when it speaks of it."""
        self._again.pop((update.device, update.module), None)
        withdrawal = Withdraw(
            device=update.device, update=update.id, version=update.target, module=update.module
        )
        self._outlet.tell(withdrawal)

    def answer(self, event: StateReported) -> None:
        """Tell a device that speaks of an update which was called off so, while it can still leave it."""
        update = self._record.update(event.device, event.module)
        if update is None or not update.ordered or update.state is not State.CANCELED:
            return
        if TABLE[event.state].rank < _FLASHED:
            self.withdraw(update)

    def served(self, served: Served) -> None:
        """Learn how much of its image a device has fetched; one that tells by itself knows better."""
        device = DeviceId(*served.subject.split("/", 1))
        for update in list(self._record.of(device)):
            speaks = update.state is State.DOWNLOADING and not update.synthetic
            if not update.ordered or speaks or update.state not in (State.NOTIFIED, State.DOWNLOADING):
                continue
            image = self._image(update)
            percent = min(served.percent, 99)
            if image is None or image.sha256 != served.sha256 or percent <= (update.percent or -1):
                continue
            event = StateReported(
                device=device,
                module=update.module,
                version=update.target,
                state=State.DOWNLOADING,
                percent=percent,
                synthetic=True,
            )
            self._report(event)

    def image_of(self, device: DeviceId, name: str) -> Sha256 | None:
        """Return the image of a device's own open update; None while it is not here.

        Raises LookupError when the device has no such update.
        """
        update = self._record.find(UpdateId(name))
        if update is None or update.device != device or not update.ordered or update.state.is_terminal:
            raise LookupError(name)
        image = self._image(update)
        return None if image is None else image.sha256

    async def run(self) -> None:
        """Tell devices what they are owed, for ever."""
        try:
            while True:
                self._wake.clear()
                begun = monotonic()
                self.look()
                took = monotonic() - begun
                with suppress(TimeoutError):
                    async with asyncio.timeout(EVERY):
                        await self._wake.wait()
                # A look at ten thousand updates takes a while: it must not be all that is done.
                await asyncio.sleep(max(SPACING, SHARE * took))
        finally:
            await self._images.close()

    def look(self) -> None:
        """Look once at all that is owed."""
        self._orders.tend()
        owed = [(update, rows[0]) for update in self._ordered() if (rows := self._orders.serving(update))]
        self._images.see_to(row for _, row in owed)
        under_way = Counter(update.device.product_id for update, _ in owed if _takes_a_place(update))
        for update, row in owed:
            wanted = self._images.find(row)
            if TABLE[update.state].rank >= _BEGUN:
                self._remind(update, row)
            elif wanted is not None and wanted.failure is not None:
                phase, reason, detail = wanted.failure
                self._fail(
                    update,
                    StateReported(
                        device=update.device, state=State.FAILED, phase=phase, reason=reason, detail=detail
                    ),
                )
            elif self._may_begin(update, row, under_way) and self._send(update, row):
                under_way[update.device.product_id] += 1
        for part in [part for part in self._again if not self._is_owed(part)]:
            del self._again[part]

    def _ordered(self) -> Iterator[Update]:
        return (update for update in list(self._record.open_updates()) if update.ordered)

    def _may_begin(self, update: Update, row: Ordered, under_way: Counter[str]) -> bool:
        now, rules = self._clock.now(), self._record.rules(update.device)
        presence = self._there.get(update.device)
        return (
            rules is not None
            and presence is not None
            and presence.tellable_at <= now
            and not update.is_held
            and update.not_before <= now
            and rules.policy.may_begin(self._clock.wall())
            and under_way[update.device.product_id] < rules.policy.max_at_once
            and _has(presence.battery, row.command.min_power)
            and _has(presence.signal, row.command.min_signal)
        )

    def _remind(self, update: Update, row: Ordered) -> None:
        """Tell a device again that came back without the target."""
        part = (update.device, update.module)
        since, presence = self._again.get(part), self._there.get(update.device)
        if since is None or presence is None or presence.tellable_at > self._clock.now():
            return
        if update.touched_at > since or self._record.running(*part) == update.target:
            del self._again[part]
        elif self._clock.now() - self._sent_at.get(part, 0.0) >= AGAIN_AFTER and not update.paused:
            self._send(update, row)

    def _is_owed(self, part: Part) -> bool:
        update = self._record.update(*part)
        return update is not None and update.ordered and _BEGUN <= TABLE[update.state].rank < _PROVING

    def _send(self, update: Update, row: Ordered) -> bool:
        wanted, part = self._images.find(row), (update.device, update.module)
        if wanted is None or wanted.image is None:
            return False
        install = Install(
            device=update.device,
            update=update.id,
            module=update.module,
            version=update.target,
            image=wanted.image,
            url=self._link(wanted.image, update.device),
        )
        if not self._outlet.tell(install):
            return False
        self._again.pop(part, None)
        self._sent_at[part] = self._clock.now()
        log.info("device_told", update=update.id, target=update.target)
        self._report(
            StateReported(
                device=update.device,
                module=update.module,
                version=update.target,
                state=State.NOTIFIED,
                synthetic=True,
            )
        )
        return True

    def _fail(self, update: Update, event: StateReported) -> None:
        self._report(replace(event, module=update.module, version=update.target, synthetic=True))

    def _tell_again(self, device: DeviceId, *, before: int) -> None:
        for update in self._record.of(device):
            if update.ordered and _BEGUN <= TABLE[update.state].rank < before:
                self._again.setdefault((device, update.module), self._clock.now())
        self.wake()

    def _image(self, update: Update) -> Image | None:
        rows = self._orders.serving(update)
        wanted = self._images.find(rows[0]) if rows else None
        return wanted.image if wanted is not None else None


def _takes_a_place(update: Update) -> bool:
    return TABLE[update.state].rank >= _BEGUN and not update.stalled


def _has(value: int | None, needed: int | None) -> bool:
    """Whether what the device said suffices; what it did not say is not held against it."""
    return value is None or needed is None or value >= needed
