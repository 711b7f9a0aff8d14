"""The control interface ``/_sim/`` of both clouds, for those who sit in another process.

===========================  ==========================================================================
``GET /_sim/record``         every call heard; filters ``device``, ``verdict``, ``since`` (order), ``limit``
``POST /_sim/record``        ``{"mode": "full" | "summary", "clear": true, "forget": order, "excuse_resends": true}``
``GET /_sim/summary``        counters and, unless ``devices=no``, the last state and the calls of every device
``GET|POST /_sim/faults``    ``{"down": true, "status": {"code": 429, "times": 2}, "seed": 7, "clear": true}``
``GET|POST /_sim/settings``  the cloud's switches     ┐
``POST /_sim/token``         the cloud's credentials  ├ see ``steering`` of each cloud
``POST /_sim/tasks``         create, cancel, pause …  │
``POST /_sim/devices``       one by one or in bulk    │
``POST /_sim/push``          OneNET: tell a listener  ┘
===========================  ==========================================================================

A mistake is answered with HTTP 400 and ``{"error": …}``.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from inspect import isawaitable
from itertools import islice
from typing import Any, Protocol

from aiohttp import web

from tests.simulators.faults import Faults
from tests.simulators.record import Record

Body = dict[str, Any]
MAX_BODY = 256 * 1024 * 1024  # bytes; bulk bodies name every device


class Steerable(Protocol):
    """What a cloud offers to the control interface."""

    record: Record
    faults: Faults

    @property
    def settings(self) -> Mapping[str, Callable[[Any], Any]]:
        """The attributes that may be set over HTTP, each with what makes its value of JSON."""
        ...

    def summary(self, *, devices: bool = True) -> Body:
        """Return counters and the last state of every device."""
        ...

    def steer_token(self, body: Body) -> Body:
        """Change the credentials."""
        ...

    def steer_tasks(self, body: Body) -> Body:
        """Change the tasks."""
        ...

    def steer_devices(self, body: Body) -> Body:
        """Change the devices."""
        ...


def control_routes(cloud: Steerable) -> list[web.RouteDef]:
    """Return the routes of the table above."""
    return [
        web.get("/_sim/record", _getter(lambda query: _show_record(cloud.record, query))),
        web.post("/_sim/record", poster(lambda body: _set_record(cloud.record, body))),
        web.get("/_sim/summary", _getter(lambda query: cloud.summary(devices=query.get("devices") != "no"))),
        web.get("/_sim/faults", _getter(lambda _: cloud.faults.as_json())),
        web.post("/_sim/faults", poster(lambda body: _set_faults(cloud.faults, body))),
        web.get("/_sim/settings", _getter(lambda _: _show_settings(cloud))),
        web.post("/_sim/settings", poster(lambda body: _set_settings(cloud, body))),
        web.post("/_sim/token", poster(cloud.steer_token)),
        web.post("/_sim/tasks", poster(cloud.steer_tasks)),
        web.post("/_sim/devices", poster(cloud.steer_devices)),
    ]


def switch(value: Any) -> bool:
    """Take JSON's true or false and nothing else."""
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def one_of(*words: str) -> Callable[[Any], str]:
    """Return what takes these words only."""

    def choose(value: Any) -> str:
        if value not in words:
            raise ValueError(f"{value!r} is none of {words}")
        return str(value)

    return choose


def _getter(show: Callable[[dict[str, str]], Body]) -> Callable[[web.Request], Any]:
    async def get(request: web.Request) -> web.Response:
        return web.json_response(show(dict(request.query)))

    return get


def poster(act: Callable[[Body], Body | Awaitable[Body]]) -> Callable[[web.Request], Any]:
    """Return a handler that gives a body to the act, and answers what comes of it, or what is wrong with it."""

    async def post(request: web.Request) -> web.Response:
        try:
            result = act(await request.json())
            return web.json_response(await result if isawaitable(result) else result)
        except (ValueError, TypeError, KeyError, AttributeError) as mistake:
            return web.json_response({"error": f"{type(mistake).__name__}: {mistake}"}, status=400)

    return post


def _show_record(record: Record, query: dict[str, str]) -> Body:
    since, limit = int(query.get("since", 0)), int(query.get("limit", 10_000))
    device, verdict = query.get("device"), query.get("verdict")
    wanted = (
        call.as_json()
        for call in record.calls
        if call.order > since and device in (None, call.device) and verdict in (None, call.verdict)
    )
    return {"calls": list(islice(wanted, limit)), "mode": record.mode, "orders": record.order}


def _set_record(record: Record, body: Body) -> Body:
    mode = body.get("mode", record.mode)
    if mode not in ("full", "summary"):
        raise ValueError(f"mode is {mode!r}; it must be 'full' or 'summary'")
    record.mode = mode
    if body.get("clear"):
        record.clear()
    if "forget" in body:
        record.forget(int(body["forget"]))
    if body.get("excuse_resends"):
        record.excuse_resends()
    return {"mode": mode}


def _set_faults(faults: Faults, body: Body) -> Body:
    faults.set_from_json(body)
    return faults.as_json()


def _show_settings(cloud: Steerable) -> Body:
    values = {name: getattr(cloud, name) for name in cloud.settings}
    return {name: value.name if isinstance(value, Enum) else value for name, value in values.items()}


def _set_settings(cloud: Steerable, body: Body) -> Body:
    unknown = body.keys() - cloud.settings.keys()
    if unknown:
        raise ValueError(f"no such setting: {sorted(unknown)}; there are {sorted(cloud.settings)}")
    parsed = {name: cloud.settings[name](value) for name, value in body.items()}
    for name, value in parsed.items():
        setattr(cloud, name, value)
    return _show_settings(cloud)
