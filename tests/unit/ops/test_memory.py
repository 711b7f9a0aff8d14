"""The collector comes to everything now and then, and the system gets what is free."""

import asyncio
import gc
import platform
import subprocess
import sys
import weakref
from contextlib import suppress

import pytest

from gateway.ops import memory


class Ring:
    """Knows itself."""

    def __init__(self) -> None:
        self.itself = self


async def test_what_grew_old_before_it_was_lost_is_found() -> None:
    """No other collection looks among the oldest objects, however many young ones come and go."""
    ring = Ring()
    left = weakref.ref(ring)
    gc.collect()
    gc.disable()
    tidying = asyncio.create_task(memory.tidy_for_ever(every=0.01))
    try:
        del ring
        gc.collect(1)
        assert left() is not None
        async with asyncio.timeout(5):
            while left() is not None:
                await asyncio.sleep(0.01)
    finally:
        gc.enable()
        tidying.cancel()
        with suppress(asyncio.CancelledError):
            await tidying


HOARDER = """
import asyncio, sys
from pathlib import Path
import pytest

from gateway.ops import memory

def held():
    return int(Path("/proc/self/statm").read_text().split()[1])

async def main():
    before = held()
    hoard = [bytes(3000) for _ in range(30_000)]
    kept = hoard[::50]
    del hoard
    full = held()
    giving = asyncio.create_task(memory.give_back_for_ever(every=0.01))
    while held() - before > (full - before) / 2:
        await asyncio.sleep(0.01)

asyncio.run(asyncio.wait_for(main(), 10))
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="the C library is not glibc: it gives back by itself, or not"
)
def test_what_was_freed_between_things_that_live_is_the_system_s_again() -> None:
    """Half of it at least, where one of fifty things lives on."""
    subprocess.run([sys.executable, "-c", HOARDER], check=True, timeout=30)
