"""The south interface as a stateful server: plain attributes inside, HTTP outside."""

import itertools
import json
import random
import string
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import hdrs, web

from tests.simulators.control import MAX_BODY, control_routes
from tests.simulators.faults import Faults
from tests.simulators.onenet import south, steering
from tests.simulators.onenet.authorization import BadAuthorization, verify
from tests.simulators.onenet.connections import limiter
from tests.simulators.onenet.download import Mistake, download
from tests.simulators.onenet.errno import BROKEN_RULES, TEXTS, Errno
from tests.simulators.onenet.south import Ask, Reply
from tests.simulators.onenet.task import Device, State, Task
from tests.simulators.record import Key, Mode, Record
from tests.simulators.spoiling import CALL, spoiler

RESOURCE = "products/100001"
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="  # the bytes 00..1f
TOKEN_LIFETIME = 48 * 3600  # seconds
LETTERS = string.ascii_letters + string.digits
Endpoint = Callable[["OneNetCloud", Ask], Reply]


@dataclass(slots=True)
class Ticket:
    """A token that was issued."""

    task: Task
    expires: float


class OneNetCloud:
    """A OneNET account; poke the attributes, they take effect at once."""

    settings: Mapping[str, Callable[[Any], Any]] = steering.SETTINGS

    def __init__(
        self, *, devices: Iterable[str] = (), record: Mode = "full", clock: Callable[[], float] = time.time
    ) -> None:
        self.clock = clock
        self.skew = 0.0  # seconds that this cloud is ahead of the clock
        self.keys: dict[str, str] = {RESOURCE: KEY}  # resource → base64 key
        self.devices: dict[str, Device] = {dev_id: Device({2: "1.0"}) for dev_id in devices}
        self.tasks: dict[tuple[str, int], Task] = {}  # the newest by device and type
        self.tokens: dict[str, Ticket] = {}
        self.download_mistake: Mistake | None = None
        self.calls_per_connection = 1000  # the original cuts a connection after so many
        self.faults = Faults()
        self.record = Record(self.now, mode=record)
        self._numbers = itertools.count(1)
        self._random = random.Random(0)

    def application(self) -> web.Application:
        """Return a fresh application over this state."""
        layers = [limiter(lambda: self.calls_per_connection), spoiler(self.faults, self.record)]
        app = web.Application(middlewares=layers, client_max_size=MAX_BODY)
        app.add_routes(
            [
                web.post("/ota/device/version", self._call("version", south.report_version)),
                web.get("/ota/device/version", self._call("query_version", south.query_version)),
                web.get("/ota/south/check", self._call("check", south.check)),
                web.get("/ota/south/download/{token}/check", self._call("check_token", south.check_token)),
                web.get("/ota/south/tasking", self._call("tasking", south.tasking)),
                web.get("/ota/south/download/{token}", self._download),
                web.post(
                    "/ota/south/device/download/{token}/progress", self._call("progress", south.progress)
                ),
                web.post("/ota/south/report", self._call("report", south.report)),
            ]
        )
        app.add_routes(control_routes(self))
        return app

    def now(self) -> float:
        """Return unix seconds by the cloud's clock, which a test may exchange."""
        return self.clock() + self.skew

    def create_task(self, dev_id: str, target: str, *, kind: int = 2) -> Task:
        """Order an update; it cancels the device's former task of that type, if that is still open."""
        if former := self.tasks.get((dev_id, kind)):
            former.cancel()
        device = self.devices.setdefault(dev_id, Device({kind: "1.0"}))
        source = device.versions.get(kind, "")
        task = Task(number=next(self._numbers), dev_id=dev_id, kind=kind, target=target, source=source)
        self.tasks[dev_id, kind] = task
        return task

    def issue_token(self, task: Task) -> str:
        """Return the task's token, a new one if it has none or the old one is over."""
        if not task.token or self.token_is_over(task.token):
            task.token = "ota_" + "".join(self._random.choices(LETTERS, k=20))
            self.tokens[task.token] = Ticket(task, self.now() + TOKEN_LIFETIME)
        return task.token

    def task_of(self, token: str, dev_id: str) -> Task | None:
        """Return the task of a token if it belongs to the device, over or not."""
        ticket = self.tokens.get(token)
        return ticket.task if ticket is not None and ticket.task.dev_id == dev_id else None

    def token_is_over(self, token: str) -> bool:
        """Say whether a token's two days have passed."""
        ticket = self.tokens.get(token)
        return ticket is None or ticket.expires <= self.now()

    def summary(self, *, devices: bool = True) -> dict[str, Any]:
        """Return counters and the last state of every task."""
        states = [task.state for task in self.tasks.values()]
        shown: dict[str, Any] = {
            **self.record.counters(),
            "faults": dict(self.faults.struck),
            "terminal": {
                state.value: states.count(state) for state in (State.DONE, State.FAILED, State.CANCELLED)
            },
        }
        if devices:
            shown["devices"] = {_name(task): _last_state(task) for task in self.tasks.values()}
        return shown

    def steer_token(self, body: dict[str, Any]) -> dict[str, Any]:
        """Change keys and tokens; see ``steering``."""
        return steering.steer_token(self, body)

    def steer_tasks(self, body: dict[str, Any]) -> dict[str, Any]:
        """Change the tasks; see ``steering``."""
        return steering.steer_tasks(self, body)

    def steer_devices(self, body: dict[str, Any]) -> dict[str, Any]:
        """Change the devices; see ``steering``."""
        return steering.steer_devices(self, body)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        return await download(self, request)

    def _call(self, action: str, endpoint: Endpoint) -> Callable[[web.Request], Any]:
        async def answer(request: web.Request) -> web.Response:
            ask = await _ask(request)
            reply = self._reply(request, ask, endpoint)
            self._take_down(request, action, ask, reply)
            return _respond(reply)

        return answer

    def _reply(self, request: web.Request, ask: Ask, endpoint: Endpoint) -> Reply:
        try:
            verify(request.headers.get(hdrs.AUTHORIZATION, ""), keys=self.keys, now=self.now())
        except BadAuthorization:
            return Reply(errno=Errno.AUTH_FAILED)
        about = f"{request.path_qs}{ask.body}"
        if fault := self.faults.take("error", about):
            return Reply(errno=Errno(int(fault.error or Errno.INTERNAL)), is_injected=True)
        if ask.token in self.tokens and self.faults.take("expired_token", about):
            self.tokens[ask.token].expires = 0
        return endpoint(self, ask)

    def _take_down(self, request: web.Request, action: str, ask: Ask, reply: Reply) -> None:
        task = reply.task
        request[CALL] = self.record.hear(
            action,
            device=ask.dev_id,
            version=task.target if task else "",
            said=reply.said,
            reply="ok" if reply.errno is Errno.SUCC else str(int(reply.errno)),
            why=_broken_rule(reply),
            key=Key(f"task {task.number}", reply.said) if task else None,
            body={**ask.query, **({"body": ask.body} if ask.body else {})},
        )


async def _ask(request: web.Request) -> Ask:
    token = request.match_info.get("token") or request.query.get("token", "")
    try:
        body = json.loads(await request.read() or b"null")
    except ValueError:
        body = None
    return Ask(query=request.query, token=token, body=body, host=request.host)


def _broken_rule(reply: Reply) -> str:
    if reply.is_injected:
        return ""
    if reply.errno is not Errno.CANCELLED or reply.task is None:
        return BROKEN_RULES.get(reply.errno, "")
    was_told, reply.task.cancel_was_told = reply.task.cancel_was_told, True
    return "after_cancel" if was_told else ""


def _respond(reply: Reply) -> web.Response:
    body: dict[str, Any] = {"errno": int(reply.errno), "error": TEXTS[reply.errno]}
    if reply.data is not None:
        body["data"] = reply.data
    response = web.Response(text=json.dumps(body), content_type="application/json", charset="UTF-8")
    response.enable_chunked_encoding()
    return response


def _name(task: Task) -> str:
    return task.dev_id if task.kind == 2 else f"{task.dev_id}:{task.kind}"


def _last_state(task: Task) -> dict[str, Any]:
    return {"version": task.target, "state": task.state, "percent": task.percent, "result": task.result}
