"""The token API as a stateful server: plain attributes inside, HTTP outside."""

import json
import math
import time
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import web

from tests.simulators.control import MAX_BODY, control_routes
from tests.simulators.faults import Faults
from tests.simulators.firmware import SAMPLE, Firmware
from tests.simulators.record import Key, Mode, Record
from tests.simulators.spoiling import CALL, SPOILT, spoiler
from tests.simulators.tencent import steering
from tests.simulators.tencent.actions import ACTIONS, Answer
from tests.simulators.tencent.download import serve_image, signed_path
from tests.simulators.tencent.envelope import Envelope, failure, hidden, success
from tests.simulators.tencent.history import History
from tests.simulators.tencent.request import Refusal, text
from tests.simulators.tencent.task import Device, Status, Task

PATH = "/api/exploreropen/tokenapi"
TOKEN = "871d2d42a1b2c3d4e5f60718692afae0"  # valid from the start, for ever


class TencentCloud:
    """A Tencent Cloud account with one logged-in user; poke the attributes, they take effect at once."""

    def __init__(
        self, *, devices: Iterable[str] = (), record: Mode = "full", clock: Callable[[], float] = time.time
    ) -> None:
        self.clock = clock
        self.tokens: dict[str, float] = {TOKEN: math.inf}  # token → ExpireAt, unix seconds
        self.devices: dict[str, Device] = {address: Device() for address in devices}
        self.tasks: dict[str, Task] = {}
        self.histories: dict[tuple[str, str], History] = {}
        self.latest: dict[str, History] = {}
        self.firmware: dict[str, Firmware] = {}  # "product/version" → image; a task brings the sample
        self.admits_any_device = False
        self.envelope: Envelope = "documented"
        self.hides_codes = False
        self.omits_status = False
        self.url_lifetime = 3600.0  # seconds
        self.faults = Faults()
        self.record = Record(self.now, mode=record)

    def application(self) -> web.Application:
        """Return a fresh application over this state."""
        app = web.Application(middlewares=[spoiler(self.faults, self.record)], client_max_size=MAX_BODY)
        app.add_routes(
            [web.post(PATH, self._answer), web.get("/firmware/{product}/{version}", self._download)]
        )
        app.add_routes(control_routes(self))
        return app

    def now(self) -> float:
        """Return unix seconds by the cloud's clock, which a test may exchange."""
        return self.clock()

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
        task = Task(target=version, source=device.version)
        if confirm:
            task.status = Status.WAITING_FOR_USER
        if (address, version) in self.histories:
            self.histories[address, version].reopen()
        self.tasks[address] = task
        self.firmware.setdefault(f"{address.partition('/')[0]}/{version}", SAMPLE)
        return task

    def firmware_of(self, product: str, version: str) -> Firmware | None:
        """Return an image, if there is one."""
        return self.firmware.get(f"{product}/{version}")

    def sign_url(self, product: str, version: str) -> str:
        """Return the path of an image, good for ``url_lifetime``."""
        return signed_path(product, version, expires=int(self.clock() + self.url_lifetime))

    def summary(self, *, devices: bool = True) -> dict[str, Any]:
        """Return counters and the last state of every device."""
        ends = [history.state for history in self.latest.values() if history.state in ("done", "fail")]
        shown: dict[str, Any] = {
            **self.record.counters(),
            "faults": dict(self.faults.struck),
            "terminal": {state: ends.count(state) for state in ("done", "fail")},
        }
        if devices:
            shown["devices"] = {address: _last_state(history) for address, history in self.latest.items()}
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
        product, version = request.match_info["product"], request.match_info["version"]
        return serve_image(request, self.firmware_of(product, version), now=self.now())

    async def _answer(self, request: web.Request) -> web.Response:
        raw = await request.read()
        body: dict[str, Any] = {}
        try:
            body = _parse(raw)
            answer = self._act(body, request, raw)
        except Refusal as refusal:
            return self._refuse(request, body, refusal)
        self._take_down(request, body, answer)
        if self.faults.take("wrong_request_id", raw.decode()):
            request[SPOILT] = True
            body = {**body, "RequestId": "00000000-0000-0000-0000-000000000000"}
        return web.json_response(success(self.envelope, body["RequestId"], answer.fields))

    def _act(self, body: dict[str, Any], request: web.Request, raw: bytes) -> Answer:
        name, token = text(body, "Action"), text(body, "AccessToken")
        text(body, "RequestId")
        about = raw.decode()
        if fault := self.faults.take("error", about):
            raise Refusal(fault.error or "InternalError", "simulated")
        if self.tokens.get(token, 0) <= self.now() or self.faults.take("expired_token", about):
            raise Refusal("InvalidParameterValue.InvalidAccessToken", "Token无效")
        action = ACTIONS.get(name)
        if action is None:
            raise Refusal("InvalidAction", f"no such Action: {name}")
        return action(self, body, f"{request.scheme}://{request.host}")

    def _take_down(self, request: web.Request, body: dict[str, Any], answer: Answer) -> None:
        device = _address(body)
        said = answer.said
        request[CALL] = self.record.hear(
            body["Action"],
            device=device,
            version=answer.version,
            said=said,
            why=answer.why,
            key=Key(f"{device}@{answer.version}", f"{said}|{body.get('ResultMsg')}") if said else None,
            body=_without_token(body),
        )

    def _refuse(self, request: web.Request, body: dict[str, Any], refusal: Refusal) -> web.Response:
        request[CALL] = self.record.hear(
            str(body.get("Action")),
            device=_address(body),
            version=str(body.get("Version", "")),
            reply=refusal.code,
            body=_without_token(body),
        )
        code, message = refusal.code, refusal.message
        if self.hides_codes and code != "InternalError":
            code, message = hidden(code, message)
        return web.json_response(failure(self.envelope, str(body.get("RequestId", "")), code, message))


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal("InvalidParameter", "the body is not a JSON object")
    return body


def _address(body: dict[str, Any]) -> str:
    return f"{body.get('ProductId', '')}/{body.get('DeviceName', '')}"


def _without_token(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "AccessToken"}


def _last_state(history: History) -> dict[str, Any]:
    return {
        "version": history.version,
        "state": history.state,
        "percent": history.percent,
        "attempts": history.attempts,
    }
