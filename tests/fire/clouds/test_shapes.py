"""An answer of the right form with one odd value in it, at every place: one of the three errors, or none."""

import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gateway.clouds.session import HttpSession
from gateway.config import CloudConfig
from gateway.errors import CloudError
from gateway.metrics import Metrics
from gateway.model.commands import UpdateOrdered
from gateway.model.states import State
from gateway.ports.cloud import CloudAdapter, Site
from tests.contract.benches.bench import Bench
from tests.contract.benches.onenet import FuseBench, OneNetBench
from tests.contract.benches.tencent import TencentBench, TencentLoginBench
from tests.fire.clouds.front import Exchange, Front
from tests.simulators import serve
from tests.unit.adapters.events import event

NESTED: Any = []
for _ in range(900):
    NESTED = [NESTED]
ODD: tuple[Any, ...] = (
    None, True, -1, 10**30, float("nan"), "", "0", "x" * 100_000, "\x00", "\ud800", "\u202e\x1b[2J", [0], {}, NESTED,
)  # fmt: skip
"""What may stand where something else should."""

Road = Callable[[CloudAdapter, Bench], Coroutine[Any, Any, object]]


async def _deliver(adapter: CloudAdapter, bench: Bench) -> object:
    return await adapter.deliver(bench.device, event(State.SUCCEEDED), None)


async def _consent(adapter: CloudAdapter, bench: Bench) -> object:
    return await adapter.deliver(bench.device, event(State.NOTIFIED, confirmed=True), None)


async def _poll(adapter: CloudAdapter, bench: Bench) -> object:
    return await adapter.poll(bench.device)


async def _observe(adapter: CloudAdapter, bench: Bench) -> object:
    return await adapter.observe(bench.device)


async def _fetch(adapter: CloudAdapter, bench: Bench) -> object:
    orders = [order for order in await adapter.poll(bench.device) if isinstance(order, UpdateOrdered)]
    return [[chunk async for chunk in adapter.fetch(order.firmware, 0)] for order in orders]


ROADS: dict[str, Road] = {
    "deliver": _deliver, "consent": _consent, "poll": _poll, "observe": _observe, "fetch": _fetch,
}  # fmt: skip


def _places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    if isinstance(value, dict):
        for name in value:
            yield from _places(value[name], (*path, name))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from _places(value[index], (*path, index))


def _exchanged(value: Any, path: tuple[Any, ...], odd: object) -> Any:
    if not path:
        return odd
    copy = value.copy()
    copy[path[0]] = _exchanged(value[path[0]], path[1:], odd)
    return copy


class Spoiler:
    """Puts an odd value into one place of the n-th answer; learns how many places there are by doing nothing."""

    def __init__(self) -> None:
        self.answer, self.place = -1, 0
        self.odd: object = None
        self.count = 0
        self.places: list[int] = []

    async def __call__(self, exchange: Exchange) -> None:
        """Answer."""
        said = await exchange.cloud_says()
        number, self.count = self.count, self.count + 1
        body = _json(said)
        if self.answer < 0:
            self.places.append(0 if body is None else len(list(_places(body))))
        if number == self.answer and body is not None:
            places = list(_places(body))
            spoilt = json.dumps(_exchanged(body, places[min(self.place, len(places) - 1)], self.odd)).encode()
            said = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(spoilt), spoilt)
        await exchange.say(said)


def _json(answer: bytes) -> Any:
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"chunked" in head.lower():
        parts, rest = [], body
        while rest and (size := int(rest.partition(b"\r\n")[0], 16)):
            start = rest.index(b"\r\n") + 2
            parts.append(rest[start : start + size])
            rest = rest[start + size + 2 :]
        body = b"".join(parts)
    try:
        return json.loads(body)
    except ValueError:
        return None


@asynccontextmanager
async def spoilt(bench: Bench, spoiler: Spoiler) -> AsyncIterator[Callable[[], CloudAdapter]]:
    """Serve the bench's cloud behind the spoiler; the function makes an adapter that knows nothing yet."""
    config = CloudConfig.model_validate({"adapter": "any", "requests_per_second": 100_000})
    assert bench.cloud is not None
    async with serve(bench.cloud) as url, Front(url, bench.cloud.record).serve() as front:
        front.injury = spoiler
        async with HttpSession("cloud/any", config, Metrics(CollectorRegistry())) as session:
            site = Site(
                session=session,
                now=bench.cloud.record._clock,
                credential_expires=lambda *_: None,
                data_dir=bench.data_dir,
            )
            yield lambda: bench.make(front.url, site)


@pytest.mark.parametrize(
    ("kind", "road"),
    [
        *product([TencentBench, OneNetBench, FuseBench], ["deliver", "poll", "observe"]),
        (TencentLoginBench, "deliver"),
        (TencentBench, "consent"),
        (OneNetBench, "fetch"),
    ],
)
async def test_one_odd_value_breaks_no_adapter(place: Path, kind: type[Bench], road: str) -> None:
    """Whatever comes out is orders, views or one of the three errors."""

    async def go(spoiler: Spoiler) -> None:
        bench = kind(place)
        bench.order(confirm=road == "consent")
        async with spoilt(bench, spoiler) as make:
            try:
                await ROADS[road](make(), bench)
            except CloudError:
                return

    learner = Spoiler()
    await go(learner)
    assert learner.places, "nothing was asked"
    broken = []
    for answer, places in enumerate(learner.places):
        for number in range(places):
            for odd in ODD:
                spoiler = Spoiler()
                spoiler.answer, spoiler.place, spoiler.odd = answer, number, odd
                try:
                    await go(spoiler)
                except Exception as error:  # noqa: BLE001 - what is sought
                    broken.append((answer, number, str(odd)[:40], repr(error)[:200]))
    assert broken == []
