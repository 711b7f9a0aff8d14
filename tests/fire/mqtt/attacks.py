"""What hostile peers do: each attack lasts a while, on real sockets, and cleans up after itself."""

import asyncio
import contextlib
import itertools
import os
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import NamedTuple

from tests.integration.broker.mqtt import (
    ACCEPTED,
    DISCONNECT,
    PINGREQ,
    Client,
    connect,
    packet,
    puback,
    publish,
    subscribe,
    text,
    unsubscribe,
)

MILLION = 1_000_000


class Target(NamedTuple):
    """Whom to attack, and how long."""

    port: int
    seconds: float
    #: How many peers at the most.
    crowd: int

    @property
    def is_over(self) -> Callable[[], bool]:
        """Begin the attack: the function says when it is over."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.seconds
        return lambda: loop.time() >= end


Attack = Callable[[Target], Awaitable[None]]


@contextlib.asynccontextmanager
async def peers(
    target: Target, count: int, *, logged_in: bool = True, keep_alive: int = 60
) -> AsyncIterator[list[Client]]:
    """Open sockets, as bad0, bad1, … where they log in; reset them all at the end."""
    clients = [await Client.open(target.port) for _ in range(min(count, target.crowd))]
    try:
        if logged_in:
            for number, client in enumerate(clients):
                client.send(connect(f"bad{number}", keep_alive=keep_alive))
            for client in clients:
                await client.expect(ACCEPTED)
        yield clients
    finally:
        await _cut(clients)
        if logged_in:
            await _rest(target, len(clients))


async def _cut(clients: Iterable[Client]) -> None:
    """Reset them all, and let the loop do it."""
    for client in clients:
        client.writer.transport.abort()
    await asyncio.sleep(0.01)


async def _rest(target: Target, count: int) -> None:
    """Come once more and leave properly: what a flood left in the kernels is read at its pace, for long."""
    for number in range(count):
        client = await Client.open(target.port)
        client.send(connect(f"bad{number}"), DISCONNECT)
        await client.rest()
        client.writer.transport.abort()


async def strikes(target: Target, said: Callable[[int], bytes]) -> None:
    """Connect, say something, read to the end and come again, eight at a time."""
    is_over, numbers = target.is_over, itertools.count()

    async def striking() -> None:
        while not is_over():
            client = await Client.open(target.port)
            client.send(said(next(numbers)))
            with contextlib.suppress(OSError):
                client.writer.write_eof()
            await client.rest()
            client.writer.transport.abort()

    await asyncio.gather(*(striking() for _ in range(8)))


async def pours(
    target: Target, clients: Iterable[Client], blocks: Iterator[bytes], *, reads: bool = True
) -> int:
    """Send as fast as the broker takes it, until the time is over; return how many blocks were sent."""
    is_over, sent = target.is_over, 0

    async def pouring(client: Client) -> None:
        nonlocal sent
        reading = asyncio.create_task(_reads_on(client)) if reads else None
        with contextlib.suppress(OSError, TimeoutError):
            while not is_over() and (block := next(blocks, b"")):
                client.send(block)
                await asyncio.wait_for(client.writer.drain(), target.seconds)
                sent += 1
                await asyncio.sleep(0)
        if reading is not None:
            reading.cancel()
            await asyncio.wait({reading})

    await asyncio.gather(*map(pouring, clients))
    return sent


async def _reads_on(client: Client) -> None:
    with contextlib.suppress(OSError):
        while await client.reader.read(65_536):
            pass


async def trickles(target: Target, clients: list[Client], whole: bytes) -> None:
    """Send a byte to each, again and again."""
    is_over, at = target.is_over, 0
    while not is_over():
        for client in clients:
            if not client.writer.is_closing():
                client.send(whole[at : at + 1])
        at += 1
        await asyncio.sleep(0.05)


# Slow and silent


async def half_a_connect(target: Target) -> None:
    """Slowloris before the login: the largest CONNECT, byte by byte."""
    async with peers(target, 300, logged_in=False) as clients:
        await trickles(target, clients, b"\x10\xff\x7f" + connect("bad0")[2:] * 20)


async def most_of_a_connect(target: Target) -> None:
    """As much of a CONNECT as the broker holds for a stranger, and never the end of it."""
    async with peers(target, 300, logged_in=False) as clients:
        for client in clients:
            client.send(b"\x10\xff\x7f" + b"\0\4MQTT\4\2\0\x3c\x3f\x00" + b"x" * 16_000)
        await asyncio.sleep(target.seconds)


async def silence(target: Target) -> None:
    """Sockets on which nothing ever comes."""
    async with peers(target, 500, logged_in=False):
        await asyncio.sleep(target.seconds)


async def half_a_publish(target: Target) -> None:
    """Slowloris after the login: most of the largest PUBLISH, then byte by byte."""
    async with peers(target, 200, keep_alive=1) as clients:
        most = packet(0x32, text("ota/P/bad0/report") + b"\0\1" + b"x" * 65_000)
        for client in clients:
            client.send(most[:60_000])
        await trickles(target, clients, most[60_000:])


async def deafness(target: Target) -> None:
    """Devices that ask for answers and never read one."""
    async with peers(target, 20) as clients:
        for client in clients:
            client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        await pours(target, clients, itertools.repeat(PINGREQ * 5000), reads=False)


async def no_keep_alive(target: Target) -> None:
    """Devices that ask for no keep-alive, or for 18 hours, and then say nothing."""
    async with peers(target, 50, keep_alive=0) as clients:
        for number, client in enumerate(clients[::2]):
            client.writer.transport.abort()
            clients[number * 2] = await Client.open(target.port)
            clients[number * 2].send(connect(f"bad{number * 2}", keep_alive=65_535))
        await asyncio.sleep(target.seconds)


# Crowds


async def one_name(target: Target) -> None:
    """Forty connections that are all the same device, over and over."""
    await strikes(target, lambda _number: connect("bad0") + subscribe("ota/P/bad0/command") + PINGREQ)


async def one_name_at_once(target: Target) -> None:
    """As many as can be wait for one device's place at the same time."""
    is_over = target.is_over
    while not is_over():
        async with peers(target, 60, logged_in=False) as clients:
            for client in clients:
                client.send(connect("bad0", clean=False))
            await asyncio.sleep(0.05)


