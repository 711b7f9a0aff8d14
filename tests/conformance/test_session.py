"""Sections 3.1.2.4, 3.2.2.2, 3.14, 4.1 and 4.4: what a session is, and how it ends."""

import pytest

from tests.conformance.steps import COMMAND, REPORT, closed
from tests.integration.broker.mqtt import (
    ACCEPTED,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    Client,
    connect,
    message,
    packet,
    puback,
    publish,
    subscribe,
    unsubscribe,
)
from tests.integration.broker.site import House, device, eventually, subscribed

PRESENT = b"\x20\x02\x01\x00"


async def leaves(house: House, client: Client) -> None:
    """Say DISCONNECT and see the end."""
    client.send(DISCONNECT)
    assert await client.rest() == b""
    await eventually(lambda: house.is_empty)


async def greeted(house: House, answer: bytes, *, clean: bool) -> Client:
    """Come as dev1 and get this CONNACK."""
    client = await house.client()
    client.send(connect(clean=clean))
    await client.expect(answer)
    return client


async def test_a_kept_session_is_resumed(house: House) -> None:
    """Session present 1, and what was subscribed is subscribed, however the last connection ended."""
    await leaves(house, await subscribed(house, COMMAND, clean=False))
    lost = await greeted(house, PRESENT, clean=False)
    lost.writer.transport.abort()
    await eventually(lambda: house.is_empty)

    client = await greeted(house, PRESENT, clean=False)

    await eventually(lambda: house.broker.send(device(), COMMAND, b"go"))
    await client.expect(message(COMMAND, b"go"))


async def test_without_a_kept_session_none_is_present(house: House) -> None:
    """The first time, and when only others have one."""
    await leaves(house, await house.device("dev2", clean=False))

    await greeted(house, ACCEPTED, clean=False)


async def test_a_session_without_subscriptions_is_present_too(house: House) -> None:
    """It was asked for, so it is there."""
    await leaves(house, await house.device(clean=False))

    await greeted(house, PRESENT, clean=False)


async def test_a_clean_session_is_never_present(house: House) -> None:
    """Clean session 1 discards what was kept, for good, and leaves nothing to find."""
    await leaves(house, await subscribed(house, COMMAND, clean=False))

    client = await greeted(house, ACCEPTED, clean=True)
    assert not house.broker.send(device(), COMMAND, b"go")
    client.send(subscribe(COMMAND))
    await client.expect(b"\x90\x03\x00\x01\x00")
    await leaves(house, client)

    await greeted(house, ACCEPTED, clean=False)
    assert not house.broker.send(device(), COMMAND, b"go")


async def test_what_was_unsubscribed_is_not_resumed(house: House) -> None:
    """The session is kept as it was at its end."""
    client = await subscribed(house, COMMAND, "ota/P/dev1/chunk", clean=False)
    client.send(unsubscribe(COMMAND))
    await client.expect(b"\xb0\x02\x00\x01")
    await leaves(house, client)

    await greeted(house, PRESENT, clean=False)

    await eventually(lambda: house.broker.send(device(), "ota/P/dev1/chunk", b"go"))
    assert not house.broker.send(device(), COMMAND, b"go")


async def test_a_takeover_resumes_the_session(house: House) -> None:
    """The session of the older connection goes to the newer one."""
    old = await subscribed(house, COMMAND, clean=False)

    client = await greeted(house, PRESENT, clean=False)

    assert await old.rest() == b""
    await eventually(lambda: house.broker.send(device(), COMMAND, b"go"))
    await client.expect(message(COMMAND, b"go"))


async def test_a_session_lasts_as_long_as_its_connection(house: House) -> None:
    """Also a clean one: what was subscribed stays subscribed while other things happen."""
    client = await subscribed(house, COMMAND)
    other = await house.device("dev2")
    await leaves_only(other)
    for number in range(1, 50):
        client.send(publish(REPORT, b"1", number), PINGREQ)
    answers = await client.read(49 * len(puback(1) + PINGRESP))
    assert sorted(answers) == sorted(puback(*range(1, 50)) + PINGRESP * 49)

    assert house.broker.send(device(), COMMAND, b"go")
    await client.expect(message(COMMAND, b"go"))


async def leaves_only(client: Client) -> None:
    """Say DISCONNECT while others stay."""
    client.send(DISCONNECT)
    assert await client.rest() == b""


async def test_while_a_device_is_away_nothing_is_queued_for_it(house: House) -> None:
    """Orders wait in the gateway's own store: the broker says that nobody is there, and replays nothing."""
    await leaves(house, await subscribed(house, COMMAND, clean=False))
    assert not house.broker.send(device(), COMMAND, b"missed")

    client = await greeted(house, PRESENT, clean=False)

    assert await client.silent()


async def test_nothing_is_sent_again_to_a_device(house: House) -> None:
    """All goes down at QoS 0: what a lost connection took along is not repeated, and a stray PUBACK harms nobody."""
    client = await subscribed(house, COMMAND, clean=False)
    assert house.broker.send(device(), COMMAND, b"once")
    await client.expect(message(COMMAND, b"once"))
    client.send(puback(1, 2, 3))
    client.writer.write_eof()
    assert await client.rest() == b""
    await eventually(lambda: house.is_empty)

    client = await greeted(house, PRESENT, clean=False)

    assert await client.silent()


async def test_a_device_sends_again_after_it_came_again(house: House) -> None:
    """DUP and the same packet identifier: taken, and acknowledged on the new connection alone."""
    house.receiver.holds = True
    old = await house.device(clean=False)
    old.send(publish(REPORT, b"1", 5), publish(REPORT, b"2", 6))
    await eventually(lambda: len(house.receiver.received_) == 2)
    old.writer.transport.abort()
    await eventually(lambda: house.is_empty)
    client = await greeted(house, PRESENT, clean=False)
    client.send(publish(REPORT, b"1", 5, flags=8), publish(REPORT, b"2", 6, flags=8))
    await eventually(lambda: len(house.receiver.received_) == 4)

    for each in house.receiver.received_[:2]:
        each.settle(True)
    assert await client.silent()
    for each in house.receiver.received_[2:]:
        each.settle(True)

    await client.expect(puback(5, 6))
    assert house.receiver.payloads == [b"1", b"2", b"1", b"2"]


async def test_disconnect_ends_the_connection(house: House) -> None:
    """At once, without an answer, and what was sent before it counts."""
    client = await house.device()
    client.send(publish(REPORT, b"last words", 1), DISCONNECT)

    assert await client.rest() == puback(1)
    await eventually(lambda: house.receiver.lives[-1] == ("disconnected", "dev1"))
    assert house.receiver.payloads == [b"last words"]


async def test_nothing_after_disconnect_is_read(house: House) -> None:
    """A device that goes on speaking speaks to nobody."""
    client = await house.device()
    client.send(DISCONNECT, publish(REPORT, b"posthumous", 1), subscribe(COMMAND))

    assert await client.rest() == b""
    assert house.receiver.payloads == []


@pytest.mark.parametrize("body", [b"", b"\0"])
async def test_disconnect_with_more_than_it_has_closes(house: House, body: bytes) -> None:
    """Reserved flags or a body make it another packet than DISCONNECT."""
    await closed(house, packet(0xE0 if body else 0xE1, body), "malformed")


async def test_pingreq_is_answered(house: House) -> None:
    """Each with one PINGRESP."""
    client = await house.device()
    client.send(PINGREQ * 5)

    await client.expect(PINGRESP * 5)
    assert await client.silent()
