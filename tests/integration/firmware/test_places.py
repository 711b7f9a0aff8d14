"""Whoever holds all that he can get of the image server leaves enough to others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from gateway import logs
from gateway.firmware.cache import FirmwareCache
from gateway.firmware.waits import Waits
from tests.fire.identity.test_api import logging_restored
from tests.fire.identity.test_places import remembered
from tests.integration.firmware.raw import Connection
from tests.integration.firmware.test_obtain import until
from tests.integration.firmware.test_server import LARGE, House, opened_large, slow_reader

__all__ = ["logging_restored"]

MOST = 20


@pytest.fixture
async def large(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FirmwareCache]:
    """A cache with room for an image that no socket buffer holds."""
    async with FirmwareCache(tmp_path_factory.mktemp("places"), quota=3 * LARGE) as cache:
        yield cache


async def _taken_slowly(house: House, subject: str, times: int, stack: ExitStack) -> None:
    """Ask with one link on many connections, and hardly read."""
    loop = asyncio.get_running_loop()
    for _ in range(times):
        line = stack.enter_context(slow_reader(house.server.address))
        await loop.sock_sendall(line, f"GET {house.path(subject)} HTTP/1.1\r\nHost: h\r\n\r\n".encode())


async def test_one_link_does_not_take_every_place(large: FirmwareCache) -> None:
    """A device that was taken over, or whoever overheard its link, has a few transfers; all others have the rest."""
    waits = Waits(transfers=8, transfers_of_one=2, queue=timedelta(seconds=0.3))
    async with opened_large(large, waits) as house:
        with ExitStack() as lines:
            await _taken_slowly(house, "P/bad", 8, lines)
            await until(lambda: house.server.answers[503] == 6)
            assert house.server.transfers == 2
            reply = await house.get(house.path("P/good"), "Range: bytes=0-9")
            assert reply.body == bytes(10)
        await until(lambda: house.server.transfers == 0)
        again = await house.get(house.path("P/bad"), "Range: bytes=0-9")
        assert again.body == bytes(10)


@pytest.mark.parametrize(
    "words", [b"", b"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n"], ids=["silent", "refused"]
)
async def test_one_network_leaves_half_of_the_connections(large: FirmwareCache, words: bytes) -> None:
    """Whether a stranger says nothing, or asks for what is not there and stays: devices elsewhere still come in."""
    async with opened_large(large, Waits(connections=MOST)) as house:
        host, port = house.server.address.host, house.server.address.port
        for _ in range(MOST):
            guest = Connection(*await asyncio.open_connection(host, port, local_addr=("127.0.0.2", 0)))
            guest.writer.write(words)
            house.connections.append(guest)
        await until(lambda: house.connections_open == MOST // 2)
        reply = await house.get(house.path("P/good"), "Range: bytes=0-9")
        assert reply.body == bytes(10)
        assert house.connections_open <= MOST // 2 + 1


@pytest.mark.parametrize("words", [b"", b"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n"], ids=["silent", "heard"])
async def test_who_has_gone_is_forgotten(large: FirmwareCache, words: bytes) -> None:
    """Strangers who come and go as fast as they can fill no memory while their time to ask runs."""
    async with opened_large(large, Waits(connections=MOST)) as house:
        before = remembered()
        for _ in range(5 * MOST):
            guest = await house.connect()
            guest.writer.write(words)
            await guest.close()
        await until(lambda: house.connections_open == 0)
        assert remembered() - before <= MOST


async def test_what_is_sent_along_leaves_no_trace(
    large: FirmwareCache, logging_restored: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A body that says it is packed and is not: nobody can fill the log with the traces of it."""
    logs.configure("warning", json=True)
    async with opened_large(large, Waits()) as house:
        guest = await house.connect()
        guest.ask("/f/x", "Content-Encoding: gzip", "Content-Length: 9", "Connection: close")
        guest.writer.write(b"no gzip..")
        assert b" 403 " in await asyncio.wait_for(guest.reader.read(-1), 5)
    assert capsys.readouterr().out == ""
