"""The account as a stateful server: plain attributes inside, HTTP outside."""

import asyncio
import contextlib
import itertools
import random
import string
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web

from tests.simulators.control import MAX_BODY, control_routes, poster
from tests.simulators.faults import Faults
from tests.simulators.onenet import fuse, south, steering
from tests.simulators.onenet.connections import limiter
from tests.simulators.onenet.download import Mistake, OtaErrno
from tests.simulators.onenet.push import Pusher
from tests.simulators.onenet.task import Device, State, Task
from tests.simulators.record import Mode, Record
from tests.simulators.serving import dated
from tests.simulators.spoiling import spoiler

RESOURCE = "products/100001"
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="  # the bytes 00..1f
LETTERS = string.ascii_letters + string.digits
Edition = Literal["current", "old"]
Api = Literal["south", "fuse"]


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
        self.apis: Collection[Api] = ("south", "fuse")  # what an application serves
        self.edition: Edition = "current"  # of the south's manual
        self.keys: dict[str, str] = {RESOURCE: KEY}  # resource → base64 key
        self.devices: dict[str, Device] = {dev_id: Device({2: "1.0"}) for dev_id in devices}
        self.names: dict[str, str] = {}  # device name → dev_id, where they differ
        self.tasks: dict[tuple[str, int], Task] = {}  # the newest by device and type
        self.all_tasks: dict[int, Task] = {}  # by number
        self.tokens: dict[str, Ticket] = {}
        self.token_lifetime = 48 * 3600.0  # seconds, of task tokens
        self.renews_tokens = False  # every check brings a token of its own
        self.auto_add = ""  # the target of the tasks that a check adds by itself
        self.licences: int | None = None  # for so many devices; none: without end
        self.licensed: set[str] = set()
        self.wants_version_first = False  # a check before any version report is a mistake
        self.demands_both_versions = False  # fuse: s_version and f_version
        self.download_mistake: Mistake | None = None
        self.fuse_mistake: OtaErrno | None = None
        self.calls_per_connection = 1000  # the original cuts a connection after so many
        self.pushes = Pusher(self.now)
        self.faults = Faults()
        self.record = Record(self.now, mode=record)
        self._numbers = itertools.count(1)
        self._random = random.Random(0)

    def application(self) -> web.Application:
        """Return a fresh application over this state."""
        layers = [limiter(lambda: self.calls_per_connection), spoiler(self.faults, self.record)]
        app = web.Application(middlewares=layers, client_max_size=MAX_BODY)
        if "south" in self.apis:
            app.add_routes(south.routes(self))
        if "fuse" in self.apis:
            app.add_routes(fuse.routes(self))
        app.add_routes(control_routes(self))
        app.add_routes([web.post("/_sim/push", poster(lambda body: steering.steer_push(self.pushes, body)))])
        app.cleanup_ctx.append(self._pushing)
        dated(app, self.now)
        return app

    def now(self) -> float:
        """Return unix seconds by the cloud's clock, which a test may exchange."""
        return self.clock() + self.skew

    def dev_id_of(self, name: str) -> str:
        """Return the id behind a device name; a device without a name is called by its id."""
        return self.names.get(name, name)

    def create_task(self, dev_id: str, target: str, *, kind: int = 2) -> Task:
        """Order an update, and push the news; the device's former task of that type is cancelled, if still open."""
        if former := self.tasks.get((dev_id, kind)):
            former.cancel()
        device = self.devices.setdefault(dev_id, Device({kind: "1.0"}))
        source = device.versions.get(kind, "")
        task = Task(number=next(self._numbers), dev_id=dev_id, kind=kind, target=target, source=source)
        self.tasks[dev_id, kind] = self.all_tasks[task.number] = task
        self.pushes.announce(dev_id, target)
        return task

    def issue_token(self, task: Task) -> str:
        """Return the task's token, a new one if it has none, the old one is over, or each check brings its own."""
        if self.renews_tokens or not task.token or self.token_is_over(task.token):
            task.token = "ota_" + "".join(self._random.choices(LETTERS, k=20))
            self.tokens[task.token] = Ticket(task, self.now() + self.token_lifetime)
        return task.token

    def task_of(self, token: str, dev_id: str) -> Task | None:
        """Return the task of a token if it belongs to the device, over or not."""
        ticket = self.tokens.get(token)
        return ticket.task if ticket is not None and ticket.task.dev_id == dev_id else None

    def numbered(self, number: int, dev_id: str) -> Task | None:
        """Return a task by its number if it belongs to the device, over or not."""
        task = self.all_tasks.get(number)
        return task if task is not None and task.dev_id == dev_id else None

    def token_is_over(self, token: str) -> bool:
        """Say whether a token's two days have passed."""
        ticket = self.tokens.get(token)
        return ticket is None or ticket.expires <= self.now()

    def summary(self, *, devices: bool = True) -> dict[str, Any]:
        """Return counters and the last state of every task."""
        states = [task.state for task in self.tasks.values()]
        shown: dict[str, Any] = {
            **self.record.counters(devices=devices),
            "faults": dict(self.faults.struck),
            "pushes": self.pushes.summary(),
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

    async def _pushing(self, app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(self.pushes.run(), name="onenet pushes")
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _name(task: Task) -> str:
    return task.dev_id if task.kind == 2 else f"{task.dev_id}:{task.kind}"


def _last_state(task: Task) -> dict[str, Any]:
    return {"version": task.target, "state": task.state, "percent": task.percent, "result": task.result}
