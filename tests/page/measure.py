"""`python -m tests.page.measure`: how quick the page is with a large store behind it; prints a table, asserts nothing.

Time until it shows how things stand, from what a device said until it is seen, bytes, and what a reader costs.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
from playwright.async_api import Browser, Page

from tests.e2e.devices import plain
from tests.integration.ops.reading import reading
from tests.page.box import Box, box
from tests.page.browser import TOKEN, chromium, tab
from tests.page.stock import Stock

#: How often each figure is taken.
TIMES = 10
#: Seconds for which bytes and processor time are counted, and reports a second meanwhile.
WHILE_S, RATE = 10.0, 100


async def main(stock: Stock) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="ota-gateway-page-") as name:
        started = time.monotonic()
        async with chromium() as browser, box(Path(name), stock, is_silent=True) as running:
            show("store written, gateway started", f"{time.monotonic() - started:.1f} s")
            await asyncio.sleep(3)  # what a start does besides
            await openings(browser, running)
            async with reporting(running) as busy:
                await latencies(browser, running)
                show("reports a second meanwhile", f"{busy():.0f}")
            await costs(running)


async def openings(browser: Browser, running: Box) -> None:
    """How soon a new reader sees how things stand, and what it takes to send that."""
    paints, useful, sizes = [], [], []
    for _ in range(TIMES):
        async with tab(browser, running.url) as opened:
            await opened.go()
            await opened.ready()
            useful.append(await opened.measure("performance.getEntriesByName('useful')[0].startTime"))
            paints.append(await opened.measure("performance.getEntriesByType('paint')[0].startTime"))
            sizes.append(await opened.measure(_BYTES))
    show("first paint", spread(paints, "ms"))
    show("first useful paint", spread(useful, "ms"))
    show("bytes until then, packed", f"{max(sizes) / 1024:.0f} KiB")


async def latencies(browser: Browser, running: Box) -> None:
    """From a report's PUBACK until it is on the page."""
    seen = []
    async with tab(browser, running.url) as opened, plain(running.site.mqtt_port, "live") as device:
        await opened.go("#/updates")
        await opened.ready()
        await device.stands("9.9", "downloading", percent=1)
        await opened.sees("downloading 1 %")
        for percent in range(2, 2 + 2 * TIMES):
            await device.stands("9.9", "downloading", percent=percent)
            at = time.monotonic()
            await on_page(opened.page, f"downloading {percent} %")
            seen.append(1000 * (time.monotonic() - at))
            await asyncio.sleep(0.03 * (percent % 17))
    show("from PUBACK to the page", spread(seen, "ms"))


async def on_page(page: Page, text: str) -> None:
    """Wait for a text, without the pauses of whoever asks again and again."""
    await page.evaluate(_SEEN, text)


async def costs(running: Box) -> None:
    """What a reader is sent, and what it costs the gateway, at rest and under load."""
    process = psutil.Process(running.site.process.pid if running.site.process else None)
    for load in (False, True):
        for readers in (0, 1, 8):
            async with reporting(running) if load else nothing():
                sent, busy = await cost(running, process, readers)
            kind = f"{RATE} reports/s" if load else "no report"
            bytes_each = f"{sent / max(readers, 1) / WHILE_S / 1024:.1f} KiB/s each, " if readers else ""
            show(f"{readers} readers, {kind}", f"{bytes_each}{100 * busy / WHILE_S:.1f} % of a processor")


async def cost(running: Box, process: psutil.Process, readers: int) -> tuple[int, float]:
    """Return bytes and seconds of processor time."""
    sizes: list[int] = []

    async def read() -> None:
        async with reading(f"{running.url}/api/v1/events", token=TOKEN) as stream:
            while (event := await stream.next(comments=True)) is not None:
                sizes.append(event.size)

    tasks = [asyncio.create_task(read()) for _ in range(readers)]
    await asyncio.sleep(1.5)
    sizes.clear()
    before = sum(process.cpu_times()[:2])
    await asyncio.sleep(WHILE_S)
    busy = sum(process.cpu_times()[:2]) - before
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return sum(sizes), busy


@asynccontextmanager
async def nothing() -> AsyncIterator[None]:
    """Let nothing happen."""
    yield


@asynccontextmanager
async def reporting(running: Box) -> AsyncIterator[Callable[[], float]]:
    """Let twenty devices report progress all the time."""
    said = 0
    started = time.monotonic()

    async def report(name: str) -> None:
        nonlocal said
        async with plain(running.site.mqtt_port, name) as device:
            for percent in range(10**6):
                await device.stands("8.8", "downloading", percent=percent % 100)
                said += 1
                await asyncio.sleep(20 / RATE)

    tasks = [asyncio.create_task(report(f"d{index:04}")) for index in range(20)]
    await asyncio.sleep(1)
    try:
        yield lambda: said / (time.monotonic() - started)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def spread(values: list[float], unit: str) -> str:
    """Write the middle and the worst."""
    return f"{statistics.median(values):.0f} {unit}, at worst {max(values):.0f} {unit}"


def show(what: str, how_much: str) -> None:
    """Print a line."""
    print(f"{what:<40}{how_much}", flush=True)


_BYTES = """performance.getEntriesByType('navigation')[0].transferSize
  + performance.getEntriesByType('resource').reduce((sum, each) => sum + each.transferSize, 0)"""
_SEEN = """(text) => new Promise((seen) => {
  const look = () => document.querySelector('main').textContent.includes(text) && (watch.disconnect(), seen());
  const watch = new MutationObserver(look);
  watch.observe(document.body, { subtree: true, childList: true, characterData: true });
  look();
})"""

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.page.measure", description=__doc__)
    parser.add_argument("--devices", type=int, default=5000)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the journal, and messages that wait")
    options = parser.parse_args()
    asyncio.run(
        main(Stock(devices=options.devices, lines=options.rows, messages=options.rows, letters=50, aside=50))
    )
