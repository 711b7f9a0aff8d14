"""The promise to an adapter, and all that its author reads: one adapter per cloud, it translates and decides nothing.

An adapter keeps nothing that must survive a restart, never retries a failed call and never sleeps. Trouble leaves
it as one of three errors: `Unavailable` (retry later), `Rejected` (never), `Denied` (not us). Set `reached` on the
error when the cloud had acknowledged a state before the trouble began.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from gateway.config import Secret
from gateway.errors import CloudError, Denied, Rejected, Scope, Unavailable
from gateway.model.commands import Command, TaskAbsent, TaskCanceled, TaskConflict
from gateway.model.events import StateReported
from gateway.model.identity import Device
from gateway.model.states import Phase, Reason, State

__all__ = [
    "AdapterFactory",
    "CloudAdapter",
    "CloudError",
    "CloudSession",
    "Command",
    "Denied",
    "Device",
    "Phase",
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
    "Unavailable",
]


class CloudAdapter(Protocol):
    """One cloud."""

    async def deliver(self, device: Device, event: StateReported, after: State | None) -> Sequence[Command]:
        """Tell the cloud this state.

        `after` is the last state of the same update that this cloud acknowledged, None if none. Return once the
        cloud has taken it, or at once when the cloud has no word for it; return what its reply taught.
        """
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, read whole and bounded."""

    status: int
    body: bytes
    headers: Mapping[str, str]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the gateway gives an adapter at its making."""

    session: CloudSession
    #: Unix seconds of the wall clock; injected, so that tests own the time.
    now: Callable[[], float]
    #: Set a credential's expiry (Unix seconds) where it is known; it becomes a metric.
    credential_expires: Callable[[str, float], None]
    data_dir: Path


class AdapterFactory(Protocol):
    """What an entry point of the group `ota_gateway.adapters` names: a settings model and a maker."""

    #: A pydantic model of the `[clouds.NAME]` table, without `adapter` and `requests_per_second`.
    Settings: type[Any]

    def __call__(self, settings: Any, site: Site) -> CloudAdapter:
        """Make the adapter; it opens nothing yet."""
        ...
