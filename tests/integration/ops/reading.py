"""A reader of `/api/v1/events`, written from the standard and not from ours."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

PATIENCE_S = 10.0


@dataclass(frozen=True)
class Event:
    """What came: `name` is "" for a comment."""

    name: str
    id: str
    data: Any
    size: int


class Stream:
    """The events of one answer."""

    def __init__(self, reply: aiohttp.ClientResponse) -> None:
        self.reply = reply

    async def next(self, *, comments: bool = False) -> Event | None:
        """Return the next event; None once the stream has ended."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                lines = await self._block()
                if lines is None:
                    return None
                event = _event(lines)
                if event.name or (comments and not any(line.startswith("retry") for line in lines)):
                    return event

    async def expect(self, name: str) -> Event:
        """Return the next event, which must be of this name."""
        event = await self.next()
        assert event is not None, f"the stream ended before {name}"
        assert event.name == name, event
        return event

    async def _block(self) -> list[str] | None:
        lines: list[str] = []
        while line := await self.reply.content.readline():
            if line == b"\n":
                return lines
            lines.append(line.decode().removesuffix("\n"))
        return None


@asynccontextmanager
async def reading(url: str, last: str | None = None, *, token: str = "") -> AsyncIterator[Stream]:
    """Read along from now, or from after an event."""
    headers = {} if last is None else {"Last-Event-ID": last}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession(read_bufsize=2**20) as session,
        session.get(url, headers=headers) as reply,
    ):
        assert reply.status == 200, await reply.text()
        yield Stream(reply)


def merged(old: Any, patch: Any) -> Any:
    """Apply a merge patch as RFC 7396 writes it down."""
    if not isinstance(patch, dict):
        return patch
    found = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), value)
    return found


def _event(lines: list[str]) -> Event:
    fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
    data = json.loads(fields["data"]) if "data" in fields else None
    return Event(fields.get("event", ""), fields.get("id", ""), data, sum(map(len, lines)))
