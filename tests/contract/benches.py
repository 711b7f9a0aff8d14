"""An adapter with the simulator of its cloud: what the conformance suite needs to know of each pair.

A third cloud joins the suite with one subclass of `Bench`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from adapters import journal, onenet, tencent
from gateway.errors import CloudError, Denied, Rejected
from gateway.model.commands import Command
from gateway.model.identity import Device, Version
from gateway.model.states import State
from gateway.ports.cloud import AdapterFactory, Site
from gateway.ports.cloud import Cloud as Adapter
from tests.simulators import Faults
from tests.simulators.firmware import Firmware
from tests.simulators.onenet import KEY, RESOURCE, OneNetCloud
from tests.simulators.record import Record, Verdict
from tests.simulators.serving import Serveable
from tests.simulators.tencent import (
    APP_KEY,
    APP_SECRET,
    EMAIL,
    LOGIN_PATH,
    PASSWORD,
    PATH,
    TOKEN,
    Status,
    TencentCloud,
)
from tests.unit.adapters.events import DEVICE, TARGET, event

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

    def make(self, url: str, site: Site) -> Adapter:
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


class TencentBench(Bench):
    """Tencent, in the documented envelope."""

    factory = tencent.factory
    secrets: tuple[str, ...] = (TOKEN,)
    report = "AppReportOTAStatus"

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

    def order(self, *, confirm: bool = False) -> None:
        """Create a task, which the device has not begun."""
        self.cloud.firmware[f"{DEVICE.product_id}/{TARGET}"] = IMAGE
        self.cloud.create_task(str(DEVICE), TARGET, confirm=confirm)

    def withdraw(self) -> None:
        """Have none."""
        self.cloud.tasks.clear()

    def expire_image(self) -> None:
        """End all signatures."""
        self.cloud.revoke_urls()

    def confirmed(self) -> bool:
        """Look for the message to the device."""
        return self.cloud.tasks[str(DEVICE)].status is Status.DELIVERED

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


class TencentLoginBench(TencentBench):
    """Tencent, with a login instead of a token."""

    secrets = (APP_SECRET, PASSWORD, EMAIL)
    refusal = Denied

    def settings(self, url: str) -> dict[str, Any]:
        """Name application and user."""
        login = {
            "url": url + LOGIN_PATH,
            "app_key": APP_KEY,
            "app_secret": APP_SECRET,
            "email": EMAIL,
            "password": PASSWORD,
        }
        return {"url": url + PATH, "login": login}

    def deny_lane(self) -> None:
        """Expire the token and change the password."""
        self.cloud.tokens.clear()
        self.cloud.account.passwords.clear()

    def reply_with(self, text: str) -> bytes:
        """Refuse the login, with a text: in the client's envelope, which goes for any request id."""
        error = {"Code": "InternalError", "Message": f"InvalidParameterValue.UserLoginFailed|{text}"}
        return json.dumps({"code": -1000, "msg": text, "data": {"Error": error}}).encode()


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


class JournalBench(Bench):
    """The file."""

    factory = journal.factory

    def order(self, *, confirm: bool = False) -> None:
        """Order nothing: it is a file."""

    def withdraw(self) -> None:
        """Nothing was ordered."""

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


BENCHES: tuple[Callable[[Path], Bench], ...] = (
    TencentBench,
    TencentClientBench,
    TencentLoginBench,
    OneNetBench,
    FuseBench,
    JournalBench,
)
SERVED = BENCHES[:-1]


class Teller:
    """Delivers as the gateway does: remembers what the cloud has acknowledged, the way to a state included."""

    def __init__(self, bench: Bench, adapter: Adapter, url: str = "") -> None:
        self.bench = bench
        self.url = url
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