async def strangers(target: Target) -> None:
    """Wrong passwords, each under another name."""
    await strikes(target, lambda number: connect(f"bad{number}", password="wrong", client_id="x" * 256))


async def crowds(target: Target) -> None:
    """Connect and leave, as fast as can be, in every way of leaving."""
    is_over = target.is_over
    while not is_over():
        async with peers(target, 100, logged_in=False) as clients:
            for number, client in enumerate(clients):
                match number % 4:
                    case 0:
                        client.send(connect(f"bad{number}"))
                    case 1:
                        client.send(connect(f"bad{number}"), DISCONNECT)
                    case 2:
                        client.send(connect(f"bad{number}")[:9])
                    case _:
                        client.writer.write_eof()
            await asyncio.sleep(0)


async def masses(target: Target) -> None:
    """Sockets as fast as the kernel opens them: every other one is closed at once, none of them says a word."""
    is_over = target.is_over
    with contextlib.ExitStack() as opened:
        for number in itertools.count():
            if is_over():
                return
            sock = socket.create_connection(("127.0.0.1", target.port), 10)
            if number % 2 or number > target.crowd:
                sock.close()
            else:
                opened.enter_context(sock)
            await asyncio.sleep(0)


# Too much


async def subscriptions(target: Target) -> None:
    """A million filters, or as many as the time allows, each another one, in packets as full as may be."""
    blocks = (
        subscribe(*(f"ota/P/bad0/{number}/{at}" for at in range(32))) for number in range(MILLION // 32)
    )
    async with peers(target, 20) as clients:
        # The kernels take all of it soon; the gateway reads it at its pace.
        await asyncio.gather(pours(target, clients, blocks), asyncio.sleep(target.seconds))


async def the_same_subscription(target: Target) -> None:
    """One filter, granted again and again, thirty times in a packet, and ended as often."""
    block = subscribe(*["ota/P/bad0/command"] * 30) + unsubscribe("ota/P/bad0/command")
    async with peers(target, 1) as clients:
        await pours(target, clients, itertools.repeat(block * 20))


async def pings(target: Target) -> None:
    """PINGREQs and nothing else."""
    async with peers(target, 20) as clients:
        await pours(target, clients, itertools.repeat(PINGREQ * 8000))


async def pubacks(target: Target) -> None:
    """PUBACKs of what was never sent."""
    async with peers(target, 20) as clients:
        await pours(target, clients, itertools.repeat(puback(1) * 8000))


async def reports(target: Target) -> None:
    """Reports at QoS 0, far above the rate."""
    async with peers(target, 20) as clients:
        await pours(target, clients, itertools.repeat(publish("ota/P/bad0/report", b"x" * 200) * 100))


async def retained(target: Target) -> None:
    """Retained messages on ever new topics, at both QoS."""
    blocks = (
        publish(f"retained/{number}", b"x" * 4000, flags=1) + publish(f"r/{number}", b"y", 1, flags=1)
        for number in itertools.count()
    )
    async with peers(target, 20) as clients:
        await pours(target, clients, blocks)


async def topics(target: Target) -> None:
    """Topics and filters as long, and as deep, as MQTT can say them."""
    blocks = itertools.cycle(
        (
            publish("/" * 65_000, b"", 1),
            publish("x" * 65_000, b"", 1),
            subscribe("ota/P/bad0/" + "/" * 60_000),
            subscribe("ota/P/bad0/" + "+/" * 30_000 + "#"),
            subscribe("\U0001f525" * 16_000),
        )
    )
    async with peers(target, 20) as clients:
        await pours(target, clients, blocks)


async def giants(target: Target) -> None:
    """The largest PUBLISH that MQTT has: 256 MB each, as fast as it is taken."""
    async with peers(target, 8) as clients:
        for number, client in enumerate(clients):
            client.send(b"\x32\xff\xff\xff\x7f" + text(f"ota/P/bad{number}/report") + b"\0\1")
        await pours(target, clients, itertools.repeat(bytes(65_536)))


async def wills(target: Target) -> None:
    """Connections that end at once and leave the largest will, retained."""
    await strikes(
        target, lambda number: connect(f"bad{number % 500}", will=("ota/P/good0/report", b"w" * 16_000))
    )


async def qos_2(target: Target) -> None:
    """PUBLISH of QoS 2, PUBREL, PUBREC, PUBCOMP."""
    said = (b"\x34", b"\x62", b"\x50", b"\x70")
    body = text("ota/P/bad0/report") + b"\0\1x"
    await strikes(
        target,
        lambda number: (
            connect(f"bad{number % 500}") + packet(said[number % 4][0], body if number % 4 == 0 else b"\0\1")
        ),
    )


async def garbage(target: Target) -> None:
    """Random bytes, before a login and after one."""
    chance = random.Random(20_261_121)
    await strikes(
        target,
        lambda number: (
            (connect(f"bad{number % 500}") if number % 2 else b"") + chance.randbytes(chance.randrange(3000))
        ),
    )


async def siege_noise(target: Target) -> None:
    """Garbage of the system's own randomness, which no two runs share."""
    await strikes(
        target, lambda number: (connect(f"bad{number % 500}") if number % 2 else b"") + os.urandom(800)
    )
