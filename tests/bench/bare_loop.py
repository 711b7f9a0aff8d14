"""The yardstick of `dispatch`: a plain aiohttp loop under uvloop that posts the same bodies, and nothing else."""

from __future__ import annotations

import asyncio
import sys
import uuid
from typing import TYPE_CHECKING, Any

import aiohttp
import uvloop

from adapters.tencent import wire
from tests.bench.backlog import bodies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.model.events import StateReported


async def post_all(url: str, reports: Iterator[dict[str, Any]], concurrency: int) -> None:
    """Post every body, so many at a time."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:

        async def post() -> None:
            for body in reports:
                async with session.post(url, json=body) as answer:
                    await answer.json()

        await asyncio.gather(*(post() for _ in range(concurrency)))


def main() -> None:
    """Post the bodies of a backlog to a simulated cloud: URL, messages, concurrency."""
    base, messages, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    reports = [body for event in bodies(messages) if (body := _body(event)) is not None]
    uvloop.run(post_all(f"{base}/api/exploreropen/tokenapi", iter(reports), concurrency))


def _body(event: StateReported) -> dict[str, Any] | None:
    report = wire.report(event)
    if report is None:
        return None
    about = {"ProductId": event.device.product_id, "DeviceName": event.device.name, "Version": event.version}
    common = {"Action": "AppReportOTAStatus", "AccessToken": "bench", "RequestId": str(uuid.uuid4())}
    return {**common, **about, **report}


if __name__ == "__main__":
    main()
