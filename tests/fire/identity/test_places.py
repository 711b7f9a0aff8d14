"""The operators' listener under strangers: they need no token to connect, and must not take what others need."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp.web_protocol import RequestHandler

from gateway.ops import door
from tests.fire.identity.test_api import TOKEN, Api, api, locked

__all__ = ["locked"]

HALF = b"GET /metrics HTTP/1.1\r\nHost: 127"
WHOLE = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def _eventually(api: Api, count: int) -> None:
    """Wait until so many connections are open."""
    async with asyncio.timeout(10):
        while open_at(api) != count:
            await asyncio.sleep(0.01)


def open_at(api: Api) -> int:
    """Count the open connections as the server does."""
    server = api.server._door._runner.server
    assert server is not None
    return len(server.connections)


async def _crowd(api: Api, count: int, words: bytes) -> list[asyncio.StreamWriter]:
    """Connect often from another address of this machine, say this and stay."""
    host, port = api.server.address.host, api.server.address.port
    found = []
    for _ in range(count):
        _, writer = await asyncio.open_connection(host, port, local_addr=("127.0.0.2", 0))
        writer.write(words)
        found.append(writer)
    return found


@pytest.mark.parametrize("words", [b"", HALF, WHOLE], ids=["silent", "half a request", "idle"])
async def test_a_crowd_from_one_address_leaves_room(locked: Api, words: bytes) -> None:
    """It is bounded, so that devices and clouds keep their descriptors, and operators elsewhere are answered."""
    crowd = await _crowd(locked, door.MOST + 20, words)
    await _eventually(locked, door.MOST // 2)
    reply = await locked.ask("/api/v1/status", Authorization=f"Bearer {TOKEN}")
    assert reply.status == 200
    for writer in crowd:
        writer.close()
    await _eventually(locked, 0)


async def test_who_has_gone_is_forgotten(locked: Api) -> None:
    """A year of scrapes takes no more memory than a day of them."""
    before = remembered()
    for _ in range(3 * door.MOST):
        [writer] = await _crowd(locked, 1, b"")
        writer.close()
    await _eventually(locked, 0)
    assert remembered() - before < door.MOST


def remembered() -> int:
    """Count the connections that memory still has something of."""
    gc.collect()
    return sum(isinstance(each, RequestHandler) for each in gc.get_objects())


@pytest.fixture
async def hasty(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    """Has little patience."""
    monkeypatch.setattr(door, "PATIENCE", 0.5)
    async with api() as made:
        yield made


@pytest.mark.parametrize("words", [b"", HALF, WHOLE + HALF], ids=["silent", "half", "the second half"])
async def test_who_does_not_ask_is_shown_out(hasty: Api, words: bytes) -> None:
    """Neither silence nor half a request holds a place."""
    [writer] = await _crowd(hasty, 1, words)
    await _eventually(hasty, 1)
    await _eventually(hasty, 0)
    writer.close()


async def test_who_takes_no_answer_is_shown_out(hasty: Api) -> None:
    """He asks again and again and reads nothing: what was written for him is given up."""
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect((hasty.server.address.host, hasty.server.address.port))
        line.setblocking(False)
        await _eventually(hasty, 1)
        with pytest.raises(ConnectionError):
            await _asked_for_ever(line)
        await _eventually(hasty, 0)


async def _asked_for_ever(line: socket.socket) -> None:
    """Ask until nothing more goes out, and on."""
    async with asyncio.timeout(20):
        while True:
            await asyncio.get_running_loop().sock_sendall(line, WHOLE * 500)
