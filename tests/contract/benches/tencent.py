"""The benches of Tencent."""

import json
from pathlib import Path
from typing import Any

from adapters import tencent
from gateway.errors import Denied
from tests.contract.benches.bench import IMAGE, Bench
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
from tests.unit.adapters.events import DEVICE, TARGET


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
