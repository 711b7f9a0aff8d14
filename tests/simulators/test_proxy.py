"""The proxy that injures: unharmed what is well, and each injury is what its name says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.simulators.proxy import INJURIES, WELL, Injury, Proxy, proxied

Ask = Callable[[], Awaitable[bytes]]


class Echo:
    """Answers each line with itself, and notes what it heard."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the end."""
        while line := await reader.readline():
            self.heard.append(line)
            writer.write(line)
        writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[tuple[Echo, Proxy]]:
    """An echo behind a proxy."""
    made = Echo()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, limit=1 << 20)
    async with server, proxied("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
        yield made, proxy


@asynccontextmanager
async def talk(proxy: Proxy) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer(proxy: Proxy, line: bytes = b"hello\n") -> bytes:
    """Say a line and return what comes back until the line or the connection ends."""
    async with talk(proxy) as (reader, writer):
        writer.write(line)
        return await reader.readline()


async def test_what_is_well_passes_unharmed(echo: tuple[Echo, Proxy]) -> None:
    """Every byte, each way, on as many connections as there are; they are counted."""
    said = b"x" * 300_000 + b"\n"

    got = await asyncio.gather(*(_whole(echo[1], said) for _ in range(3)))

    assert got == [said] * 3
    assert echo[1].accepted == 3


async def _whole(proxy: Proxy, said: bytes) -> bytes:
    async with talk(proxy) as (reader, writer):
        writer.write(said)
        return await reader.readexactly(len(said))


@pytest.mark.parametrize(
    ("injury", "hears"),
    [(Injury(resets=True), 0), (Injury(loses_answers=True), 1), (Injury(cuts_after=0), 1)],
)
async def test_connection_is_reset(echo: tuple[Echo, Proxy], injury: Injury, hears: int) -> None:
    """Who asked sees a reset; whether the server heard of it is the difference."""
    echo[1].injury = injury

    with pytest.raises(ConnectionResetError):
        await answer(echo[1])

    assert len(echo[0].heard) == hears


async def test_answer_is_cut_where_it_is_said(echo: tuple[Echo, Proxy]) -> None:
    """So many bytes come, and then the reset."""
    echo[1].injury = Injury(cuts_after=3)
    async with talk(echo[1]) as (reader, writer):
        writer.write(b"hello\n")

        assert await reader.readexactly(3) == b"hel"
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)


async def test_who_is_deaf_holds_everything_back(echo: tuple[Echo, Proxy]) -> None:
    """Nothing passes, on connections of before neither; once it hears again, everything arrives."""
    async with talk(echo[1]) as (reader, writer):
        writer.write(b"one\n")
        assert await reader.readline() == b"one\n"
        echo[1].injury = INJURIES["deaf"]
        writer.write(b"two\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(line := asyncio.ensure_future(reader.readline())), 0.1)
        assert echo[0].heard == [b"one\n"]

        echo[1].injury = WELL
        assert await line == b"two\n"


async def test_trickle_comes_byte_by_byte(echo: tuple[Echo, Proxy]) -> None:
    """The answer arrives whole, in as many pieces as it has bytes."""
    echo[1].injury = Injury(crumbs=1, delay=0.02)
    async with talk(echo[1]) as (reader, writer):
        writer.write(b"hello\n")

        pieces = [await reader.read(100) for _ in b"hello\n"]

    assert b"".join(pieces) == b"hello\n"


async def test_connection_closes_after_its_answer(echo: tuple[Echo, Proxy]) -> None:
    """One answer comes, then an orderly end."""
    echo[1].injury = INJURIES["closed after each answer"]
    async with talk(echo[1]) as (reader, writer):
        writer.write(b"one\n")

        assert await reader.readline() == b"one\n"
        assert await reader.read() == b""


async def test_cut_and_refused(echo: tuple[Echo, Proxy]) -> None:
    """A cut resets what is open; a port that refuses takes nobody until it listens again, at the same place."""
    proxy = echo[1]
    async with talk(proxy) as (reader, writer):
        writer.write(b"one\n")
        assert await reader.readline() == b"one\n"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
    await proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await answer(proxy)

    await proxy.listen()

    assert await answer(proxy) == b"hello\n"
    assert proxy.open <= 1
