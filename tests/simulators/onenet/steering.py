"""What ``/_sim/settings``, ``token``, ``tasks``, ``devices`` and ``push`` mean for OneNET.

``settings``: the attributes of ``SETTINGS``, as ``{"edition": "old", "auto_add": "2.0", "licences": 10,
"download_mistake": "BAD_TOKEN", "fuse_mistake": "NO_FILE"}``; null ends a mistake.

``token``: ``{"resource": "products/1", "key": "base64"}`` sets a key, ``{"resource": …, "revoke": true}``
takes it away; ``{"expire": "ota_…" | "*"}`` ends one task token or all.

``tasks``: ``{"create": {"devices": ["527776559"] | "*", "version": "2.0", "type": 2, "signal": 10, "power": 50,
"retry": 3, "interval": 60, "delta": true, "lacks_delta": true, "image_size": bytes, "md5": "as published"}}``,
then ``{"cancel": {"devices": …, "type": 2}}`` and likewise ``pause`` and ``resume``.

``devices``: ``{"devices": ["527776559"], "version": "1.0", "type": 2, "manuf": "100", "model": "10001",
"names": ["dev01"]}`` or, in bulk, ``{"prefix": "52", "count": 1000, "name_prefix": "dev", …}``: 52000001 …
52001000. Existing devices keep what is not named.

``push``: ``{"variant": "A" | "B", "token": …, "uid": 42, "pid": 1, "rewrites": true}`` changes what is pushed,
``{"url": "http://…"}`` where to, once its GET is answered with PASSED (``"unverified": true``: at once),
``{"send": {"dids": [527776559], "version": "2.0", "kind": 1, "forged": false}}`` sends one now.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from tests.simulators.control import one_of, switch
from tests.simulators.firmware import Firmware
from tests.simulators.naming import numbered
from tests.simulators.onenet.authorization import key_is_base64
from tests.simulators.onenet.download import Mistake, OtaErrno
from tests.simulators.onenet.push import Pusher
from tests.simulators.onenet.task import Device, Task

if TYPE_CHECKING:
    from tests.simulators.onenet.cloud import OneNetCloud

Body = dict[str, Any]
SETTINGS: Mapping[str, Callable[[Any], Any]] = {
    "skew": float,
    "edition": one_of("current", "old"),
    "token_lifetime": float,
    "renews_tokens": switch,
    "auto_add": str,
    "licences": lambda value: None if value is None else int(value),
    "wants_version_first": switch,
    "demands_both_versions": switch,
    "download_mistake": lambda name: None if name is None else Mistake[name],
    "fuse_mistake": lambda name: None if name is None else OtaErrno[name],
    "calls_per_connection": int,
}
WANTS = ("signal", "power", "retry", "interval", "lacks_delta")
PUSH = ("variant", "token", "uid", "pid", "rewrites")


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
    names = list(body.get("names", []))
    if "name_prefix" in body:
        names += numbered(body["name_prefix"], body["count"])
    cloud.names.update(zip(names, dev_ids, strict=True) if names else {})
    for dev_id in dev_ids:
        device = cloud.devices.setdefault(dev_id, Device({}))
        device.manuf = body.get("manuf", device.manuf)
        device.model = body.get("model", device.model)
        if "version" in body:
            device.versions[body.get("type", 2)] = body["version"]
    return {"changed": len(dev_ids), "devices": len(cloud.devices)}


async def steer_push(pushes: Pusher, body: Body) -> Body:
    """Change what is pushed and where to, or push now."""
    one_of("A", "B")(body.get("variant", pushes.variant))
    for name in PUSH:
        setattr(pushes, name, body.get(name, getattr(pushes, name)))
    if order := body.get("send"):
        return asdict(await pushes.push(order.pop("url", pushes.url), **order))
    if "url" not in body:
        return {"url": pushes.url}
    is_verified = bool(body.get("unverified")) or not body["url"] or await pushes.verify(body["url"])
    pushes.url = body["url"] if is_verified else pushes.url
    return {"url": pushes.url, "verified": is_verified}


def _create(cloud: "OneNetCloud", order: Body) -> int:
    size, dev_ids = order.get("image_size"), _addressed(cloud, order)
    firmware = Firmware.grown(size, order["version"]) if size else None
    for dev_id in dev_ids:
        task = cloud.create_task(dev_id, order["version"], kind=order.get("type", 2))
        image = firmware or task.firmware
        task.firmware = replace(image, md5=order.get("md5", image.md5))
        task.is_delta = bool(order.get("delta", task.is_delta))
        for name in WANTS:
            setattr(task, name, order.get(name, getattr(task, name)))
    return len(dev_ids)


def _tasks(cloud: "OneNetCloud", order: Body) -> list[Task]:
    keys = [(dev_id, order.get("type", 2)) for dev_id in _addressed(cloud, order)]
    return [cloud.tasks[key] for key in keys if key in cloud.tasks]


def _addressed(cloud: "OneNetCloud", order: Body) -> list[str]:
    return list(cloud.devices) if order["devices"] == "*" else list(order["devices"])
