"""The ordered end: nobody new, what was received acknowledged, everybody gone in a few seconds."""

import asyncio
import socket

import pytest

from gateway.devices.broker import Limits, Listener, MqttBroker, broker
from tests.integration.broker.mqtt import PATIENCE_S, connect, puback, publish, subscribe
from tests.integration.broker.site import House, device, eventually, house_with

REPORT = "ota/P/dev1/report"
COMMAND = "ota/P/dev1/command"


async def _ends_uncut(house: House) -> None:
    """End, while whoever does not let go would be waited for until the test gave up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(broker, "_LEAVE_S", 100 * PATIENCE_S)
        async with asyncio.timeout(PATIENCE_S):
            await house.broker.stop()


async def test_stop_accepting_lets_commits_be_acknowledged(house: House) -> None:
    """Nobody comes any more, nothing is taken any more; what was taken is acknowledged when it is committed."""
    house.receiver.holds = True
    client, stranger = await house.device(), await house.client()
    client.send(publish(REPORT, b"1", 1))
    await eventually(lambda: len(house.receiver.received_) == 1)

    await house.broker.stop_accepting()
    client.send(publish(REPORT, b"2", 2))

    with pytest.raises(ConnectionRefusedError):
        await house.client()
    assert await stranger.rest() == b""
    house.receiver.received_[0].settle(True)
    await client.expect(puback(1))
    await house.broker.stop()
    assert await client.rest() == b""
    assert house.receiver.payloads == [b"1"]
    assert house.receiver.lives == [("connected", "dev1"), ("disconnected", "dev1")]


async def test_stop_with_a_thousand_connections() -> None:
    """All go by themselves, each told to the receiver once."""
    async with house_with() as house:
        clients = [await house.client() for _ in range(1000)]
        for number, client in enumerate(clients):
            client.send(connect(f"dev{number}"))
        await eventually(lambda: house.receiver.present == 1000)

        await _ends_uncut(house)

        assert house.receiver.present == 0
        assert len(set(house.receiver.lives)) == len(house.receiver.lives) == 2000


async def test_stop_with_strangers_that_say_nothing(house: House) -> None:
    """Half-open sockets, half a CONNECT and a login in judgement hold up nothing."""
    house.access.gate.clear()
    silent, half, judged = await house.client(), await house.client(), await house.client()
    half.send(connect()[:9])
    judged.send(connect())
    await eventually(lambda: len(house.access.logins) == 1)

    await _ends_uncut(house)

    for client in (silent, half, judged):
        assert await client.rest() == b""
    assert house.receiver.lives == []


async def test_stop_with_one_who_was_accepted_this_very_moment(house: House) -> None:
    """His socket is closed as well, although nothing of his has begun."""
    [door] = house.broker._doors
    with house.raw() as sock:
        door._accept()
        await _ends_uncut(house)
        sock.setblocking(False)
        assert await asyncio.get_running_loop().sock_recv(sock, 1) == b""


async def test_stop_with_devices_that_never_read(house: House) -> None:
    """Full write buffers are cut after a moment."""
    socks = [await _never_reading(house, f"dev{number}") for number in range(1, 20)]
    for number in range(1, 20):
        while house.broker.send(device(f"dev{number}"), f"ota/P/dev{number}/command", b"x" * 60_000):
            await asyncio.sleep(0)

    async with asyncio.timeout(PATIENCE_S):
        await house.broker.stop()

    assert house.receiver.present == 0
    for sock in socks:
        sock.close()


async def test_stop_while_the_receiver_has_no_room(house: House) -> None:
    """Connections that wait for room end like the others."""
    client = await house.device()
    house.receiver.has_room = False
    client.send(*(publish(REPORT, b"x", each) for each in range(1, 500)))
    await eventually(lambda: len(house.receiver.received_) == 1)

    await _ends_uncut(house)


async def test_stop_twice(house: House) -> None:
    """The second stop has nothing to do."""
    await house.device()

    await house.broker.stop()
    await house.broker.stop()


async def test_an_address_that_is_taken_is_named(house: House) -> None:
    """start() says which address, and leaves nothing behind."""
    taken = Listener(host="127.0.0.1", port=house.port)
    second = House()
    broker = MqttBroker(
        [Listener(host="127.0.0.1", port=0), taken],
        access=second.access,
        receiver=second.receiver,
        limits=Limits(),
        metrics=second.metrics,
    )

    await asyncio.sleep(0)
    before = asyncio.all_tasks()

    with pytest.raises(OSError, match=f"127.0.0.1 port {house.port}"):
        await broker.start()

    assert asyncio.all_tasks() == before


async def _never_reading(house: House, name: str) -> socket.socket:
    sock = house.raw()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_sendall(sock, connect(name) + subscribe(f"ota/P/{name}/command"))
    await eventually(lambda: house.broker.send(device(name), f"ota/P/{name}/command", b"first"))
    return sock
