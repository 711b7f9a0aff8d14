"""An event loop whose time passes only while everybody waits: an hour of timeouts costs a test nothing.

What goes to an executor runs in the loop's own thread, one job after the other, each taking `JOB_SECONDS` of the
loop's time: the job acts in the middle of them and its result is known at their end, as with a real writer thread.
"""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

START = 1000.0
#: A story that has not ended by then never will.
HORIZON = START + 30 * 86_400.0
#: So many turns without time passing are a timer that rounding sets to now for ever: a real clock would go on.
PATIENCE, TICK = 1000, 1e-6
JOB_SECONDS = 0.002


class _Selector(selectors.SelectSelector):
    """Looks once, and lets the loop's clock jump to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self._turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            self._turns += 1
            self.now += TICK if self._turns % PATIENCE == 0 else 0.0
            return ready
        self._turns = 0
        if timeout is None or self.now > HORIZON:
            raise RuntimeError("everybody waits for something that never comes")
        self.now += timeout
        return []


class TimelessLoop(asyncio.SelectorEventLoop):
    """The loop; `time()` is its own clock."""

    def __init__(self) -> None:
        self._timer = _Selector()
        super().__init__(self._timer)
        self._free_at = START

    def time(self) -> float:
        """Seconds of the loop's clock."""
        return self._timer.now

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, function: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run the job in this thread, in its turn."""
        result = self.create_future()
        begun = max(self.time(), self._free_at)
        self._free_at = begun + JOB_SECONDS
        self.call_at(begun + JOB_SECONDS / 2, self._work, result, lambda: function(*args))
        return result

    def _work(self, result: asyncio.Future[Any], job: Callable[[], Any]) -> None:
        try:
            value = job()
        except Exception as err:  # noqa: BLE001 - whatever it is belongs to who asked
            self.call_later(JOB_SECONDS / 2, _tell, result.set_exception, result, err)
        else:
            self.call_later(JOB_SECONDS / 2, _tell, result.set_result, result, value)


class CreepingLoop(TimelessLoop):
    """Lets a moment pass at every look: a clock that stands may forever show the last bit before a deadline."""

    def time(self) -> float:
        """Seconds of the loop's clock."""
        self._timer.now += 1e-7
        return self._timer.now


def _tell(setter: Callable[[Any], None], result: asyncio.Future[Any], value: Any) -> None:
    if not result.done():
        setter(value)
