"""Server-sent events for a few readers: numbered, kept for a moment, and never piled up for who does not read.

Laws: a frame is encoded once and shared by all; a reader whose queue is full loses it and is told to start over; with
nobody there, nothing is kept.
"""

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Callable
from typing import Any

from gateway.core.clock import signalled

MAX_READERS = 32
#: Frames that may wait for one reader.
DEPTH = 32
#: Frames that are kept for who was away for a moment.
KEPT = 120

_COMMENT = b": still here\n\n"


class Reader:
    """One stream; `is_gone` says whether its other end has left."""

    def __init__(self, is_gone: Callable[[], bool]) -> None:
        self.is_gone = is_gone
        #: Whether it has to be told everything.
        self.starts_over = True
        self._frames: deque[bytes] = deque()
        self._news = asyncio.Event()
        self.is_over = False

    def give(self, frame: bytes) -> None:
        """Queue a frame, unless it has to start over anyhow."""
        if self.starts_over:
            return
        if len(self._frames) >= DEPTH:
            self.starts_over = True
            self._frames.clear()
        else:
            self._frames.append(frame)
        self._news.set()

    def resume(self, frames: list[bytes]) -> None:
        """Go on with these where it had stopped."""
        self.starts_over = False
        self._frames.extend(frames)

    def wake(self) -> None:
        """Let it look whether there is something for it."""
        self._news.set()

    def end(self) -> None:
        """Let it end after what waits for it."""
        self.is_over = True
        self._news.set()

    async def frame(self, whole: Callable[[], bytes | None], patience: float) -> bytes:
        """Return the next frame: `whole` where it starts over; a comment when nothing comes in time."""
        while not self._frames and not self.is_over:
            if self.starts_over and (start := whole()) is not None:
                self.starts_over = False
                return start
            self._news.clear()
            await signalled(self._news, patience)
            if not self._news.is_set():
                return _COMMENT
        return self._frames.popleft() if self._frames else b""


class Hub:
    """One for the site."""

    def __init__(self) -> None:
        #: What a reader starts with, None while that is not known yet; set by who tells it.
        self.whole: Callable[[], dict[str, Any] | None] = lambda: None
        self._readers: set[Reader] = set()
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=KEPT)
        # Numbers begin anew with each start of the gateway, and so must their names.
        self._run = secrets.token_hex(4)
        self._number = 0
        self.is_closed = False
        #: Set while somebody reads.
        self.wanted = asyncio.Event()

    @property
    def readers(self) -> int:
        """How many read."""
        return len(self._readers)

    def join(self, last: str | None, is_gone: Callable[[], bool]) -> Reader | None:
        """Let one more read, who knows everything up to the event `last`; None when there are too many."""
        if len(self._readers) >= MAX_READERS:
            for other in [other for other in self._readers if other.is_gone()]:
                self.leave(other)
        if self.is_closed or len(self._readers) >= MAX_READERS:
            return None
        reader = Reader(is_gone)
        missed = self._since(last)
        if missed is not None:
            reader.resume(missed)
        self._readers.add(reader)
        self.wanted.set()
        return reader

    def leave(self, reader: Reader) -> None:
        """Forget a reader; after the last one, everything."""
        self._readers.discard(reader)
        reader.end()
        if not self._readers:
            self.wanted.clear()
            self._kept.clear()

    async def frame(self, reader: Reader, patience: float) -> bytes:
        """Return what the reader is to be sent next; nothing once all is over."""
        return await reader.frame(self._start, patience)

    def tell(self, name: str, data: dict[str, Any]) -> None:
        """Tell everybody; readers that start over hear it in what they start with."""
        self._number += 1
        frame = self._encode(name, data)
        self._kept.append((self._number, frame))
        for reader in self._readers:
            reader.give(frame)

    def wake(self) -> None:
        """Let those start that have waited for it."""
        for reader in self._readers:
            reader.wake()

    def close(self) -> None:
        """Tell everybody that it is over."""
        self.is_closed = True
        self.tell("end", {})
        for reader in self._readers:
            reader.end()

    def _start(self) -> bytes | None:
        whole = self.whole()
        return None if whole is None else self._encode("start", whole)

    def _since(self, last: str | None) -> list[bytes] | None:
        """Return the frames after this event; None when they are not all here."""
        run, _, number = (last or "").partition("-")
        if run != self._run or not number.isdecimal() or len(number) > 18 or not self._readers:
            return None
        missed = [frame for at, frame in self._kept if at > int(number)]
        return missed if len(missed) == self._number - int(number) else None

    def _encode(self, name: str, data: dict[str, Any]) -> bytes:
        body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        # What cannot be UTF-8 was never a character: half of a surrogate pair, say.
        frame = f"id: {self._run}-{self._number}\nevent: {name}\ndata: {body}\n\n"
        return frame.encode(errors="replace")
