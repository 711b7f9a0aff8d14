"""Noise: whatever comes, nothing is left of it and the broker serves on."""

import random

import pytest

from tests.integration.broker.mqtt import (
    DISCONNECT,
    PINGREQ,
    connect,
    puback,
    publish,
    subscribe,
    unsubscribe,
)
from tests.integration.broker.site import House, eventually

REPORT = "ota/P/dev0/report"
GOOD = (
    PINGREQ,
    DISCONNECT,
    publish(REPORT, b"x" * 200, 1),
    publish(REPORT),
    publish("ota/P/dev9/report", b"not mine", 2),
    subscribe("ota/P/dev0/command", "#"),
    unsubscribe("ota/P/dev0/command"),
    connect("dev0"),
)


def noise(seed: int) -> bytes:
    """Return a stream that begins well most of the time and is spoilt here and there."""
    chance = random.Random(seed)
    stream = bytearray(connect("dev0") if chance.random() < 0.8 else b"")
    for _ in range(chance.randrange(12)):
        stream += chance.choice(GOOD)
    for _ in range(chance.randrange(4)):
        if stream:
            stream[chance.randrange(len(stream))] = chance.randrange(256)
    return bytes(stream[: chance.randrange(len(stream) + 1)] if chance.random() < 0.3 else stream)


@pytest.mark.parametrize("part", range(4))
async def test_a_thousand_streams_of_noise(house: House, part: int) -> None:
    """All are closed or served; no session, task or socket stays, and a proper device is served."""
    for seed in range(part * 250, part * 250 + 250):
        client = await house.client()
        client.send(noise(seed))
        if seed % 3:
            client.writer.transport.abort()
        else:
            client.writer.write_eof()

    await eventually(lambda: house.is_empty)
    lives = [what for what, _ in house.receiver.lives]
    assert lives.count("connected") == lives.count("disconnected")
    client = await house.device("dev1")
    client.send(publish("ota/P/dev1/report", b"1", 1))
    await client.expect(puback(1))
