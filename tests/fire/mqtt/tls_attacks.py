"""What hostile peers do to a TLS port, with no secret of the site and little work of their own."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import Callable
from itertools import count

from tests.fire.mqtt.attacks import Target
from tests.integration.broker.mqtt import Client, connect

ABUSE = "127.0.0.66"
"""Where the attacks come from; good devices come from elsewhere."""


def hello() -> bytes:
    """Return a ClientHello of today: the server computes a signature for whoever says it again."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        side.do_handshake()
    return outgoing.read()


async def _crowd(target: Target, most: int, say: Callable[[Client, int], None]) -> None:
    """Open sockets until there are so many; each says something in each turn, and none reads; reset them all."""
    is_over, clients = target.is_over, list[Client]()
    try:
        for turn in count():
            if is_over():
                return
            with contextlib.suppress(OSError):
                while len(clients) < min(most, (turn + 1) * 20):
                    clients.append(await Client.open(target.port, source=ABUSE))
            for each in clients:
                if not each.writer.transport.is_closing():
                    say(each, turn)
            await asyncio.sleep(0.02)
    finally:
        for each in clients:
            each.writer.transport.abort()
        await asyncio.sleep(0.01)


async def slow_handshakes(target: Target) -> None:
    """A byte of a ClientHello now and then."""
    said = hello()
    await _crowd(target, 300, lambda client, turn: client.send(said[turn % len(said) :][:1]))


async def half_handshakes(target: Target) -> None:
    """A whole ClientHello, after which the server waits with its keys computed."""
    said = hello()
    await _crowd(target, 300, lambda client, turn: client.send(said) if not turn % 500 else None)


async def silence(target: Target) -> None:
    """Not a byte."""
    await _crowd(target, 300, lambda client, turn: None)


async def _strikes(target: Target, said: Callable[[], bytes], *, hears: int) -> None:
    """Connect, say it, hear a little, reset, and come again: as often as it goes."""
    is_over = target.is_over

    async def striking() -> None:
        while not is_over():
            client = await Client.open(target.port, source=ABUSE)
            client.send(said())
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                await asyncio.wait_for(client.reader.read(hears), 1)
            client.writer.transport.abort()
            await asyncio.sleep(0)

    await asyncio.gather(*(striking() for _ in range(8)))


async def many_handshakes(target: Target) -> None:
    """ClientHellos only, each answered with a signature, thousands a second where they are let in."""
    said = hello()
    await _strikes(target, lambda: said, hears=1)


async def plaintext(target: Target) -> None:
    """CONNECTs of MQTT."""
    await _strikes(target, lambda: connect("bad0"), hears=64)


async def garbage_records(target: Target) -> None:
    """Records of every kind, of lengths that TLS allows and does not, with noise in them."""

    def record() -> bytes:
        noise = os.urandom(64)
        return bytes((0x14 + noise[0] % 6, 3, noise[1] % 5)) + noise[2:4] + noise

    await _strikes(target, record, hears=64)


async def garbage_within(target: Target) -> None:
    """Noise behind a ClientHello that is well-formed."""
    said = hello()
    await _strikes(target, lambda: said + b"\x17\x03\x03\x00\x40" + os.urandom(64), hears=64)
