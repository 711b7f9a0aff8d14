"""What the tests of the statements do again and again."""

from tests.integration.broker.mqtt import PINGREQ, PINGRESP, Client, publish
from tests.integration.broker.site import House, eventually

REPORT = "ota/P/dev1/report"
COMMAND = "ota/P/dev1/command"


async def talks(house: House, said: bytes, answer: bytes, *, any_order: bool = False) -> Client:
    """Log dev1 in, say something and see the answer, after which the connection still lives."""
    client = await house.device()
    client.send(said)
    heard = await client.read(len(answer))
    assert (sorted(heard) if any_order else heard) == (sorted(answer) if any_order else answer)
    client.send(PINGREQ)
    await client.expect(PINGRESP)
    return client


async def closed(house: House, said: bytes, reason: str) -> None:
    """Log dev1 in, say something that ends the connection without an answer, counted, and smuggle nothing past it."""
    before = house.counted("protocol_errors_total", reason)
    taken = len(house.receiver.received_)
    client = await house.device()
    client.send(said, publish(REPORT, b"smuggled", 9))

    assert await client.rest() == b"", said
    await client.close()
    await eventually(lambda: house.is_empty)
    assert len(house.receiver.received_) == taken
    assert house.counted("protocol_errors_total", reason) == before + 1, said


async def greets(house: House, hello: bytes, answer: bytes = b"") -> None:
    """Say this instead of a CONNECT that could be accepted: the answer, and the end; nobody was judged."""
    judged = len(house.access.logins)
    client = await house.client()
    client.send(hello, publish(REPORT, b"smuggled", 9))

    assert await client.rest() == answer, hello
    await client.close()
    await eventually(lambda: house.is_empty)
    assert len(house.access.logins) == judged
    assert b"smuggled" not in house.receiver.payloads
