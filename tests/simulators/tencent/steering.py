"""What ``/_sim/settings``, ``token``, ``tasks`` and ``devices`` mean for the Tencent cloud.

``settings``: the attributes of ``SETTINGS``, as ``{"skew": 86400, "url_lifetime": 60, "status_lag": 2}``.

``token``: ``{"token": "t", "expires_in": 3600, "only": true}`` admits a token (``only``: and no other);
``{"expire": "t" | "*"}`` ends one or all; ``{"app_key": "k", "app_secret": "s"}`` and
``{"passwords": {"site@example.com": "p", "86-13800000000": "p"}}`` change what logins need.

``tasks``: ``{"create": {"devices": ["P/d"] | "*", "version": "2.0", "confirm": false, "timeout": seconds,
"url": "http://…", "image_size": bytes, "fw_type": "mcu", "md5": "as published"}}``, then ``cancel``,
``time_out`` and ``show`` with ``{"devices": …}``; ``show`` needs ``"status": 99`` too, or null to end it.
``{"revoke_urls": true}`` ends all URLs signed so far. Images of one version differ from those of another.

``devices``: ``{"devices": ["P/d"], "version": "1.0", "online": true, "permitted": true,
"modules": {"wifi": "1.1"}}`` or, in bulk, ``{"product_id": "P", "prefix": "dev", "count": 1000, …}``:
dev000001 … dev001000; ``{"admit_any": true}``. Devices that exist keep what is not named.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.simulators.control import one_of, switch
from tests.simulators.firmware import Firmware
from tests.simulators.naming import numbered
from tests.simulators.tencent.task import Device, Status

if TYPE_CHECKING:
    from tests.simulators.tencent.cloud import TencentCloud

Body = dict[str, Any]
TRAITS = ("version", "online", "permitted", "modules")
SETTINGS: Mapping[str, Callable[[Any], Any]] = {
    "skew": float,
    "token_lifetime": float,
    "login_tolerance": float,
    "one_login": switch,
    "task_timeout": lambda value: None if value is None else float(value),
    "status_lag": int,
    "hides_unconfirmed": switch,
    "forbids_firmware_details": switch,
    "admits_any_device": switch,
    "envelope": one_of("documented", "client"),
    "hides_codes": switch,
    "omits_status": switch,
    "url_lifetime": float,
}


def steer_token(cloud: "TencentCloud", body: Body) -> Body:
    """Admit or expire tokens; change what logins need."""
    cloud.account.app_key = body.get("app_key", cloud.account.app_key)
    cloud.account.app_secret = body.get("app_secret", cloud.account.app_secret)
    cloud.account.passwords.update(body.get("passwords", {}))
    if body.get("only"):
        cloud.tokens.clear()
    if token := body.get("token"):
        cloud.tokens[str(token)] = cloud.now() + float(body.get("expires_in", math.inf))
    if expired := body.get("expire"):
        for each in list(cloud.tokens) if expired == "*" else [expired]:
            cloud.tokens[each] = 0.0
    return {"tokens": len(cloud.tokens)}


def steer_tasks(cloud: "TencentCloud", body: Body) -> Body:
    """Create, cancel, time out or disguise tasks; revoke their URLs."""
    if order := body.get("create"):
        return {"created": _create(cloud, order)}
    if order := body.get("cancel"):
        return {"cancelled": sum(_cancel(cloud, address) for address in _addressed(cloud, order))}
    if order := body.get("time_out"):
        return {"timed_out": sum(_time_out(cloud, address) for address in _addressed(cloud, order))}
    if order := body.get("show"):
        return {"shown": sum(_show(cloud, address, order["status"]) for address in _addressed(cloud, order))}
    if body.get("revoke_urls"):
        cloud.revoke_urls()
        return {"revoked": cloud.urls_revoked}
    raise ValueError("name one of create, cancel, time_out, show, revoke_urls")


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
    addresses, version = _addressed(cloud, order), order["version"]
    for address in addresses:
        task = cloud.create_task(address, version, confirm=bool(order.get("confirm")))
        task.timeout = order.get("timeout", task.timeout)
        task.url = order.get("url", task.url)
    for product in {address.partition("/")[0] for address in addresses}:
        _publish(cloud, product, order)
    return len(addresses)


def _publish(cloud: "TencentCloud", product: str, order: Body) -> None:
    place = f"{product}/{order['version']}"
    image = cloud.firmware[place]
    if size := order.get("image_size"):
        image = Firmware.grown(size, place)
    cloud.firmware[place] = replace(
        image, kind=order.get("fw_type", image.kind), md5=order.get("md5", image.md5)
    )


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


def _show(cloud: "TencentCloud", address: str, status: int | None) -> bool:
    task = cloud.tasks.get(address)
    if task is not None:
        task.shown = status
    return task is not None
