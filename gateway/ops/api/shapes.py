"""The shapes of what the API answers: the JSON that programs read, and its schema in the API's own description.

Law: a key, once released, keeps its name and its meaning; new ones may come beside it.
"""

from typing import Annotated, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from gateway.model.states import Owner, Phase, Reason, State

#: Has what stands below a key in its description.
documented = with_config(ConfigDict(use_attribute_docstrings=True))

Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Percent = Annotated[int, Field(ge=0, le=100)]
#: How an order stands.
OrderState = Literal["open", "closed", "conflict"]


@documented
class NextStep(TypedDict):
    """Who must move an update on."""

    who: Owner
    why: str
    """What for, or what it waits for, in a sentence; may be empty."""
    word: str
    """The same as a stable word for programs; may be empty."""
    values: dict[str, str]
    """What stands in the sentence beside the word."""


@documented
class UpdateView(TypedDict):
    """One attempt to bring one module of one device to one version."""

    id: str
    """PRODUCT/DEVICE/MODULE/NUMBER."""
    product: str
    device: str
    module: str
    state: State
    percent: Percent | None
    target: str
    """The version it leads to."""
    source: str | None
    """The version it began from, as far as that is known."""
    attempt: int
    next: NextStep
    opened_at: Instant
    entered_at: Instant
    """When it came into its state."""
    touched_at: Instant
    """When anything was heard of it last."""
    ordered: bool
    """Whether a cloud ordered it here; otherwise its device does it by itself."""
    confirmed: bool
    paused: bool
    stalled: bool
    """Whether nothing has moved for longer than its state may last."""
    unverified: bool
    """Whether its success was believed without the proof that the new version runs."""
    synthetic: bool
    """Whether the gateway, not the device, said so last."""
    reason: NotRequired[Reason]
    """Why it does not, or did not, go well; only where there is something to say, with the next three."""
    phase: NotRequired[Phase]
    code: NotRequired[str]
    """The device's own code."""
    detail: NotRequired[str]
    """The device's own words."""
    retries: NotRequired[int]
    """How often it was begun anew; only where it was or may be."""
    retries_left: NotRequired[int]


@documented
class OrderView(TypedDict):
    """What a cloud wants of one module of one device."""

    lane: str
    product: str
    device: str
    module: str
    version: str
    handle: str
    """The cloud's own name for it."""
    update: str | None
    """The update that serves it."""
    state: OrderState
    note: str


@documented
class TroubleView(TypedDict):
    """Why an image cannot be had."""

    reason: str
    detail: str
    final: bool
    """Whether it is given up, and not tried again."""


@documented
class ImageView(TypedDict):
    """How far the image of an order is."""

    lane: str
    version: str
    module: str
    size: int | None
    here: bool
    sha256: str | None
    received: int | None
    """Bytes that have come."""
    percent: Percent | None
    trouble: TroubleView | None


@documented
class PhraseView(TypedDict):
    """One thing that a line tells; `gateway/ops/words` says it in each language."""

    section: str
    """Of the table of words; empty where `word` is to be read as it stands."""
    word: str
    values: dict[str, str]


@documented
class LineView(TypedDict):
    """A line of a timeline."""

    at: Instant
    source: str
    """`said`, `understood`, `operator`, or the lane that answered."""
    text: str
    phrases: list[PhraseView]
    """The same to be said in any language, joined by `list` of the section `label`."""


@documented
class UpdateShown(UpdateView):
    """An update with all that is known of it."""

    orders: list[OrderView]
    image: ImageView | None
    timeline: list[LineView]
    """The last 500 lines at most, the oldest first."""


@documented
class UpdatePage(TypedDict):
    """Updates, those that were opened last first."""

    updates: list[UpdateView]
    next: str | None
    """The cursor of the next page; null at the end."""


@documented
class BriefUpdate(TypedDict):
    """An update that is under way."""

    id: str
    state: State
    percent: Percent | None
    target: str
    stalled: bool


@documented
class DeviceView(TypedDict):
    """A device."""

    id: str
    """PRODUCT/NAME."""
    product: str
    device: str
    present: bool
    """Whether it is connected now."""
    versions: dict[str, str | None]
    """What runs, by module."""
    open: list[BriefUpdate]


@documented
class DeviceShown(DeviceView):
    """A device with what is wanted of it, and its last updates."""

    orders: list[OrderView]
    updates: list[UpdateView]
    """The last 20; all of them are in the list of updates."""


@documented
class DevicePage(TypedDict):
    """Devices by name."""

    devices: list[DeviceView]
    next: str | None
    """The cursor of the next page; null at the end."""


@documented
class OrderPage(TypedDict):
    """Orders by device, module and lane."""

    orders: list[OrderView]
    next: str | None
    """The cursor of the next page; null at the end."""


@documented
class DriftView(TypedDict):
    """What a cloud believes that is not so."""

    lane: str
    update: str
    kind: str
    believed: State
    true: State
    detail: str


class DriftList(TypedDict):
    """All drift there is."""

    drift: list[DriftView]


@documented
class HeldView(TypedDict):
    """An image in the cache."""

    sha256: str
    md5: str
    size: int
    version: str
    """The version, and below the module, of the order that named it first."""
    module: str
    used_at: Instant


@documented
class FirmwareView(TypedDict):
    """The images that are here, and those that are fetched or cannot be had."""

    quota: int
    """Bytes that the cache may hold."""
    taken: int
    images: list[HeldView]
    fetches: list[ImageView]


@documented
class ReloadView(TypedDict):
    """What came of reading the configuration again."""

    applied: list[str]
    """What is in force now and was not before, by its key."""
    needs_restart: list[str]
    """What is not in force before a restart: a sentence for each."""
    disconnected: int
    """How many devices have to log in again."""
