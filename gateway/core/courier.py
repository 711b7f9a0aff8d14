"""Brings orders to their devices. What is owed to a device follows from its open update, so there is no queue of it.

A device is told when it is there, has said what it runs, and its product's policy lets it begin. It is told again
whenever it comes back with another version than the target: nothing is retained, and what it runs is never sent.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from time import monotonic

import structlog

from gateway.core.clock import Clock, signalled
from gateway.core.images import Images
from gateway.core.orders import Orders
from gateway.core.presence import Presence
from gateway.core.record import Part, Record
from gateway.model.commands import AskVersion, Install, Withdraw
from gateway.model.events import StateReported, VersionReported
from gateway.model.firmware import Image, Sha256
from gateway.model.identity import DeviceId, UpdateId
from gateway.model.states import TABLE, Phase, Reason, State
from gateway.model.update import Update
from gateway.ports.devices import Outlet
from gateway.ports.firmware import Served
from gateway.ports.store import Ordered

log = structlog.get_logger()

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
        self._there: dict[DeviceId, Presence] = {}
        #: Whom to tell again, and since when.
        self._again: dict[Part, float] = {}
        self._sent_at: dict[UpdateId, float] = {}
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Tell that something may have changed what is owed to a device."""
        self._wake.set()

    def listening(self, device: DeviceId) -> None:
        """Learn that the device listens: it is asked what it runs, and soon told what it misses."""
        if device not in self._there:
            self._there[device] = Presence(self._clock.now())
        presence = self._there[device]
        self._tell_again(device, before=_FLASHED)
        if any(update.ordered and TABLE[update.state].rank < _FLASHED for update in self._record.of(device)):
            presence.is_asked = self._outlet.tell(AskVersion(device=device))

    def gone(self, device: DeviceId) -> None:
        """Learn that the device is away."""
        self._there.pop(device, None)

    def runs(self, event: VersionReported) -> None:
        """Learn what the device runs: what it misses it may be told at once."""
        presence = self._there.get(event.device)
        is_news = presence is None or presence.hear(event)
        # Who says it again without having been away has not started over: what it installs, it installs.
        self._tell_again(event.device, before=_PROVING if is_news else _FLASHED)

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
            known = -1 if update.percent is None else update.percent
            if image is None or image.sha256 != served.sha256 or percent <= known:
                continue
            self._report(replace(_said(update, State.DOWNLOADING), percent=percent))

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
                await signalled(self._wake, EVERY)
                # A look at ten thousand updates takes a while: it must not be all that is done.
                await asyncio.sleep(max(SPACING, SHARE * took))
        finally:
            await self._images.close()

    def look(self) -> None:
        """Look once at all that is owed."""
        self._orders.tend()
        owed = [
            (update, self._images.best(rows))
            for update in self._ordered()
            if (rows := self._orders.serving(update))
        ]
        # What failed for want of its image waits, and so does the image: both begin anew together.
        self._images.see_to(
            (row for update, row in owed if self._images.is_here(row) or not self._pauses(update)),
            spare=self._spare(owed),
        )
        under_way = Counter(update.device.product_id for update, _ in owed if _takes_a_place(update))
        for update, row in owed:
            self._ask(update)
            failure = self._failure(row)
            if TABLE[update.state].rank >= _BEGUN:
                self._remind(update, row)
            elif failure is not None:
                if not self._pauses(update):
                    self._fail(update, *failure)
            elif self._may_begin(update, row, under_way) and self._send(update, row):
                under_way[update.device.product_id] += 1
        for part in [part for part in self._again if not self._is_owed(part)]:
            del self._again[part]
        names = {update.id for update, _ in owed}
        self._sent_at = {name: at for name, at in self._sent_at.items() if name in names}

    def _ask(self, update: Update) -> None:
        """Ask a device what it runs that was there, and silent, before its order came."""
        presence = self._there.get(update.device)
        if presence is not None and not presence.is_asked and update.module not in presence.told:
            presence.is_asked = self._outlet.tell(AskVersion(device=update.device))

    def _spare(self, owed: Sequence[tuple[Update, Ordered]]) -> Iterator[Ordered]:
        """Yield the orders of updates whose image is not here yet: another cloud's may have to do."""
        for update, row in owed:
            if not self._images.is_here(row) and not self._pauses(update):
                yield from self._orders.serving(update)

    def _ordered(self) -> Iterator[Update]:
        return (update for update in list(self._record.open_updates()) if update.ordered)

    def _pauses(self, update: Update) -> bool:
        return update.not_before > self._clock.now()

    def _failure(self, row: Ordered) -> tuple[Phase, Reason, str] | None:
        wanted = self._images.find(row)
        return None if wanted is None else wanted.failure

    def _is_recent(self, at: float) -> bool:
        return self._clock.now() - at < AGAIN_AFTER

    def _may_begin(self, update: Update, row: Ordered, under_way: Counter[str]) -> bool:
        rules = self._record.rules(update.device)
        return (
            rules is not None
            and under_way[update.device.product_id] < rules.policy.max_at_once
            and not self._pauses(update)
            and self._may_tell(update, row)
        )

    def _may_tell(self, update: Update, row: Ordered) -> bool:
        """Whether the device is there and fit, and nobody and nothing holds the update back."""
        rules, presence = self._record.rules(update.device), self._there.get(update.device)
        return (
            rules is not None
            and presence is not None
            and self._has_told(update, presence)
            and not update.is_held
            and rules.policy.may_begin(self._clock.wall())
            and not self._is_recent(self._sent_at.get(update.id, -AGAIN_AFTER))
            and presence.suffices(row.command)
        )

    def _has_told(self, update: Update, presence: Presence) -> bool:
        is_begun = TABLE[update.state].rank >= _BEGUN
        if is_begun and self._record.has_asked_anew(update, since=self._sent_at.get(update.id, 0.0)):
            return True  # it may have been cut off since, or we: it need not say it once more
        return presence.may_be_told(
            update.module,
            tells=self._record.running(update.device, update.module) is not None,
            is_begun=is_begun,
            now=self._clock.now(),
        )

    def _remind(self, update: Update, row: Ordered) -> None:
        """Tell a device again that came back without the target."""
        part = (update.device, update.module)
        since, presence = self._again.get(part), self._there.get(update.device)
        if since is None or presence is None or not self._has_told(update, presence):
            return
        if update.touched_at > since or self._record.running(*part) == update.target:
            del self._again[part]
        elif self._may_tell(update, row):
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
        self._sent_at[update.id] = self._clock.now()
        log.info("device_told", update=update.id, target=update.target)
        self._report(_said(update, State.NOTIFIED))
        return True

    def _fail(self, update: Update, phase: Phase, reason: Reason, detail: str) -> None:
        self._report(replace(_said(update, State.FAILED), phase=phase, reason=reason, detail=detail))

    def _tell_again(self, device: DeviceId, *, before: int) -> None:
        for update in self._record.of(device):
            if update.ordered and _BEGUN <= TABLE[update.state].rank < before:
                # The last time counts: what it has said before that it may have forgotten since.
                self._again[device, update.module] = self._clock.now()
        self.wake()

    def _image(self, update: Update) -> Image | None:
        rows = self._orders.serving(update)
        wanted = self._images.find(self._images.best(rows)) if rows else None
        return wanted.image if wanted is not None else None


def _said(update: Update, state: State) -> StateReported:
    """Make what the gateway says of an update on its device's behalf."""
    return StateReported(
        device=update.device, module=update.module, version=update.target, state=state, synthetic=True
    )


def _takes_a_place(update: Update) -> bool:
    return TABLE[update.state].rank >= _BEGUN and not update.stalled
