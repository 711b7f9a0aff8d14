"""An adapter with the simulator of its cloud: what the conformance suite needs to know of each pair.

A third cloud joins the suite with one subclass of `Bench`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from adapters import journal, onenet, tencent
from gateway.errors import CloudError
from gateway.model.commands import Command
from gateway.model.identity import Device, Version
from gateway.model.states import State
from gateway.ports.cloud import AdapterFactory, CloudAdapter, Site
from tests.simulators import Faults
from tests.simulators.onenet import KEY, RESOURCE, OneNetCloud
from tests.simulators.record import Record, Verdict
from tests.simulators.serving import Serveable
from tests.simulators.tencent import PATH, TOKEN, TencentCloud
from tests.unit.adapters.events import DEVICE, TARGET, event


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


class TencentBench(Bench):
    """Tencent, in the documented envelope."""

    factory = tencent.factory
    secrets = (TOKEN,)

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.cloud: TencentCloud = TencentCloud(devices=[str(DEVICE)])

    def settings(self, url: str) -> dict[str, Any]:
        """Name the account's token."""
        return {"url": url + PATH, "access_token": TOKEN}

    def end(self) -> str:
        """Read the device's history."""
        history = self.cloud.histories.get((str(DEVICE), TARGET))
        return {"done": "succeeded", "fail": "failed"}.get(history.state if history else "", "")

    def deny_lane(self) -> None:
        """Expire the token."""
        self.cloud.tokens.clear()

    def deny_device(self) -> None:
        """Take the device away from the user."""
        self.cloud.devices[str(DEVICE)].permitted = False

    def error_code(self) -> str:
        """Refuse a parameter."""
        return "InvalidParameterValue"

    def reply_with(self, text: str) -> bytes:
        """Refuse a parameter, with a text."""
        return json.dumps({"Response": {"Error": {"Code": "InvalidParameter", "Message": text}}}).encode()


class TencentClientBench(TencentBench):
    """Tencent, in the envelope of the vendor's own clients, with codes hidden in messages."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.cloud.envelope = "client"
        self.cloud.hides_codes = True


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


class JournalBench(Bench):
    """The file."""

    factory = journal.factory

    def settings(self, url: str) -> dict[str, Any]:
        """Name the file."""
        return {"path": "journal.jsonl"}

    def heard(self) -> list[str]:
        """Read the lines."""
        path = self.data_dir / "journal.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line)["state"] for line in lines]

    def end(self) -> str:
        """Read the last line."""
        heard = self.heard()
        return heard[-1] if heard and State(heard[-1]).is_terminal else ""


BENCHES: tuple[Callable[[Path], Bench], ...] = (TencentBench, TencentClientBench, OneNetBench, JournalBench)
SERVED = BENCHES[:-1]


class Teller:
    """Delivers as the gateway does: remembers what the cloud has acknowledged, the way to a state included."""

    def __init__(self, bench: Bench, adapter: CloudAdapter) -> None:
        self.bench = bench
        self.adapter = adapter
        self.after: State | None = None

    async def tell(self, state: State, **rest: Any) -> list[Command]:
        """Deliver once."""
        try:
            commands = await self.adapter.deliver(self.bench.device, event(state, **rest), self.after)
        except CloudError as error:
            self.after = State(error.reached) if error.reached else self.after
            raise
        self.after = state
        return list(commands)
