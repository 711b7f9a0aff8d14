"""The API's devices: who is there, what runs on them, what is under way."""

from typing import Annotated

from pydantic import Field

from gateway.core.desk import UnknownError
from gateway.model.identity import DeviceId
from gateway.model.update import Update
from gateway.ops.api.answering import paged
from gateway.ops.api.operation import acts, looks_up
from gateway.ops.api.outlook import Outlook
from gateway.ops.api.parameters import Flag, Name, OfDevice, Paged
from gateway.ops.api.shapes import BriefUpdate, DevicePage, DeviceShown, DeviceView
from gateway.ops.api.views import order_view
from gateway.ports.history import UpdateQuery

_ONE = "/api/v1/devices/{product}/{device}"
#: Updates that are shown of a device; all of them are in the list of updates.
LAST_UPDATES = 20


class DevicesAsked(Paged):
    """Which devices are wanted."""

    product: Annotated[Name, Field(description="Only those of this product.")] | None = None
    present: Annotated[Flag, Field(description="Only those that are connected now, or are not.")] | None = (
        None
    )


@looks_up("/api/v1/devices")
async def list_devices(outlook: Outlook, asked: DevicesAsked) -> DevicePage:
    """List the devices that the configuration names, that are there, or of which anything is known, by name."""
    wanted = {
        str(device): device
        for device in outlook.devices()
        if asked.product in (None, device.product_id) and asked.present in (None, outlook.is_present(device))
    }
    page, following = paged(asked, wanted)
    return {"devices": [_view(outlook, device) for device in page], "next": following}


@looks_up(_ONE)
async def show_device(outlook: Outlook, asked: OfDevice) -> DeviceShown:
    """Show a device with what the clouds want of it, and its last updates."""
    device = asked.device_id
    if not outlook.knows(device):
        raise UnknownError(f"there is no device {device}; list them with: ota-gateway devices")
    query = UpdateQuery(product=device.product_id, device=device.name, limit=LAST_UPDATES)
    return {
        **_view(outlook, device),
        "orders": [order_view(row) for row in outlook.orders.all() if row.command.device == device],
        "updates": await outlook.shown(await outlook.updates(query)),
    }


@acts(f"{_ONE}/ask")
async def ask_about_device(outlook: Outlook, asked: OfDevice) -> DeviceView:
    """Ask the clouds soon what they want of a device that is there."""
    await outlook.desk.ask(asked.device_id)
    return _view(outlook, asked.device_id)


def _view(outlook: Outlook, device: DeviceId) -> DeviceView:
    record = outlook.record
    return {
        "id": str(device),
        "product": device.product_id,
        "device": device.name,
        "present": outlook.is_present(device),
        "versions": {module: record.running(device, module) for module in sorted(record.modules(device))},
        "open": [_brief(update) for update in record.of(device) if not update.state.is_terminal],
    }


def _brief(update: Update) -> BriefUpdate:
    return {
        "id": update.id,
        "state": update.state,
        "percent": update.percent,
        "target": update.target,
        "stalled": update.stalled,
    }


OPERATIONS = (list_devices, show_device, ask_about_device)
