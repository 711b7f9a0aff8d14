"""The benches of OneNET."""

import json
from pathlib import Path
from typing import Any

from adapters import onenet
from gateway.model.identity import Device, Version
from tests.contract.benches.bench import IMAGE, Bench
from tests.simulators.onenet import KEY, RESOURCE, OneNetCloud
from tests.unit.adapters.events import DEVICE, TARGET


class OneNetBench(Bench):
    """OneNET, south interface."""

    factory = onenet.factory
    device = Device(
        id=DEVICE,
        running=Version("1.0"),
        external={"dev_id": "527776559", "manuf": "100", "model": "10001"},
    )
    secrets = (KEY, "sign=")

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.cloud: OneNetCloud = OneNetCloud(devices=["527776559"])
        self.task = self.cloud.create_task("527776559", TARGET)

    def settings(self, url: str) -> dict[str, Any]:
        """Name the product's key."""
        return {"url": url, "resource": RESOURCE, "access_key": KEY}

    def end(self) -> str:
        """Read the task."""
        return {"done": "succeeded", "failed": "failed"}.get(self.task.state, "")

    def order(self, *, confirm: bool = False) -> None:
        """Mind the order of calls; the task is there already."""
        self.task.firmware = IMAGE
        self.cloud.wants_version_first = True

    def withdraw(self) -> None:
        """Cancel it."""
        self.task.cancel()

    def expire_image(self) -> None:
        """End the task's token."""
        for ticket in self.cloud.tokens.values():
            ticket.expires = 0

    def deny_lane(self) -> None:
        """Revoke the product's key."""
        self.cloud.keys.clear()

    def deny_device(self) -> None:
        """Let the device be of another model."""
        self.cloud.devices["527776559"].model = "10101"

    def error_code(self) -> str:
        """Refuse a parameter."""
        return "2"

    def reply_with(self, text: str) -> bytes:
        """Refuse a parameter, with a text."""
        return json.dumps({"errno": 2, "error": text}).encode()


class FuseBench(OneNetBench):
    """OneNET, fuse interface, which wants both versions."""

    device = Device(id=DEVICE, running=Version("1.0"), external={"device_name": "dev-01"})

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.cloud.names["dev-01"] = "527776559"
        self.cloud.devices["527776559"].versions[1] = "7.7"
        self.cloud.demands_both_versions = True

    def settings(self, url: str) -> dict[str, Any]:
        """Name the interface as well."""
        return {**super().settings(url), "api": "fuse"}

    def expire_image(self) -> None:
        """End the task."""
        self.task.fail()

    def deny_device(self) -> None:
        """Have no package for what the device runs."""
        self.task.lacks_delta = True

    def reply_with(self, text: str) -> bytes:
        """Refuse a parameter, with a text."""
        return json.dumps({"code": 2, "msg": text, "request_id": "r"}).encode()
