"""The task that a report belongs to, and its token: fetched at send time, for it lives 48 hours and an outage longer.

Law: a token is minted only from facts. `check` overwrites the version that the cloud has stored, and a wrong
manuf or model fails the customer's task for good.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

from adapters.onenet.south import AUTH_FAILED, Answer, South
from gateway.ports.cloud import (
    CloudError,
    Denied,
    Device,
    Rejected,
    Scope,
    Site,
    State,
    StateReported,
    Unavailable,
)

CACHED = 4096
MAX_AGE = 40 * 3600.0  # seconds
PAUSE = 60.0  # seconds
PAUSED = 19

_NO_TOKEN = frozenset({4, 12, 15, 18, 23})
_NO_TASK = frozenset({10, 11, 13, 20, 22})
#: Configuration that the cloud cannot reconcile; 8 and 9 have failed the task already.
_UNFIT = frozenset({8, 9, 32, 5116})
_VERSION_FIELDS = {"1": "f_version", "2": "s_version"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The cloud's order, with the token that speaks for it."""

    token: str
    target: str
    fetched_at: float
    #: How long the cloud would have the device wait before it asks again.
    interval: float = PAUSE


class Address(NamedTuple):
    """What the cloud keeps one task for: a device, and 1 (FOTA, module) or 2 (SOTA, MCU)."""

    dev_id: str
    type: str


class Tasks:
    """Finds tasks; remembers some, in memory only."""

    def __init__(self, south: South, site: Site) -> None:
        self._south = south
        self._site = site
        self._cache: OrderedDict[Address, Task] = OrderedDict()

    async def find(
        self, address: Address, device: Device, event: StateReported, after: State | None
    ) -> Task | None:
        """Return the task that orders the event's version, None if the cloud has none such (any more)."""
        known = self._cache.get(address)
        if after is not None and known is not None and self._is_good(known, event):
            self._cache.move_to_end(address)
            return known
        return await self.fetch(address, device, event, after)

    async def fetch(
        self, address: Address, device: Device, event: StateReported, after: State | None
    ) -> Task | None:
        """Ask the cloud. `tasking` has no side effects but needs a valid token; `check` makes one."""
        self.forget(address)
        answer = await self._south.ask("tasking", "/ota/south/tasking", address.dev_id, type=address.type)
        if answer.errno in _NO_TOKEN:
            minted = await self._mint(address, device, event, after)
            if minted is None:
                return None
            answer = minted
        if answer.errno in _NO_TOKEN | _NO_TASK:
            return None
        if answer.errno != 0:
            raise await self._error(answer, address)
        task = _task(answer.data, self._site.now())
        if task is None:
            raise Unavailable("an offer without target or token", code="misshapen")
        return self._remember(address, task) if task.target == event.version else None

    def forget(self, address: Address) -> None:
        """Drop what is remembered."""
        self._cache.pop(address, None)

    def _is_good(self, task: Task, event: StateReported) -> bool:
        return task.target == event.version and 0 <= self._site.now() - task.fetched_at < MAX_AGE

    def _remember(self, address: Address, task: Task) -> Task:
        self._cache[address] = task
        if len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        return task

    async def _mint(
        self, address: Address, device: Device, event: StateReported, after: State | None
    ) -> Answer | None:
        if event.state is State.SUCCEEDED and await self._stored_version(address) == event.version:
            # A 201 sets the stored version: the task is over, and `check` would set it back.
            return None
        manuf, model = device.external.get("manuf"), device.external.get("model")
        if manuf is None or model is None or device.running is None:
            if after is None or not event.state.is_terminal:
                return None
            raise Rejected(
                "task_token_over",
                "the task's token is over, and a new one takes manuf, model (in the device's table of this cloud) "
                "and a version that the device has reported",
            )
        return await self._south.ask(
            "check",
            "/ota/south/check",
            address.dev_id,
            type=address.type,
            manuf=manuf,
            model=model,
            version=device.running,
            cdn="false",
        )

    async def _stored_version(self, address: Address) -> Any:
        answer = await self._south.ask("version", "/ota/device/version", address.dev_id)
        return answer.data.get(_VERSION_FIELDS.get(address.type, ""))

    async def _error(self, answer: Answer, address: Address) -> CloudError:
        if answer.errno == AUTH_FAILED:
            return await self._south.refusal(answer, address.dev_id)
        if answer.errno == PAUSED:
            text = self._south.describe(answer)
            return Unavailable(text, code="paused", retry_after=PAUSE, scope=Scope.DEVICE)
        if answer.errno in _UNFIT:
            return Denied(Scope.DEVICE, str(answer.errno), self._south.describe(answer))
        return self._south.rejection(answer)


def _task(data: dict[str, Any], now: float) -> Task | None:
    match data:
        case {"target": str(target), "token": str(token), **rest}:
            interval = rest.get("interval")
            seconds = float(interval) if isinstance(interval, int) and interval > 0 else PAUSE
            return Task(token=token, target=target, fetched_at=now, interval=seconds)
        case _:
            return None
