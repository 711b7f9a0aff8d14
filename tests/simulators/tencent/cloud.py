"""The account as a stateful server: plain attributes inside, HTTP outside."""

import itertools
import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiohttp import web

from tests.simulators.control import MAX_BODY, control_routes
from tests.simulators.faults import Faults
from tests.simulators.firmware import SAMPLE, Firmware
from tests.simulators.record import Mode, Record
from tests.simulators.serving import dated
from tests.simulators.spoiling import spoiler
from tests.simulators.tencent import steering
from tests.simulators.tencent.account import Account, enter_signed
from tests.simulators.tencent.answering import answerer, enter_with_token
from tests.simulators.tencent.download import download, signed_path
from tests.simulators.tencent.envelope import Envelope
from tests.simulators.tencent.history import History
from tests.simulators.tencent.task import Device, Status, Task

PATH = "/api/exploreropen/tokenapi"
LOGIN_PATH = "/api/exploreropen/appapi"
TOKEN = "871d2d42a1b2c3d4e5f60718692afae0"  # valid from the start, for ever


class TencentCloud:
    """A Tencent Cloud account with one app and its users; poke the attributes, they take effect at once."""

    settings: Mapping[str, Callable[[Any], Any]] = steering.SETTINGS

    def __init__(
        self, *, devices: Iterable[str] = (), record: Mode = "full", clock: Callable[[], float] = time.time
    ) -> None:
        self.clock = clock
        self.skew = 0.0  # seconds that this cloud is ahead of the clock
        self.account = Account()
        self.tokens: dict[str, float] = {TOKEN: math.inf}  # token → ExpireAt, unix seconds
        self.token_lifetime = 40 * 86400.0  # seconds, of a login's token; the page's sample has forty days
        self.login_tolerance = 300.0  # seconds between a login's Timestamp and this cloud
        self.one_login = False  # a login ends all tokens before it
        self.devices: dict[str, Device] = {address: Device() for address in devices}
        self.tasks: dict[str, Task] = {}
        self.task_timeout: float | None = None  # seconds, of tasks created from now on
        self.status_lag = 0  # so many queries after a new order still see the finished task before it
        self.hides_unconfirmed = False  # AppGetDeviceOTAInfo knows a task only when its user has agreed
        self.histories: dict[tuple[str, str], History] = {}
        self.latest: dict[str, History] = {}
        self.firmware: dict[str, Firmware] = {}  # "product/version" → image; a task brings the sample
        self.forbids_firmware_details = False  # AppDescribeFirmware is not for this account
        self.admits_any_device = False
        self.envelope: Envelope = "documented"
        self.hides_codes = False
        self.omits_status = False
        self.url_lifetime = 3600.0  # seconds
        self.urls_revoked = 0  # URLs up to this number are good no more
        self.faults = Faults()
        self.record = Record(self.now, mode=record)
        self._urls = itertools.count(1)

    def application(self) -> web.Application:
        """Return a fresh application over this state."""
        app = web.Application(middlewares=[spoiler(self.faults, self.record)], client_max_size=MAX_BODY)
        app.add_routes(
            [
                web.post(PATH, answerer(self, enter_with_token)),
                web.post(LOGIN_PATH, answerer(self, enter_signed)),
                web.get("/firmware/{product}/{version}", self._download),
            ]
        )
        app.add_routes(control_routes(self))
        dated(app, self.now)
        return app

    def now(self) -> float:
        """Return unix seconds by the cloud's clock, which a test may exchange."""
        return self.clock() + self.skew

    def device(self, address: str) -> Device | None:
        """Return a device of the account; an account that admits any device gains it here."""
        if self.admits_any_device and address not in self.devices:
            self.devices[address] = Device()
        return self.devices.get(address)

    def history(self, address: str, version: str) -> History:
        """Return what the device said about the version; it is the device's latest from now on."""
        history = self.histories.get((address, version))
        if history is None:
            history = self.histories[address, version] = History(version)
        self.latest[address] = history
        return history

    def create_task(self, address: str, version: str, *, confirm: bool = False) -> Task:
        """Order an update, with ``confirm`` only once the user agrees; its version may be reported anew."""
        device = self.devices.setdefault(address, Device())
        task = Task(target=version, source=device.version, timeout=self.task_timeout)
        if confirm:
            task.status = Status.WAITING_FOR_USER
        former = self.task_of(address)
        if former is not None and not former.is_open:
            task.former, task.lag = former, self.status_lag
        if (address, version) in self.histories:
            self.histories[address, version].reopen()
        self.tasks[address] = task
        self.firmware.setdefault(f"{address.partition('/')[0]}/{version}", SAMPLE)
        return task

    def task_of(self, address: str) -> Task | None:
        """Return the device's newest task, timed out if it is time."""
        task = self.tasks.get(address)
        if task is not None:
            task.age(now=self.now())
        return task

    def firmware_of(self, product: str, version: str) -> Firmware | None:
        """Return an image, if there is one."""
        return self.firmware.get(f"{product}/{version}")

    def sign_url(self, product: str, version: str) -> str:
        """Return the path of an image, good for ``url_lifetime`` and never the same twice."""
        expires = int(self.now() + self.url_lifetime)
        return signed_path(product, version, expires=expires, number=next(self._urls))

    def revoke_urls(self) -> None:
        """Let no URL signed so far be good any more."""
        self.urls_revoked = next(self._urls)

    def summary(self, *, devices: bool = True) -> dict[str, Any]:
        """Return counters and the last state of every device."""
        ends = [history.state for history in self.latest.values() if history.state in ("done", "fail")]
        shown: dict[str, Any] = {
            **self.record.counters(devices=devices),
            "faults": dict(self.faults.struck),
            "terminal": {state: ends.count(state) for state in ("done", "fail")},
        }
        if devices:
            shown["devices"] = {address: _last_state(history) for address, history in self.latest.items()}
            shown["tasks"] = {address: _shown(task) for address, task in self.tasks.items()}
        return shown

    def steer_token(self, body: dict[str, Any]) -> dict[str, Any]:
        """Change the tokens; see ``steering``."""
        return steering.steer_token(self, body)

    def steer_tasks(self, body: dict[str, Any]) -> dict[str, Any]:
        """Change the tasks; see ``steering``."""
        return steering.steer_tasks(self, body)

    def steer_devices(self, body: dict[str, Any]) -> dict[str, Any]:
        """Change the devices; see ``steering``."""
        return steering.steer_devices(self, body)

    async def _download(self, request: web.Request) -> web.Response:
        return download(self, request)


def _last_state(history: History) -> dict[str, Any]:
    return {
        "version": history.version,
        "state": history.state,
        "percent": history.percent,
        "attempts": history.attempts,
    }


def _shown(task: Task) -> dict[str, Any]:
    return {
        "version": task.target,
        "status": int(task.status),
        "percent": task.percent,
        "error": task.error,
    }
