"""The yardstick of `dispatch`: a plain aiohttp loop under uvloop that posts the same bodies, and nothing else.

Its reports lie ready in memory. Each body is built when it is posted, for no sender knows a RequestId earlier; the
id is made as cheaply as the adapter makes it. It prints the seconds of processor time that the posting took.
"""

from __future__ import annotations

import asyncio
import sys
import time
from random import getrandbits
from typing import TYPE_CHECKING, Any
from uuid import UUID

import aiohttp
import uvloop

from adapters.tencent import wire
from tests.bench.backlog import bodies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.model.events import StateReported


async def post_all(url: str, reports: Iterator[StateReported], concurrency: int) -> None:
    """Post every report, so many at a time."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:

        async def post() -> None:
            for report in reports:
                async with session.post(url, json=_body(report)) as answer:
                    await answer.json()

        await asyncio.gather(*(post() for _ in range(concurrency)))


def main() -> None:
    """Post a backlog to a simulated cloud: URL, messages, concurrency."""
    base, messages, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    reports = bodies(messages)
    begun = time.process_time()
    uvloop.run(post_all(f"{base}/api/exploreropen/tokenapi", iter(reports), concurrency))
    print(time.process_time() - begun)


def _body(event: StateReported) -> dict[str, Any]:
    request_id = str(UUID(int=getrandbits(128), version=4))
    common = {"Action": "AppReportOTAStatus", "AccessToken": "bench", "RequestId": request_id}
    about = {"ProductId": event.device.product_id, "DeviceName": event.device.name, "Version": event.version}
    return {**common, **about, **(wire.report(event) or {})}


if __name__ == "__main__":
    main()
