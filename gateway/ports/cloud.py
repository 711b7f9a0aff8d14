"""The promise to an adapter, and all that its author reads: one adapter per cloud, it translates and decides nothing.

An adapter keeps nothing that must survive a restart, never retries a failed call and never sleeps. Trouble leaves
it as one of three errors: `Unavailable` (retry later), `Rejected` (never), `Denied` (not us). Set `reached` on the
error when the cloud had acknowledged a state before the trouble began.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

from gateway.config import Secret
from gateway.errors import CloudError, Denied, Rejected, Scope, Unavailable
from gateway.hidden import hidden
from gateway.model.commands import Command, Order, TaskAbsent, TaskCanceled, TaskConflict, UpdateOrdered
from gateway.model.events import StateReported
from gateway.model.firmware import Firmware
from gateway.model.identity import DEFAULT_MODULE, Device, Module, Version
from gateway.model.states import Phase, Reason, State
from gateway.ports.firmware import Answer, Downloads

__all__ = [
    "DEFAULT_MODULE",
    "AdapterFactory",
    "Answer",
    "CloudAdapter",
    "CloudError",
    "CloudSession",
    "CloudView",
    "Command",
    "Denied",
    "Device",
    "Downloads",
    "Firmware",
    "Module",
    "Order",
    "Phase",
    "PushAnswer",
    "PushRequest",
    "Pushed",
    "Reason",
    "Rejected",
    "Reply",
    "Scope",
    "Secret",
    "Site",
    "State",
    "StateReported",
    "TaskAbsent",
    "TaskCanceled",
    "TaskConflict",
    "Teller",
    "Unavailable",
    "UpdateOrdered",
    "Version",
    "hidden",
]


class Teller(Protocol):
    """The road up: what a lane needs of its cloud."""

    async def deliver(self, device: Device, event: StateReported, after: State | None) -> Sequence[Command]:
        """Tell the cloud this state, and before it that a user has agreed (`confirmed`), where that is news to it.

        `after` is the last state of the same update that this cloud acknowledged, None if none. Return once the
        cloud has taken it, or at once when the cloud has no word for it; return what its reply taught.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudView:
    """What a cloud believes of one update of a device."""

    module: Module
    #: The version that the cloud's task leads to, where it says so.
    target: Version | None = None
    #: Where the update stands there; None when the cloud does not say, which is no state.
    state: State | None = None
    percent: int | None = None
    #: The cloud's own words on it, for people.
    detail: str = ""
    #: The answer as it came, without secrets.
    raw: str = ""


class CloudAdapter(Teller, Protocol):
    """One cloud, whole: the road up, and the road down. This is what an adapter's author implements."""

    @property
    def names_modules(self) -> bool:
        """Whether a report says of which module it is; else no two modules of a device are told at the same time."""
        ...

    def objection(self, version: Version) -> str | None:
        """Say why the cloud cannot carry this version, None if it can. Pure; an order of such a one is refused."""
        ...

    async def poll(self, device: Device) -> Sequence[Order]:
        """Ask what the cloud wants of the device now; `device.running` is the version that runs, if known.

        The same order comes back for as long as its task is open. Nothing is asked with a guess, because clouds
        write down what they are asked with.
        """
        ...

    async def observe(self, device: Device) -> Sequence[CloudView]:
        """Read what the cloud believes of the device's updates, and change nothing there."""
        ...

    def fetch(self, firmware: Firmware, start: int) -> AsyncIterator[bytes]:
        """Read the image that an order of this cloud named, as `ports.firmware.ImageSource` promises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRequest:
    """What somebody sent to the address for a cloud's pushes; the gateway bounds it, and believes nothing of it."""

    method: str
    query: Mapping[str, str] = field(default_factory=dict)
    #: Names in lower case.
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushAnswer:
    """What the sender wants to read, in plain text, and the devices that are worth asking about."""

    status: int = 200
    body: str = ""
    #: As `name_in_pushes` has them, the unknown ones too; empty when the push is refused, or is no news.
    names: frozenset[str] = frozenset()


@runtime_checkable
class Pushed(Protocol):
    """What an adapter has as well, if its cloud can tell the gateway that there is news.

    A push is a hint to poll, and no more. It may be forged or sent again, so that whoever follows it bounds how often.
    """

    def hear_push(self, request: PushRequest) -> PushAnswer:
        """Prove and read a push, or answer the cloud's test of the address; raises Denied without its secret."""
        ...

    def name_in_pushes(self, device: Device) -> str | None:
        """Return what pushes call the device, None if they cannot mean it. Pure."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, read whole and bounded."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    #: When the cloud sent it, in Unix seconds by its own clock; None when it does not say.
    sent_at: float | None = None


class CloudSession(Protocol):
    """The HTTP client that the gateway lends: it rates, bounds, times and counts every request."""

    async def request(
        self,
        action: str,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> Reply:
        """Send one request; `action` names it in metrics (a small fixed set of words).

        Raises Unavailable when no answer came, the answer was HTTP 408, 429 or 5xx, or its body exceeded 1 MiB.
        """
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class NoDownloads:
    """What a gateway lends that only reports."""

    def download(self, *_: Any, **__: Any) -> AsyncIterator[bytes]:
        """Say that there is none."""
        raise Unavailable("this gateway reads no images", code="no_downloads")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the gateway gives an adapter at its making."""

    session: CloudSession
    #: Unix seconds of the wall clock; injected, so that tests own the time.
    now: Callable[[], float]
    #: Set a credential's expiry (Unix seconds) where it is known; it becomes a metric.
    credential_expires: Callable[[str, float], None]
    data_dir: Path
    #: Say what the cloud called its last answer (`RequestId …`, `errno 0`), for people; no secret, no newline.
    heard: Callable[[str], None] = lambda _: None
    #: Reads images, from where images may come from.
    downloads: Downloads = field(default_factory=NoDownloads)


class AdapterFactory(Protocol):
    """What an entry point of the group `ota_gateway.adapters` names: a settings model and a maker.

    `Settings` proves what is written in the configuration, and a gateway does not start against it. What secrets
    hold may be replaced at any time, so only `check` asks for it: a factory may have a static
    `problems(settings: Settings) -> Sequence[str]`, one sentence for each secret that cannot be good, which begins
    with its key and does not show it. It may raise the Denied of `Secret.reveal`, and asks nobody.

    Where devices are to be polled for, `check` asks for them, too: a factory may have a static
    `device_problems(settings: Settings, external: Mapping[str, str]) -> Sequence[str]`, one sentence for each key of
    a device, as the configuration has them for this cloud, without which `poll` would never find anything.
    """

    #: A pydantic model of the `[clouds.NAME]` table, without `adapter` and `requests_per_second`.
    Settings: type[Any]

    def __call__(self, settings: Any, site: Site) -> CloudAdapter:
        """Make the adapter; it opens nothing yet."""
        ...
