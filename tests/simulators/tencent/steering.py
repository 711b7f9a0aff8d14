"""What ``/_sim/token``, ``/_sim/tasks`` and ``/_sim/devices`` mean for the Tencent cloud.

``token``: ``{"token": "t", "expires_in": 3600, "only": true}`` admits a token (``only``: and no other);
``{"expire": "t" | "*"}`` ends one or all.

``tasks``: ``{"create": {"devices": ["P/d"] | "*", "version": "2.0", "confirm": false}}``,
``{"cancel": {"devices": …}}``, ``{"time_out": {"devices": …}}``. A running image: ``"image_size": bytes``.

``devices``: ``{"devices": ["P/d"], "version": "1.0", "online": true, "permitted": true}`` or, in bulk,
``{"product_id": "P", "prefix": "dev", "count": 1000, …}``: dev000001 … dev001000; ``{"admit_any": true}``.
Devices that exist keep what is not named.
"""

import math
from typing import TYPE_CHECKING, Any

from tests.simulators.firmware import Firmware
from tests.simulators.naming import numbered, pattern
from tests.simulators.tencent.task import Device, Status

if TYPE_CHECKING:
    from tests.simulators.tencent.cloud import TencentCloud

Body = dict[str, Any]
TRAITS = ("version", "online", "permitted")


def steer_token(cloud: "TencentCloud", body: Body) -> Body:
    """Admit or expire tokens."""
    if body.get("only"):
        cloud.tokens.clear()
    if token := body.get("token"):
        cloud.tokens[str(token)] = cloud.now() + float(body.get("expires_in", math.inf))
    if expired := body.get("expire"):
        for each in list(cloud.tokens) if expired == "*" else [expired]:
            cloud.tokens[each] = 0.0
    return {"tokens": len(cloud.tokens)}


def steer_tasks(cloud: "TencentCloud", body: Body) -> Body:
    """Create, cancel or time out tasks."""
    if order := body.get("create"):
        return {"created": _create(cloud, order)}
    if order := body.get("cancel"):
        return {"cancelled": sum(_cancel(cloud, address) for address in _addressed(cloud, order))}
    if order := body.get("time_out"):
        return {"timed_out": sum(_time_out(cloud, address) for address in _addressed(cloud, order))}
    raise ValueError("name one of create, cancel, time_out")


def steer_devices(cloud: "TencentCloud", body: Body) -> Body:
    """Add or change devices."""
    cloud.admits_any_device = bool(body.get("admit_any", cloud.admits_any_device))
    addresses = list(body.get("devices", []))
    if "count" in body:
        product = body["product_id"]
        addresses += [f"{product}/{name}" for name in numbered(body.get("prefix", "dev"), body["count"])]
    for address in addresses:
        device = cloud.devices.setdefault(address, Device())
        for trait in TRAITS:
            setattr(device, trait, body.get(trait, getattr(device, trait)))
    return {"changed": len(addresses), "devices": len(cloud.devices)}


def _create(cloud: "TencentCloud", order: Body) -> int:
    addresses = _addressed(cloud, order)
    for address in addresses:
        cloud.create_task(address, order["version"], confirm=bool(order.get("confirm")))
    if size := order.get("image_size"):
        image = Firmware.of(pattern(size), kind=order.get("fw_type", "mcu"))
        for product in {address.partition("/")[0] for address in addresses}:
            cloud.firmware[f"{product}/{order['version']}"] = image
    return len(addresses)


def _addressed(cloud: "TencentCloud", order: Body) -> list[str]:
    return list(cloud.devices) if order["devices"] == "*" else list(order["devices"])


def _cancel(cloud: "TencentCloud", address: str) -> bool:
    task = cloud.tasks.get(address)
    if task is None or not task.is_open:
        return False
    task.cancel()
    return True


def _time_out(cloud: "TencentCloud", address: str) -> bool:
    task = cloud.tasks.get(address)
    if task is None or not task.is_open:
        return False
    task.status = Status.TIMED_OUT
    return True
