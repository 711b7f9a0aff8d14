"""A whole gateway in this process, on a loop without real time: three clouds behind fronts, and devices over MQTT.

Everything is real but the time: the broker, the store on disk, the HTTP client, both adapters, every socket.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from gateway import app
from gateway.assembly import Gateway
from gateway.config import load
from gateway.core.clock import Clock
from gateway.model.identity import Lane
from gateway.ports.store import Figures
from tests.fire.clouds.front import Front
from tests.fire.clouds.injuries import CLOUDS
from tests.integration.broker.mqtt import Client, puback, publish
from tests.simulators import serve
from tests.simulators.onenet import KEY, RESOURCE, OneNetCloud
from tests.simulators.onenet.task import Device
from tests.simulators.record import Call
from tests.simulators.tencent import PATH, TOKEN, TencentCloud

WALL = 1_800_000_000.0
"""What the wall clock shows when the loop's time begins."""

DEVICES = tuple(f"d{number}" for number in range(4))
SPARE = "d4"
"""One more, of which no order says anything."""
PATIENCE_S = 20.0

CONFIG = """\
[gateway]
name = "fire"
data_dir = "{directory}/data"
[mqtt]
listen = "127.0.0.1:0"
[mqtt.limits]
connects_per_second = 10000
publishes_per_second = 1000
max_keep_alive = "30d"
[http]
listen = "127.0.0.1:0"
{store}
[clouds.tencent]
adapter = "tencent"
url = "{tencent}{path}"
{settings}
{tencent_login}
[clouds.south]
adapter = "onenet"
url = "{south}"
resource = "{resource}"
access_key = "{key}"
{settings}
[clouds.fuse]
adapter = "onenet"
api = "fuse"
url = "{fuse}"
resource = "{resource}"
access_key = "{key}"
{settings}
[products.P]
dialect = "plain"
authentication = "password"
clouds = ["tencent", "south", "fuse"]
success = "on_done"
retries = 0
{product}
"""


@dataclass
class House:
    """The gateway, its clouds with their fronts, and its devices."""

    gateway: Gateway
    tencent: TencentCloud
    south: OneNetCloud
    fuse: OneNetCloud
    fronts: dict[str, Front]
    #: Seconds that the box's clock is ahead of the clouds'; poke it.
    skew: list[float]
    devices: dict[str, Client] = field(default_factory=dict)
    packet: int = 0

    @property
    def now(self) -> float:
        """The loop's time."""
        return asyncio.get_running_loop().time()

    def order(self, version: str) -> None:
        """Let both OneNETs have a task for every device; Tencent takes reports without one."""
        for device in DEVICES:
            for cloud in (self.south, self.fuse):
                cloud.create_task(_number(device), version)

    async def connect(self, names: Iterable[str] = DEVICES) -> None:
        """Let devices log in."""
        for name in names:
            port = self.gateway.broker.addresses[0][1]
            self.devices[name] = await (await Client.open(port)).log_in(name, keep_alive=0)
            await self.say(name, type="version", version="1.0")

    async def leave(self) -> None:
        """Let the devices go."""
        for client in self.devices.values():
            await client.close()

    async def say(self, name: str, **report: object) -> float:
        """Let a device report at QoS 1; return how many seconds its PUBACK took."""
        self.packet = self.packet % 65_535 + 1
        begun, device = self.now, self.devices[name]
        device.send(publish(f"ota/P/{name}/report", json.dumps(report).encode(), self.packet))
        await device.expect(puback(self.packet))
        return self.now - begun

    async def update(self, version: str, names: Iterable[str] = DEVICES, end: str = "succeeded") -> float:
        """Let devices tell a whole update; return the longest time that one waited for a PUBACK."""
        longest = 0.0
        for state in ("downloading", "downloaded", "installing", end):
            for name in names:
                told = {"type": "state", "version": version, "state": state, "percent": 50}
                longest = max(longest, await self.say(name, **told))
        return longest

    @staticmethod
    def lane(cloud: str) -> Lane:
        """Return the name of a cloud's lane."""
        return Lane(f"cloud/{cloud}")

    async def figures(self, cloud: str) -> Figures:
        """Say what waits for a cloud."""
        return (await self.gateway.store.figures()).get(Lane(f"cloud/{cloud}"), Figures())

    async def drained(self, clouds: Iterable[str], *, within_s: float) -> float:
        """Wait until nothing waits for these clouds; return how many seconds it took."""
        begun = self.now
        for cloud in clouds:
            await until(self._is_empty(cloud), within_s=within_s)
        return self.now - begun

    def _is_empty(self, cloud: str) -> Callable[[], object]:
        async def is_empty() -> bool:
            return (await self.figures(cloud)).messages == 0

        return is_empty

    def counted(self, metric: str, **labels: str) -> float:
        """Return a sample of /metrics; 0 if there is none."""
        return self.gateway.registry.get_sample_value(f"ota_gateway_{metric}", labels) or 0.0

    def words(self, cloud: str) -> dict[str, float]:
        """Return how the requests to a cloud ended so far: HTTP outcomes, and what adapters made of answers."""
        found: dict[str, float] = {}
        wanted = {"ota_gateway_cloud_requests_total": "outcome", "ota_gateway_cloud_errors_total": "code"}
        for metric in self.gateway.registry.collect():
            for sample in metric.samples:
                label = wanted.get(sample.name)
                if label is not None and sample.labels["lane"] == f"cloud/{cloud}" and sample.value:
                    word = sample.labels[label]
                    found[word] = found.get(word, 0.0) + sample.value
        return found

    def ends(self, cloud: str, version: str) -> list[str]:
        """Return which devices' ends a cloud took, as often as it took them as news."""
        heard = {"tencent": self.tencent.record, "south": self.south.record, "fuse": self.fuse.record}
        calls = heard[cloud].calls
        return [_name(call.device) for call in calls if call.verdict == "legal" and _is_end(call, version)]

    def illegal(self) -> list[Call]:
        """Return what no cloud should have heard."""
        calls = [*self.tencent.record.calls, *self.south.record.calls, *self.fuse.record.calls]
        return [call for call in calls if call.verdict == "illegal"]


