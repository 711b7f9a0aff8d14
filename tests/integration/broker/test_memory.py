"""A connection that is gone takes no memory: nothing of it waits for the garbage collector, a rare guest here."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.devices.broker import TlsFiles
from gateway.devices.broker.acknowledgements import Acknowledgements
from gateway.devices.broker.brakes import Brakes
from gateway.devices.broker.framing import Framer
from gateway.devices.broker.front import Connection
from gateway.devices.broker.intake import Intake
from gateway.devices.broker.line import Line
from gateway.devices.broker.streams import AmqttReader
from tests.integration.broker.certificates import authority
from tests.integration.broker.mqtt import ACCEPTED, DISCONNECT, PINGREQ, connect, publish, subscribe
from tests.integration.broker.site import House, eventually, house_with

GONE = (Acknowledgements, AmqttReader, Brakes, Connection, Framer, Intake, Line)
REPORT, COMMAND = "ota/P/dev1/report", "ota/P/dev1/command"


@contextmanager
def uncollected() -> Iterator[None]:
    """Let the collector stay away."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def nothing_is_left(house: House) -> None:
    """Wait until nobody is there, and nothing of those who were."""
    await eventually(lambda: house.is_empty)
    house.receiver.received_.clear()
    await eventually(lambda: not [each for each in gc.get_objects() if isinstance(each, GONE)])


async def test_of_a_connection_nothing_is_left(house: House) -> None:
    """Neither of a device that leaves nor of a stranger who is refused."""
    with uncollected():
        for number in range(20):
            client = await house.client()
            client.send(connect(password=None if number % 2 else "wrong"))
            client.send(subscribe(COMMAND), publish(REPORT, b"1", 1), PINGREQ, DISCONNECT)
            await client.rest()
        await nothing_is_left(house)


async def test_of_a_connection_with_tls_nothing_is_left(tmp_path: Path) -> None:
    """However it ends: each would keep the 45 KB of its encryption, and who comes need not log in for it."""
    own = authority(tmp_path, "own")
    certificate, key = own.issue("server", "/CN=localhost")
    async with house_with(TlsFiles(certificate=certificate, key=key)) as house:
        with uncollected():
            for _ in range(5):
                leaves, is_cut, is_stranger = [await house.client(own.client()) for _ in range(3)]
                leaves.send(connect("dev1"), publish(REPORT, b"1", 1), DISCONNECT)
                await leaves.rest()
                is_cut.send(connect("dev2"))
                await is_cut.expect(ACCEPTED)
                is_cut.writer.transport.abort()
                is_stranger.send(PINGREQ)
                await is_stranger.rest()
            await nothing_is_left(house)
