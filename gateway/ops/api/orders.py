"""What the clouds want, what they believe that is not so, and the images for it, as the API shows them."""

from typing import Annotated

from pydantic import Field

from gateway.ops.api.answering import paged
from gateway.ops.api.operation import looks_up
from gateway.ops.api.outlook import Outlook
from gateway.ops.api.parameters import Asked, Name, Paged
from gateway.ops.api.shapes import DriftList, FirmwareView, OrderPage, OrderState
from gateway.ops.api.views import drift_view, held_view, image_view, order_state, order_view
from gateway.ports.store import Ordered


class OrdersAsked(Paged):
    """Which orders are wanted."""

    state: Annotated[OrderState, Field(description="Only those that stand so.")] | None = None
    lane: Annotated[Name, Field(description="Only those of this cloud, such as `cloud/tencent`.")] | None = (
        None
    )
    product: Annotated[Name, Field(description="Only those of this product.")] | None = None
    device: Annotated[Name, Field(description="Only those of devices of this name.")] | None = None

    def wants(self, row: Ordered) -> bool:
        """Whether an order is one of them."""
        device = row.command.device
        return (
            self.lane in (None, row.lane)
            and self.product in (None, device.product_id)
            and self.device in (None, device.name)
            and self.state in (None, order_state(row))
        )


@looks_up("/api/v1/orders")
async def list_orders(outlook: Outlook, asked: OrdersAsked) -> OrderPage:
    """List what the clouds want, by device, module and lane.

    An order in `conflict` waits for another cloud's, which wants something else.
    """
    wanted = {
        f"{row.command.device}/{row.command.module} {row.lane}": row
        for row in outlook.orders.all()
        if asked.wants(row)
    }
    page, following = paged(asked, wanted)
    return {"orders": [order_view(row) for row in page], "next": following}


@looks_up("/api/v1/drift")
async def list_drift(outlook: Outlook, _: Asked) -> DriftList:
    """List what clouds believe that is not so, and that no report can mend."""
    return {"drift": [drift_view(drift) for drift in outlook.drift()]}


@looks_up("/api/v1/firmware")
async def show_firmware(outlook: Outlook, _: Asked) -> FirmwareView:
    """Show the images in the cache, and those that are fetched or cannot be had."""
    shelf, images = outlook.shelf, outlook.images
    missing = images.missing if images is not None else []
    return {
        "quota": shelf.figures.quota if shelf is not None else 0,
        "taken": shelf.figures.taken if shelf is not None else 0,
        "images": [held_view(held) for held in shelf.held()] if shelf is not None else [],
        "fetches": [image_view(wanted.row, wanted, outlook.progress(wanted.row)) for wanted in missing],
    }


OPERATIONS = (list_orders, list_drift, show_firmware)
