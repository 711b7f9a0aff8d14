"""The API's report of the whole gateway."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NotRequired, cast

from typing_extensions import TypedDict

from gateway.model.states import State
from gateway.ops.api.operation import looks_up
from gateway.ops.api.parameters import Asked
from gateway.ops.api.shapes import TroubleView, documented


@documented
class LaneStatus(TypedDict):
    """One cloud and what waits for it."""

    circuit: str
    """`closed` while it is heard; `open` or `half_open` while it is not, `denied` until a person has acted."""
    reason: str
    next_try_seconds: float | None
    messages: int
    """How many reports wait for it."""
    bytes: int
    oldest_seconds: float | None
    dead_letters: int
    parked_devices: int


class ImageTrouble(TroubleView):
    """An image that cannot be had."""

    lane: str
    version: str


@documented
class ImagesStatus(TypedDict):
    """The cache of images."""

    images: int
    bytes: int
    quota: int
    fetching: int
    trouble: list[ImageTrouble]
    """The first of those that cannot be had."""


@documented
class LeftOver(TypedDict):
    """What waits for a cloud that is configured no more."""

    messages: int
    bytes: int
    dead_letters: int


@documented
class ConfigurationStatus(TypedDict):
    """What became of the configuration file when it was read the last time."""

    ok: bool
    """Whether it is in force, but for what needs a restart."""
    read_at: str
    in_force_since: str
    problems: list[str]
    needs_restart: list[str]


@documented
class StatusView(TypedDict):
    """How things stand with the gateway."""

    name: str
    version: str
    uptime_seconds: float
    devices_connected: int
    store_ok: bool
    store_error: str | None
    clock_synchronized: bool
    updates: dict[State, int]
    """How many are open, by state."""
    updates_stalled: int
    lanes: dict[str, LaneStatus]
    lanes_left_over: NotRequired[dict[str, LeftOver]]
    """Only where there are any."""
    configuration: NotRequired[ConfigurationStatus]
    firmware: NotRequired[ImagesStatus]
    """Only where the gateway fetches images."""


#: Says how things stand.
Status = Callable[[], Awaitable[Mapping[str, Any]]]


@looks_up("/api/v1/status")
async def show_status(status: Status, _: Asked) -> StatusView:
    """Show how the gateway, its store, its lanes and its images are."""
    return cast(StatusView, await status())
