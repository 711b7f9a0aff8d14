"""A simulated cloud, an adapter for it, and the time: for what only one adapter does."""

from dataclasses import dataclass, field
from typing import Any

from adapters.onenet import OneNet, OneNetSettings
from adapters.tencent import Tencent, TencentSettings
from gateway.model.commands import Command
from gateway.model.events import StateReported
from gateway.model.identity import Device, Version
from gateway.model.states import State
from gateway.ports.cloud import Site
from tests.simulators.firmware import Firmware
from tests.simulators.onenet import KEY, RESOURCE, OneNetCloud
from tests.simulators.tencent import PATH, TOKEN, TencentCloud
from tests.unit.adapters.events import DEVICE

ADDRESS = str(DEVICE)
DEVICE_THERE = Device(id=DEVICE, running=Version("1.0"))
IMAGE = Firmware.of(b"image " * 1000)
DEV_ID = "527776559"
KNOWN = Device(
    id=DEVICE, running=Version("1.0"), external={"dev_id": DEV_ID, "manuf": "100", "model": "10001"}
)


@dataclass
class TencentStage:
    """An account with one device and an adapter for it."""

    cloud: TencentCloud
    url: str
    site: Site
    at: list[float]

    def adapter(self, **settings: Any) -> Tencent:
        """Make an adapter."""
        table = {"url": self.url + PATH, "access_token": TOKEN} | settings
        return Tencent(TencentSettings.model_validate(table), self.site)

    def actions(self) -> list[str]:
        """Return what was asked of the cloud, and forget it."""
        actions = [call.action for call in self.cloud.record.calls]
        self.cloud.record.calls.clear()
        return actions


@dataclass
class OneNetStage:
    """A OneNET product with one task, an adapter for it, and the time."""

    site: Site
    cloud: OneNetCloud
    url: str
    at: list[float]
    adapter: OneNet = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self, **settings: Any) -> None:
        """Make a fresh adapter."""
        table = {"url": self.url, "resource": RESOURCE, "access_key": KEY} | settings
        self.adapter = OneNet(OneNetSettings.model_validate(table), self.site)

    async def tell(
        self, told: StateReported, after: State | None = None, device: Device = KNOWN
    ) -> list[Command]:
        """Deliver."""
        return list(await self.adapter.deliver(device, told, after))

    def actions(self) -> list[str]:
        """Return what was asked of the cloud, and forget it."""
        actions = [call.action for call in self.cloud.record.calls]
        self.cloud.record.calls.clear()
        return actions

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.at[0] += seconds
