"""What the conformance suite needs to know of an adapter and the simulator of its cloud."""

from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from gateway.errors import CloudError, Rejected
from gateway.model.identity import Device, Version
from gateway.ports.cloud import AdapterFactory, CloudAdapter, Site
from tests.simulators import Faults
from tests.simulators.firmware import Firmware
from tests.simulators.record import Record, Verdict
from tests.simulators.serving import Serveable
from tests.unit.adapters.events import DEVICE

IMAGE = Firmware.of(bytes(range(256)) * 256)


class Cloud(Serveable, Protocol):
    """What every simulator has."""

    faults: Faults
    record: Record


class Bench:
    """An adapter and its cloud."""

    factory: AdapterFactory
    device = Device(id=DEVICE, running=Version("1.0"))
    #: What no error may show.
    secrets: tuple[str, ...] = ()
    #: What stands in a request that reports, and in no other.
    report: str = ""
    #: What the refusal of `reply_with` is, whatever was asked.
    refusal: type[CloudError] = Rejected
    #: None where the "cloud" is no server.
    cloud: Cloud | None = None

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    def settings(self, url: str) -> dict[str, Any]:
        """Return the `[clouds.NAME]` table for a cloud at this URL."""
        raise NotImplementedError

    def make(self, url: str, site: Site) -> CloudAdapter:
        """Make the adapter as the registry does."""
        model: type[BaseModel] = self.factory.Settings
        return self.factory(model.model_validate(self.settings(url)), site)

    def heard(self) -> list[str]:
        """Return the reports that the cloud took, in order, in its own words."""
        cloud = self._cloud()
        return [call.said for call in cloud.record.calls if call.said and call.verdict is Verdict.LEGAL]

    def end(self) -> str:
        """Return how the update ended at the cloud: succeeded, failed or nothing."""
        raise NotImplementedError

    def order(self, *, confirm: bool = False) -> None:
        """Let the cloud order the update, `confirm` only once a user agrees; strictly by its rules from here on."""
        raise NotImplementedError

    def withdraw(self) -> None:
        """Let the cloud have no order."""
        raise NotImplementedError

    def expire_image(self) -> None:
        """Let the image be out of reach at the address that is known."""
        raise NotImplementedError

    def confirmed(self) -> bool:
        """Say whether the cloud took the user's consent."""
        return False

    def deny_lane(self) -> None:
        """Let the cloud distrust the gateway."""
        raise NotImplementedError

    def deny_device(self) -> None:
        """Let the cloud distrust the gateway for this device."""
        raise NotImplementedError

    def error_code(self) -> str:
        """Return a code by which the cloud refuses one message for good."""
        raise NotImplementedError

    def reply_with(self, text: str) -> bytes:
        """Return a refusal in the cloud's form that carries this text."""
        raise NotImplementedError

    def _cloud(self) -> Cloud:
        assert self.cloud is not None
        return self.cloud
