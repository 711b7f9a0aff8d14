"""One address floods, others come in; and whoever left a flood behind is forgotten soon."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from gateway.devices.broker import departure
from tests.integration.broker.mqtt import ACCEPTED, PINGREQ, Client, connect, puback, publish
from tests.integration.broker.site import House, eventually, house_with

HOSTILE = "127.0.0.66"
QUIET = puback(1) * 4000
"""Packets that ask for no answer."""


@contextlib.asynccontextmanager
async def flood(house: House) -> AsyncIterator[None]:
    """Open sockets from one address, as fast as it goes."""

    async def flooding() -> None:
        while True:
            with contextlib.suppress(OSError):
                client = await Client.open(house.port, source=HOSTILE)
                client.writer.transport.abort()
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(flooding()) for _ in range(8)]
    try:
        yield
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.wait(tasks)


async def test_a_flood_from_one_address_locks_nobody_else_out() -> None:
    """Every device that comes from elsewhere is let in at its first try, while the flood is refused."""
    async with house_with(connects_per_second=40) as house:
        async with flood(house):
            await eventually(lambda: house.counted("connections_refused_total", "connect_rate") > 50)
            for number in range(20):
                client = await Client.open(house.port, source=f"127.0.0.{2 + number % 4}")
                house.clients.append(client)
                client.send(connect(f"dev{number}"))
                await client.expect(ACCEPTED)
                await asyncio.sleep(0.02)
            refused = house.counted("connections_refused_total", "connect_rate")
        assert refused > 100
        assert house.receiver.present == 20


async def test_silent_sockets_of_one_address_leave_places_to_devices() -> None:
    """It may take half of all places before a login; who has logged in counts no more."""
    async with house_with(max_connections=8) as house:
        for number in range(3):
            await house.device(f"dev{number}")
        for _ in range(6):
            house.clients.append(await Client.open(house.port, source=HOSTILE))
        await eventually(lambda: house.counted("connections_refused_total", "max_connections") == 2)

        await house.device("dev9")

        assert house.receiver.present == 4


async def test_a_place_that_a_stranger_left_is_free_again() -> None:
    """As often as strangers come and go."""
    async with house_with(max_connections=4) as house:
        for _ in range(10):
            client = await Client.open(house.port, source=HOSTILE)
            await eventually(lambda: len(house.broker._crowd()) == 1)
            await client.close()
            await eventually(lambda: not house.broker._crowd())

        assert house.counted("connections_refused_total", "max_connections") == 0


def _flooded(house: House, packets: bytes, most: int) -> socket.socket:
    """Log in and say more than is read in a quarter of an hour."""
    sock = house.raw()
    sock.settimeout(10)
    sock.sendall(connect("dev1"))
    assert sock.recv(4, socket.MSG_WAITALL) == ACCEPTED
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        for _ in range(most):
            sock.send(packets)
    return sock


@pytest.mark.parametrize("packets", [PINGREQ * 8000, QUIET], ids=["answered", "not answered"])
async def test_a_flood_that_was_cut_off_is_gone_at_once(packets: bytes) -> None:
    """What it left unread is not read at the pace of one device."""
    async with house_with(publishes_per_second=50) as house:
        sock = await asyncio.to_thread(_flooded, house, packets, 100)
        await eventually(lambda: house.receiver.present == 1)

        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

        await eventually(lambda: house.is_empty, 3)


async def test_a_dead_flooder_s_megabytes_are_left_to_its_kernel() -> None:
    """The end of a process that floods waits behind what its kernel still has; the next answer finds it out."""
    async with house_with(publishes_per_second=50) as house:
        sock = await asyncio.to_thread(_flooded, house, PINGREQ * 8000, 100)
        await eventually(lambda: house.receiver.present == 1)
        sock.close()

        await eventually(lambda: house.is_empty, 3)


@pytest.mark.parametrize("name", ["LINGER_S", "PATIENCE_S"])
async def test_what_nobody_waits_for_is_read_for_a_while(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind its end, which is seen or waits for room: a device may close behind what it said, but not for hours."""
    monkeypatch.setattr(departure, name, 0.6)
    ending = {"LINGER_S": "connection_lost", "PATIENCE_S": "publish_rate"}[name]
    async with house_with(publishes_per_second=50) as house:
        sock = await asyncio.to_thread(_flooded, house, QUIET, 1 if name == "LINGER_S" else 100)
        await eventually(lambda: house.receiver.present == 1)
        start = asyncio.get_running_loop().time()
        sock.close()

        await eventually(lambda: house.is_empty, 5)

        assert asyncio.get_running_loop().time() - start > 0.4
        assert house.counted("protocol_errors_total", "publish_rate") == (ending == "publish_rate")


async def test_a_flood_that_is_answered_goes_on() -> None:
    """Reports at QoS 1 are a backlog that somebody waits for: slow, but never cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(departure, "PATIENCE_S", 0.2)
        async with house_with(publishes_per_second=100, publish_burst=5) as house:
            client = await house.device()
            ids = range(1, 101)
            client.send(*(publish("ota/P/dev1/report", b"x" * 900, each) for each in ids))

            await client.expect(puback(*ids))
