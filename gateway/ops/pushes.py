"""The address to which clouds send their pushes: /push/{cloud}.

Law: a push is a hint to poll, and no more. Whoever can reach the address may send one, so that neither its size nor
its number costs much, and what it says is asked for again.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from aiohttp import web
from aiolimiter import AsyncLimiter

from gateway.errors import Denied
from gateway.metrics import Metrics, initialise
from gateway.model.identity import DeviceId, Lane
from gateway.ops.http import UNGUARDED
from gateway.ports.cloud import PushAnswer, Pushed, PushRequest

MAX_BODY = 64 * 1024  # bytes
#: Of one cloud; what comes beyond is refused unread.
PUSHES_PER_SECOND = 50
#: Seconds for the body to come.
PATIENCE = 5.0

OUTCOMES = ("followed", "no_news", "refused", "denied", "too_many", "too_large", "broken_off")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedCloud:
    """A cloud that pushes, and whom its pushes may mean."""

    lane: Lane
    adapter: Pushed
    devices: Mapping[str, Sequence[DeviceId]]
    rate: AsyncLimiter = field(default_factory=lambda: AsyncLimiter(PUSHES_PER_SECOND, 1.0))


class Pushes:
    """Hears pushes; `follow` asks soon about a device, and says whether there was any sense in it."""

    def __init__(
        self,
        clouds: Mapping[str, PushedCloud],
        *,
        follow: Callable[[Lane, DeviceId], bool],
        metrics: Metrics,
    ) -> None:
        self._follow = follow
        self._counter = metrics.pushes
        #: Of whose missing secrets the log knows.
        self._denied: set[Lane] = set()
        self.replace(clouds)

    def replace(self, clouds: Mapping[str, PushedCloud]) -> None:
        """Hear other clouds from now on, or of other devices."""
        self._clouds = clouds
        initialise(self._counter, [cloud.lane for cloud in clouds.values()], OUTCOMES)

    def routes(self) -> list[web.RouteDef]:
        """Return the route, open to everybody."""
        return [web.route("*", "/push/{cloud}", self.hear, name=UNGUARDED)]

    async def hear(self, request: web.Request) -> web.Response:
        """Answer as the cloud's adapter says, whatever the method."""
        cloud = self._clouds.get(request.match_info["cloud"])
        if cloud is None:
            raise web.HTTPNotFound
        if not cloud.rate.has_capacity():
            self._count(cloud, "too_many")
            raise web.HTTPTooManyRequests
        await cloud.rate.acquire()  # at once
        asked = PushRequest(
            method=request.method,
            query=request.query,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await self._body(cloud, request),
        )
        return self._answer(cloud, asked)

    def _answer(self, cloud: PushedCloud, asked: PushRequest) -> web.Response:
        try:
            answer = cloud.adapter.hear_push(asked)
        except Denied as err:
            self._deny(cloud, err)
            raise web.HTTPServiceUnavailable from err
        self._denied.discard(cloud.lane)
        followed = self._follow_up(cloud, answer)
        outcome = "refused" if answer.status >= 400 else "followed" if followed else "no_news"
        self._count(cloud, outcome)
        log.debug("push_heard", lane=cloud.lane, outcome=outcome, named=len(answer.names), followed=followed)
        return web.Response(status=answer.status, text=answer.body)

    def _deny(self, cloud: PushedCloud, err: Denied) -> None:
        self._count(cloud, "denied")
        if cloud.lane not in self._denied:
            self._denied.add(cloud.lane)
            log.warning("pushes_denied", lane=cloud.lane, error=str(err))

    def _follow_up(self, cloud: PushedCloud, answer: PushAnswer) -> int:
        """Return about how many devices the cloud is asked now."""
        devices = (device for name in answer.names for device in cloud.devices.get(name, ()))
        return sum(self._follow(cloud.lane, device) for device in devices)

    async def _body(self, cloud: PushedCloud, request: web.Request) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(PATIENCE):
                while chunk := await request.content.readany():
                    body += chunk
                    if len(body) > MAX_BODY:
                        self._count(cloud, "too_large")
                        raise web.HTTPRequestEntityTooLarge(MAX_BODY)
        except TimeoutError as err:
            self._count(cloud, "broken_off")
            raise web.HTTPRequestTimeout from err
        return bytes(body)

    def _count(self, cloud: PushedCloud, outcome: str) -> None:
        self._counter.labels(cloud.lane, outcome).inc()
