"""One good device among the hostile ones, which times each PUBACK; it comes back whatever happens to it."""

import asyncio
import time
from contextlib import suppress

from tests.integration.broker.mqtt import ACCEPTED, Client, connect, puback, publish
from tests.soak.site import TIMED

PACE = 0.25  # seconds
REPORT = b'{"type":"version","version":"1.0"}'


class Timed:
    """Reports what it runs, four times a second."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.latencies: list[float] = []

    async def live(self) -> None:
        """Report until cancelled."""
        while True:
            with suppress(OSError, EOFError, TimeoutError, AssertionError):
                await self._visit()
            await asyncio.sleep(PACE)

    async def _visit(self) -> None:
        client = await Client.open(self._port)
        try:
            client.send(connect(TIMED))
            await client.expect(ACCEPTED)
            number = 0
            while True:
                number = number % 65_535 + 1
                began = time.perf_counter()
                client.send(publish(f"ota/P/{TIMED}/report", REPORT, number))
                await client.expect(puback(number))
                self.latencies.append(time.perf_counter() - began)
                await asyncio.sleep(PACE)
        finally:
            client.writer.transport.abort()

    def quantile_ms(self, part: float) -> float | None:
        """Return a quantile of the time to PUBACK."""
        ordered = sorted(self.latencies)
        return round(ordered[min(int(len(ordered) * part), len(ordered) - 1)] * 1000, 1) if ordered else None
