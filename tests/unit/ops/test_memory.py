"""The collector comes to everything now and then."""

import asyncio
import gc
import weakref
from contextlib import suppress

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
