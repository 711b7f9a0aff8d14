"""The push service: the cloud tells an HTTP application of the user that there is a task.

Variant A is the documented one, B that of the vendor's newer demo. Both are secured by MD5 alone, so that a push is
no more than a hint to ask.
"""

import asyncio
import hashlib
import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp

Variant = Literal["A", "B"]
TIMEOUT = aiohttp.ClientTimeout(total=5)  # seconds
NEW_TASK = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What became of a push; no status means that nobody answered."""

    url: str
    body: str
    status: int | None
    error: str = ""


@dataclass(slots=True)
class Pusher:
    """Announces new tasks to ``url``, if there is one; one attempt each, as nothing is written of more."""

    clock: Callable[[], float]
    url: str = ""
    variant: Variant = "A"
    token: str = "push-token-001"
    uid: int = 42
    pid: int = 100001
    rewrites: bool = False  # B: the message is signed in one spelling and sent in another
    pushed: list[Pushed] = field(default_factory=list)
    _waiting: deque[tuple[str, int]] = field(default_factory=deque)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _count: int = 0

    def announce(self, dev_id: str, version: str) -> None:
        """Let a new task be pushed soon, together with others for the same version."""
        if self.url and dev_id.isdigit():  # devices are numbers here
            self._waiting.append((version, int(dev_id)))
            self._news.set()

    async def run(self) -> None:
        """Push what is announced, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            waiting = list(self._waiting)
            self._waiting.clear()
            for version in dict.fromkeys(version for version, _ in waiting):
                dids = [did for wanted, did in waiting if wanted == version]
                await self.push(self.url, dids=dids, version=version)

    async def verify(self, url: str) -> bool:
        """Ask with GET whether someone with the token is there, as the console does before it takes a URL."""
        query = {"signature": signature_a(self.token, self.uid)}
        try:
            async with _session() as session, session.get(url, params=query) as response:
                return response.status == 200 and (await response.text()).strip() == "PASSED"
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def push(
        self, url: str, *, dids: Sequence[int], version: str, kind: int = NEW_TASK, forged: bool = False
    ) -> Pushed:
        """Send one push; ``kind`` is for variant B, ``forged`` spoils the signature."""
        make = self._body_a if self.variant == "A" else self._body_b
        body = make(list(dids), version, kind, "not the token" if forged else self.token)
        status, error = None, ""
        headers = {"Content-Type": "application/json"}
        try:
            async with _session() as session, session.post(url, data=body, headers=headers) as response:
                status = response.status
                await response.read()
        except (aiohttp.ClientError, TimeoutError) as failure:
            error = type(failure).__name__
        pushed = Pushed(url=url, body=body, status=status, error=error)
        self.pushed.append(pushed)
        return pushed

    def summary(self) -> dict[str, int]:
        """Return how many were sent, and how many of them were welcome."""
        welcome = sum(each.status == 200 for each in self.pushed)
        return {"sent": len(self.pushed), "welcome": welcome}

    def _body_a(self, dids: list[int], version: str, kind: int, token: str) -> str:
        now = int(self.clock() * 1000)
        return json.dumps(
            {
                "info": {"uid": self.uid, "date": now},
                "signature": signature_a(token, self.uid),
                "msg": {"dids": dids, "startTime": now, "version": version},
            }
        )

    def _body_b(self, dids: list[int], version: str, kind: int, token: str) -> str:
        self._count += 1
        now, nonce = int(self.clock() * 1000), f"nonce{self._count}"
        message: dict[str, Any] = {"uid": self.uid, "pid": self.pid, "at": now, "dids": dids, "type": kind}
        message |= {"startTime": now} if kind == NEW_TASK else {}
        message |= {"version": version} if kind in (NEW_TASK, 4) else {}
        text = json.dumps(message, separators=(",", ":"))
        sent = json.dumps(message, sort_keys=True) if self.rewrites else text
        return f'{{"msg":{sent},"nonce":"{nonce}","signature":"{signature_b(token, nonce, text)}"}}'


def signature_a(token: str, uid: int) -> str:
    """Return the one signature of variant A, the same for GET and POST."""
    return hashlib.md5(f"{token}{uid}".encode()).hexdigest()


def signature_b(token: str, nonce: str, message: str) -> str:
    """Return the signature of variant B over the JSON text of the message."""
    return hashlib.md5(f"{token}{nonce}{message}".encode()).hexdigest()


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=TIMEOUT)
