"""The desk: what a person may do to an update or for a device, each within the rules of the states.

Its law: whatever it returns from is on disk, and stands in the update's timeline as the operator's word. To ask for
what is so already is no error: a person, or a script, may ask again after an answer got lost.
"""

import asyncio
from collections.abc import Callable

import structlog

from gateway.core.clock import Clock
from gateway.core.ledger import Ledger
from gateway.core.orders import Orders
from gateway.core.record import Record
from gateway.errors import GatewayError, StoreError
from gateway.model.identity import DeviceId, UpdateId, parts_of
from gateway.model.orders import agree, hold
from gateway.model.states import TABLE, Reason, State
from gateway.model.update import Outcome, Update
from gateway.ports.store import Entry

log = structlog.get_logger()

OPERATOR = "operator"
_NOTIFIED = TABLE[State.NOTIFIED].rank
_INSTALLING = TABLE[State.INSTALLING].rank


class UnknownError(GatewayError):
    """There is no such update, device or row: look for the right name."""


class NotPossibleError(GatewayError):
    """As things stand it cannot be done; the sentence names the state and the way out."""


class Desk:
    """One for the site."""

    def __init__(
        self,
        record: Record,
        orders: Orders,
        *,
        ledger: Ledger,
        clock: Clock,
        is_present: Callable[[DeviceId], bool],
        ask: Callable[[DeviceId], None] | None,
    ) -> None:
        """`ask` lets the clouds be asked what they want of a device; None where this gateway asks none."""
        self._record = record
        self._orders = orders
        self._ledger = ledger
        self._clock = clock
        self._is_present = is_present
        self._ask = ask

    async def confirm(self, name: UpdateId, *, accept: bool) -> Update:
        """Agree to an update that waits for a person, or refuse it."""
        update = self._find(name)
        if update.state is not State.WAITING_CONFIRMATION:
            raise NotPossibleError(
                f"{name} is {update.state}; only one that is {State.WAITING_CONFIRMATION} waits for a person's word"
            )
        if update.confirmed and not accept:
            raise NotPossibleError(f"{name} was confirmed before; cancel it instead")
        said = "confirmed" if accept else "refused"
        return await self._act(update, agree(update, accept=accept, now=self._clock.now()), said)

    async def cancel(self, name: UpdateId) -> Update:
        """Call an update off; a device that has heard of it is told."""
        update = self._find(name)
        if update.state is not State.CANCELED:
            self._check_cancelable(update)
            self._note(update, "canceled")
            self._orders.cancel(update, Reason.CANCELED_BY_OPERATOR)
        await written(self._ledger)
        return self._now(update)

    async def retry(self, name: UpdateId) -> Update:
        """Begin anew what ended without success, and return the new update."""
        update = self._find(name)
        if not update.state.is_terminal:
            way = "resume it" if update.paused else "cancel it first, or wait for its end"
            raise NotPossibleError(f"{name} is {update.state}, so it is not over; {way}")
        if update.state is State.SUCCEEDED:
            raise NotPossibleError(f"{name} is {update.state}; order another version in a cloud")
        if not self._orders.again(update):
            raise NotPossibleError(
                f"{name} is {update.state}, and no cloud's order stands behind it that could be carried out again; "
                "order it in a cloud"
            )
        begun = self._now(update)
        self._note(update, f"began it anew as {begun.id}")
        self._note(begun, f"began it anew after {update.id}")
        await written(self._ledger)
        return self._now(begun)

    async def pause(self, name: UpdateId) -> Update:
        """Hold back an update of which its device has not been told."""
        update = self._find(name)
        if TABLE[update.state].rank >= _NOTIFIED:
            way = "it is over" if update.state.is_terminal else "its device has been told; cancel it instead"
            raise NotPossibleError(f"{name} is {update.state}: {way}")
        if not update.ordered:
            raise NotPossibleError(f"{name} is not the gateway's to hold back: its device does it by itself")
        return await self._act(update, hold(update, paused=True), "paused")

    async def resume(self, name: UpdateId) -> Update:
        """Let an update go on that was held back."""
        update = self._find(name)
        if update.state.is_terminal:
            raise NotPossibleError(f"{name} is {update.state}: it is over, and retry begins it anew")
        return await self._act(update, hold(update, paused=False), "resumed")

    async def ask(self, device: DeviceId) -> None:
        """Ask the clouds soon what they want of a device."""
        rules = self._record.rules(device)
        if rules is None:
            raise UnknownError(f"there is no device {device}: its product is not in the configuration")
        if not rules.asks or self._ask is None:
            raise NotPossibleError(
                f'no cloud is asked about product {device.product_id}; set its tasks = "poll", and [firmware]'
            )
        if not self._is_present(device):
            raise NotPossibleError(f"{device} is away; its clouds are asked as soon as it comes")
        self._ledger.changes.journal.append(
            Entry(device=device, update=None, source=OPERATOR, text="asked the clouds what they want")
        )
        self._ask(device)
        await written(self._ledger)

    def _find(self, name: UpdateId) -> Update:
        """Return the update, which must be the newest of its module."""
        update = self._record.find(name)
        if update is not None:
            return update
        device, module, number = parts_of(name)
        newest = self._record.update(device, module)
        if newest is not None and number.isdecimal() and 0 < int(number) < newest.number:
            raise NotPossibleError(f"{name} is over: {newest.id} has taken its place")
        raise UnknownError(f"there is no update {name}; list them with: ota-gateway updates list")

    def _check_cancelable(self, update: Update) -> None:
        if update.state.is_terminal:
            raise NotPossibleError(
                f"{update.id} is {update.state}: it is over, and nothing is left to call off"
            )
        if update.stalled:
            return  # whatever it is: somebody has to end it
        if not update.ordered:
            raise NotPossibleError(
                f"{update.id} is {update.state}: no order of the gateway's, its device does it by itself; "
                "it can be called off once it counts as stalled"
            )
        if TABLE[update.state].rank >= _INSTALLING:
            raise NotPossibleError(
                f"{update.id} is {update.state}, and a device that has begun to install cannot be stopped; "
                "wait for its end, or until it counts as stalled"
            )

    async def _act(self, update: Update, outcome: Outcome, said: str) -> Update:
        if outcome.update != update:
            self._note(update, said)
            self._record.act(outcome)
        await written(self._ledger)
        return self._now(update)

    def _note(self, update: Update, said: str) -> None:
        log.info("operator_acted", update=update.id, did=said)
        self._record.note(update, OPERATOR, said)

    def _now(self, update: Update) -> Update:
        return self._record.update(update.device, update.module) or update


async def written(ledger: Ledger) -> None:
    """Wait for the commit of what was done; raises StoreError when all of it was taken back."""
    settled: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    # A caller who went away is told nothing.
    ledger.settle_later(lambda is_written: None if settled.done() else settled.set_result(is_written))
    if not await settled:
        trouble = ledger.trouble or "the store did not do its work"
        raise StoreError(f"nothing was changed: {trouble}; try again once it works")