def _is_end(call: Call, version: str) -> bool:
    return (
        call.version == version
        and call.said.split(" ")[0] in ("done", "fail", "result")
        and call.said != "result 101"
    )


def _number(device: str) -> str:
    return f"10{device.removeprefix('d')}"


def _name(address: str) -> str:
    return "d" + address.removeprefix("10") if address.isdigit() else address.rpartition("/")[2]


async def until(is_true: Callable[[], object], *, within_s: float = PATIENCE_S) -> None:
    """Wait for what shall become true, looking ever more seldom; a coroutine's result counts."""
    pause = 0.02
    async with asyncio.timeout(within_s):
        while True:
            value = is_true()
            if (await value) if asyncio.iscoroutine(value) else value:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 1.1, 5.0)


@contextlib.asynccontextmanager
async def house(
    directory: Path,
    *,
    settings: str = "requests_per_second = 100",
    product: str = 'tasks = "off"',
    store: str = "",
    skew: float = 0.0,
    tencent_login: str = f'access_token = "{TOKEN}"',
) -> AsyncIterator[House]:
    """Run one; `skew` is how far the box's clock is ahead of the clouds'."""
    loop = asyncio.get_running_loop()
    begun = loop.time()

    def wall() -> float:
        return WALL + loop.time() - begun

    tencent, south, fuse = TencentCloud(clock=wall), OneNetCloud(clock=wall), OneNetCloud(clock=wall)
    tencent.admits_any_device = True
    for device in (*DEVICES, SPARE):
        for cloud in (south, fuse):
            cloud.devices[_number(device)] = Device({2: "1.0"})
            cloud.names[device] = _number(device)
    async with contextlib.AsyncExitStack() as stack:
        fronts = {}
        clouds: tuple[TencentCloud | OneNetCloud, ...] = (tencent, south, fuse)
        for name, served in zip(CLOUDS, clouds, strict=True):
            url = await stack.enter_async_context(serve(served))
            fronts[name] = await stack.enter_async_context(Front(url, served.record).serve())
        config = directory / "gateway.toml"
        config.write_text(
            CONFIG.format(
                directory=directory, path=PATH, resource=RESOURCE, key=KEY, settings=settings, store=store,
                product=product + "".join(map(_device, (*DEVICES, SPARE))),
                tencent_login=tencent_login.format(url=fronts["tencent"].url),
                **{name: front.url for name, front in fronts.items()},
            )
        )  # fmt: skip
        ahead = [skew]
        clock = Clock(wall=lambda: wall() + ahead[0], monotonic=loop.time)
        gateway = await stack.enter_async_context(app.assembled(load(config), clock))
        await stack.enter_async_context(_running(gateway))
        made = House(gateway, tencent, south, fuse, fronts, ahead)
        stack.push_async_callback(made.leave)
        yield made


def _device(name: str) -> str:
    known = f'south = {{ dev_id = "{_number(name)}", manuf = "100", model = "10001" }}'
    return f'\n[products.P.devices.{name}]\nsecret = "secret-{name}"\n{known}\n'


@contextlib.asynccontextmanager
async def _running(gateway: Gateway) -> AsyncIterator[None]:
    """Do what the composition root does; a part that dies makes it fail."""
    works = [gateway.ledger.run(), *(each.run() for each in gateway.lanes.dispatchers.values())]
    named = dict(gateway.works())
    # How late the loop runs a timer is nothing that this loop could tell.
    named.pop("loop-lag").close()
    works += named.values()
    works += [work for lane in gateway.lanes.dispatchers for _, work in gateway.lane_works(lane)]
    tasks = [asyncio.create_task(work) for work in works]
    await gateway.broker.start()
    try:
        yield
    finally:
        dead = [task for task in tasks if task.done()]
        await gateway.broker.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # What a test misses may be missing for that.
        for task in dead:
            task.result()
