"""The API's figures over time: the last day by the minute, and how a version came to its devices."""

from typing import Annotated, cast

from pydantic import Field
from typing_extensions import TypedDict

from gateway.core.desk import UnknownError
from gateway.ops.api.operation import looks_up
from gateway.ops.api.outlook import Outlook
from gateway.ops.api.parameters import Asked, Name, decimal
from gateway.ops.api.shapes import documented
from gateway.ops.live.minutes import KEPT
from gateway.ops.live.progress import progress

Count = Annotated[int, Field(ge=0)]
#: Unix seconds.
Moments = list[int]


class MinutesAsked(Asked):
    """How far back."""

    last: Annotated[int, Field(ge=1, le=KEPT, description="How many minutes."), decimal] = KEPT


@documented
class MinutesView(TypedDict):
    """The last minutes, the oldest first, column by column; those before the gateway's start are not known."""

    every_seconds: float
    at: Moments
    """When each minute ended; Unix seconds."""
    reports: list[Count]
    """Publishes of devices that were understood."""
    delay_seconds: dict[str, list[float | None]]
    """By lane: how late its cloud heard, in the mean, or how long the oldest report has waited, where that is more."""


class CampaignAsked(Asked):
    """Which version for which module of which product."""

    product: Annotated[Name, Field(description="The devices' product.")]
    module: Annotated[Name, Field(description="What is updated: `default`, `mcu`, …; its slashes as %2F.")]
    target: Annotated[Name, Field(description="The version; its slashes as %2F.")]


@documented
class CampaignView(TypedDict):
    """How many updates stood how, at each of 120 moments from the first one's beginning until now."""

    at: Moments
    """Unix seconds."""
    open: list[Count]
    succeeded: list[Count]
    ended_otherwise: list[Count]


@looks_up("/api/v1/minutes")
async def show_minutes(outlook: Outlook, asked: MinutesAsked) -> MinutesView:
    """Show how many reports came, and how late clouds heard of them.

    It is kept in memory for a day, and begins anew when the gateway starts.
    """
    return cast(MinutesView, outlook.minutes.last(asked.last))


@looks_up("/api/v1/campaigns/{product}/{module}/{target}")
async def show_campaign(outlook: Outlook, asked: CampaignAsked) -> CampaignView:
    """Show how a version came to its devices.

    The newest update of each device counts: one that went on to another version is part of that one's campaign.
    """
    clock, wanted = outlook.clock, (asked.product, asked.module, asked.target)
    found = [
        update
        for update in outlook.record.all()
        if (update.device.product_id, update.module, update.target) == wanted
    ]
    if not found:
        raise UnknownError(f"no update of {asked.product} {asked.module} to {asked.target} is known")
    return cast(CampaignView, progress(found, now=clock.now(), ahead=clock.wall() - clock.now()))


OPERATIONS = (show_minutes, show_campaign)
