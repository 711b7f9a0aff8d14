"""One order being carried out, from the first byte to the reboot."""

import asyncio
from collections.abc import Callable
from functools import partial

from tests.simulators.fleet.device import Device
from tests.simulators.fleet.ordered.behaviour import Behaviour, Manner
from tests.simulators.fleet.ordered.chunks import fetch_chunks
from tests.simulators.fleet.ordered.connection import Line
from tests.simulators.fleet.ordered.fetching import WRONG, FetchError, OrderGoneError
from tests.simulators.fleet.ordered.http import fetch_http
from tests.simulators.fleet.ordered.memory import Memory
from tests.simulators.fleet.ordered.order import Order, chunk_topics
from tests.simulators.fleet.saying import Failure, Saying, Word
from tests.simulators.fleet.story import UNSPOKEN

REFUSED = Failure(phase="precheck", reason="DENIED_BY_USER", tencent=-5, onenet=206)
BROKEN = Failure(phase="install", reason="INSTALL_FAILED", tencent=-5, onenet=206)


class ResetError(Exception):
    """The device boots after so many seconds; its working memory is gone."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"boots in {seconds} s")
        self.seconds = seconds


class _GivenUpError(Exception):
    """The device does not go on, and says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class _WithdrawnError(Exception):
    """The gateway called the order off."""


#: Until here an order can be called off.
_STOPPABLE = frozenset({Word.DOWNLOADING, Word.DOWNLOADED, Word.VERIFIED})


class Job:
    """The order, and how far it is; `run` ends with ResetError, or without having flashed anything."""

    def __init__(
        self,
        *,
        device: Device,
        manner: Manner,
        memory: Memory,
        order: Order,
        line: Line,
        chunks: asyncio.Queue[bytes],
        say: Callable[[Saying], None],
    ) -> None:
        self.order = order
        #: Set to have it stopped, if it still can be.
        self.is_withdrawn = False
        self._device = device
        self._manner = manner
        self._memory = memory
        self._line = line
        self._chunks = chunks
        self._publish = say
        self._said: Saying | None = None

    def repeat(self) -> None:
        """Say again what was said last."""
        if self._said is not None:
            self._publish(self._said)

    async def run(self) -> bool:
        """Carry it out; True when the version should be said once more."""
        try:
            await self._carry_out()
        except (FetchError, _GivenUpError) as error:
            if error.failure == WRONG:
                self._memory.forget_image()
            self._say(Word.FAILED, failure=error.failure)
            await self._line.settled()
            # The vendor's samples begin again with their version, and are given the order again for it.
            return self._device.dialect == "tencent"
        except _WithdrawnError:
            return True
        except OrderGoneError:
            pass
        return False

    async def _carry_out(self) -> None:
        if self._memory.shows(self._manner, Behaviour.REFUSING):
            await self._refuse()
            return
        await self._download()
        if not self._memory.is_good(self.order):
            raise FetchError(WRONG)
        await self._reach(Word.VERIFIED)
        await self._reach(Word.INSTALLING)
        await asyncio.sleep(self._manner.flash_pause)
        self._memory.flash(self.order)
        await self._reach(Word.APPLYING)
        await self._reach(Word.DONE)
        await self._line.settled()
        raise ResetError(0.0)

    async def _refuse(self) -> None:
        if Word.REJECTED in UNSPOKEN[self._device.dialect]:
            raise _GivenUpError(REFUSED)
        self._say(Word.REJECTED, failure=REFUSED)
        await self._line.settled()

    async def _download(self) -> None:
        image = self._memory.image_for(self.order)
        await self._reach(Word.DOWNLOADING, len(image) * 100 // self.order.size)
        if self._manner.fetch == "chunks":
            asking, _ = chunk_topics(self._device)
            await fetch_chunks(
                self.order,
                image,
                self._progress,
                ask=partial(self._line.client.whisper, asking),
                answers=self._chunks,
                manner=self._manner,
            )
        else:
            await fetch_http(
                self.order, image, self._progress, dialect=self._device.dialect, manner=self._manner
            )
        await self._reach(Word.DOWNLOADED)

    async def _progress(self) -> None:
        percent = len(self._memory.image_for(self.order)) * 100 // self.order.size
        last = self._said.percent if self._said and self._said.percent is not None else 0
        if last + self._manner.step <= percent < 100:
            self._say(Word.DOWNLOADING, percent)
        await self._disturb(Word.DOWNLOADING, percent)

    async def _reach(self, word: Word, percent: int | None = None) -> None:
        self._say(word, percent)
        await self._disturb(word, percent or 0)

    def _say(self, word: Word, percent: int | None = None, failure: Failure | None = None) -> None:
        if word in UNSPOKEN[self._device.dialect]:
            return
        version = self.order.version
        self._said = Saying(
            word=word,
            version=version,
            target=version,
            percent=percent,
            failure=failure,
            module=self.order.module,
        )
        self._publish(self._said)

    async def _disturb(self, word: Word, percent: int) -> None:
        """Let happen what happens at this word."""
        if self.is_withdrawn and word in _STOPPABLE:
            raise _WithdrawnError
        manner, shows_at = self._manner, self._memory.shows_at
        if shows_at(manner, Behaviour.FAILING, word, percent):
            raise _GivenUpError(manner.failure or BROKEN)
        if shows_at(manner, Behaviour.SLEEPY, word, percent):
            await self._line.settled()
            await self._line.nap(manner.away)
        if shows_at(manner, Behaviour.POWER_CUT, word, percent):
            await self._line.settled()
            self._line.client.cut()
            raise ResetError(manner.away)
