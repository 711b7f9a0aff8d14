"""What ``/_sim/token``, ``/_sim/tasks`` and ``/_sim/devices`` mean for OneNET.

``token``: ``{"resource": "products/1", "key": "base64"}`` sets a key, ``{"resource": …, "revoke": true}``
takes it away; ``{"expire": "ota_…" | "*"}`` ends one task token or all.

``tasks``: ``{"create": {"devices": ["527776559"] | "*", "version": "2.0", "type": 2, "image_size": bytes}}``,
then ``{"cancel": {"devices": …, "type": 2}}`` and likewise ``pause`` and ``resume``.

``devices``: ``{"devices": ["527776559"], "version": "1.0", "type": 2, "manuf": "100", "model": "10001"}`` or,
in bulk, ``{"prefix": "52", "count": 1000, …}``: 52000001 … 52001000. Existing devices keep what is not named.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tests.simulators.firmware import Firmware
from tests.simulators.naming import numbered
from tests.simulators.onenet.authorization import key_is_base64
from tests.simulators.onenet.task import Device, Task

if TYPE_CHECKING:
    from tests.simulators.onenet.cloud import OneNetCloud

Body = dict[str, Any]
SETTINGS: Mapping[str, Callable[[Any], Any]] = {"skew": float}


def steer_token(cloud: "OneNetCloud", body: Body) -> Body:
    """Set or revoke keys, expire task tokens."""
    if body.get("revoke"):
        cloud.keys.pop(body["resource"], None)
    elif "resource" in body:
        if not key_is_base64(body["key"]):
            raise ValueError("key is not base64")
        cloud.keys[body["resource"]] = body["key"]
    if expired := body.get("expire"):
        for each in list(cloud.tokens) if expired == "*" else [expired]:
            cloud.tokens[each].expires = 0
    return {"keys": len(cloud.keys), "tokens": len(cloud.tokens)}


def steer_tasks(cloud: "OneNetCloud", body: Body) -> Body:
    """Create, cancel, pause or resume tasks."""
    if order := body.get("create"):
        return {"created": _create(cloud, order)}
    for verb, act in (("cancel", Task.cancel), ("pause", Task.pause), ("resume", Task.resume)):
        if order := body.get(verb):
            tasks = _tasks(cloud, order)
            for task in tasks:
                act(task)
            return {verb: len(tasks)}
    raise ValueError("name one of create, cancel, pause, resume")


def steer_devices(cloud: "OneNetCloud", body: Body) -> Body:
    """Add or change devices."""
    dev_ids = list(body.get("devices", []))
    if "count" in body:
        dev_ids += numbered(body.get("prefix", "52"), body["count"])
    for dev_id in dev_ids:
        device = cloud.devices.setdefault(dev_id, Device({}))
        device.manuf = body.get("manuf", device.manuf)
        device.model = body.get("model", device.model)
        if "version" in body:
            device.versions[body.get("type", 2)] = body["version"]
    return {"changed": len(dev_ids), "devices": len(cloud.devices)}


def _create(cloud: "OneNetCloud", order: Body) -> int:
    size = order.get("image_size")
    firmware = Firmware.grown(size, order["version"]) if size else None
    dev_ids = _addressed(cloud, order)
    for dev_id in dev_ids:
        task = cloud.create_task(dev_id, order["version"], kind=order.get("type", 2))
        task.firmware = firmware or task.firmware
    return len(dev_ids)


def _tasks(cloud: "OneNetCloud", order: Body) -> list[Task]:
    keys = [(dev_id, order.get("type", 2)) for dev_id in _addressed(cloud, order)]
    return [cloud.tasks[key] for key in keys if key in cloud.tasks]


def _addressed(cloud: "OneNetCloud", order: Body) -> list[str]:
    return list(cloud.devices) if order["devices"] == "*" else list(order["devices"])
