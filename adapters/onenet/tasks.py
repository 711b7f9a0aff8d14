"""The task that a report or an image belongs to: found at send time, for its token lives 48 hours and an outage longer.

Law: a token is minted only from facts; see `interface`.
"""

from collections import OrderedDict
from typing import Any, TypeVar

from adapters.onenet.channel import AUTH_FAILED, Answer, Channel
from adapters.onenet.interface import Interface
from adapters.onenet.offers import PAUSE, Address, Task, read_task
from adapters.onenet.south import VERSION_FIELDS
from gateway.ports.cloud import (
    CloudError,
    Denied,
    Device,
    Firmware,
    Rejected,
    Scope,
    Site,
    State,
    StateReported,
    Unavailable,
    Version,
)

CACHED = 4096
TOLD = 65_536  # devices whose version the cloud was told
MAX_AGE = 40 * 3600.0  # seconds
PAUSED = 19

_NO_TOKEN = frozenset({4, 12, 15, 18, 23})
_NO_TASK = frozenset({10, 11, 13, 20, 22})
#: Configuration that the cloud cannot reconcile; 8 and 9 have failed the task already.
_UNFIT = frozenset({8, 9, 32, 5116})


def is_absence(errno: int) -> bool:
    """Whether an errno says that there is no task, or none that can be asked for."""
    return errno in _NO_TOKEN | _NO_TASK


Kept = TypeVar("Kept")


class Tasks:
    """Finds tasks; remembers some, in memory only."""

    def __init__(self, interface: Interface, channel: Channel, site: Site) -> None:
        self._interface = interface
        self._channel = channel
        self._site = site
        self._cache: OrderedDict[Address, Task] = OrderedDict()
        self._told: OrderedDict[Address, Version] = OrderedDict()

    async def find(
        self, address: Address, device: Device, event: StateReported, after: State | None
    ) -> Task | None:
        """Return the task that orders the event's version, None if the cloud has none such (any more)."""
        known = self.known(address)
        if after is not None and known is not None and known.target == event.version:
            return known
        return await self.fetch(address, device, event, after)

    async def fetch(
        self, address: Address, device: Device, event: StateReported, after: State | None
    ) -> Task | None:
        """Ask the cloud. `tasking` has no side effects but needs a valid token; `check` makes one."""
        self.forget(address)
        answer = await self._interface.tasking(address)
        if answer.errno in _NO_TOKEN:
            minted = await self._mint(address, device, event, after)
            if minted is None:
                return None
            answer = minted
        task = await self._task_in(answer, address)
        return task if task is not None and task.target == event.version else None

    async def ask(self, address: Address, device: Device) -> Task | None:
        """Return the task that is open, whatever it orders: with all that is true of the device, or with nothing."""
        if device.running is not None:
            await self._tell_version(address, device.running)
        if self._interface.may_check(device):
            answer = await self._interface.check(address, device)
        else:
            answer = await self._interface.tasking(address)
        return None if answer.errno == PAUSED else await self._task_in(answer, address)

    async def for_image(self, address: Address, firmware: Firmware) -> Task | None:
        """Return a task whose token opens the image, if there is one without asking for more than a token."""
        known = self.known(address)
        if known is not None and _fits(known, firmware):
            return known
        task = await self._task_in(await self._interface.tasking(address), address)
        return task if task is not None and _fits(task, firmware) else None

    def known(self, address: Address) -> Task | None:
        """Return what is remembered and still good."""
        task = self._cache.get(address)
        if task is None or not 0 <= self._site.now() - task.fetched_at < MAX_AGE:
            return None
        self._cache.move_to_end(address)
        return task

    def forget(self, address: Address) -> None:
        """Drop what is remembered."""
        self._cache.pop(address, None)

    async def trouble(self, answer: Answer, address: Address) -> CloudError:
        """Make the error for an errno that is no answer about a task."""
        if answer.errno == AUTH_FAILED:
            return await self._refusal(answer, address.device)
        if answer.errno == PAUSED:
            text = self._channel.describe(answer)
            return Unavailable(text, code="paused", retry_after=PAUSE, scope=Scope.DEVICE)
        if answer.errno in _UNFIT:
            return self._channel.denied(Scope.DEVICE, answer)
        return self._channel.rejection(answer)

    async def _task_in(self, answer: Answer, address: Address) -> Task | None:
        if is_absence(answer.errno):
            return None
        if answer.errno != 0:
            raise await self.trouble(answer, address)
        task = read_task(answer.data, self._site.now())
        if task is None:
            raise Unavailable("an offer without target or token", code="misshapen")
        return _remember(self._cache, address, task, CACHED)

    async def _tell_version(self, address: Address, version: Version) -> None:
        if self._told.get(address) == version:
            return
        answer = await self._interface.report_version(address, version)
        if answer.errno == 0:
            _remember(self._told, address, version, TOLD)
        elif not is_absence(answer.errno):
            raise await self.trouble(answer, address)

    async def _mint(
        self, address: Address, device: Device, event: StateReported, after: State | None
    ) -> Answer | None:
        if event.state is State.SUCCEEDED and await self._stored_version(address) == event.version:
            # A 201 sets the stored version: the task is over, and `check` would set it back.
            return None
        if self._interface.may_check(device):
            return await self._interface.check(address, device)
        if after is None or not event.state.is_terminal:
            return None
        needs = self._interface.needs
        raise Rejected("task_token_over", f"the task's token is over, and a new one takes {needs}")

    async def _stored_version(self, address: Address) -> Any:
        answer = await self._interface.versions(address.device)
        return answer.data.get(VERSION_FIELDS.get(address.type, ""))

    async def _refusal(self, answer: Answer, name: str) -> Denied:
        """Say whom errno 1 refuses: it stands for a bad signature as well as for an unknown device.

        Asking again for a device that was let in before tells the two apart; without one, it is the lane.
        """
        scope, witness = Scope.LANE, self._channel.witness
        if witness not in ("", name):
            known = await self._interface.versions(witness)
            scope = Scope.LANE if known.errno == AUTH_FAILED else Scope.DEVICE
        return self._channel.denied(scope, answer)


def _fits(task: Task, firmware: Firmware) -> bool:
    if firmware.md5 is not None and task.md5 is not None:
        return firmware.md5 == task.md5
    return task.target == firmware.version


def _remember(cache: OrderedDict[Address, Kept], address: Address, value: Kept, most: int) -> Kept:
    cache[address] = value
    cache.move_to_end(address)
    if len(cache) > most:
        cache.popitem(last=False)
    return value
