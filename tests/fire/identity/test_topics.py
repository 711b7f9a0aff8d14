"""A device that is let in and wants more: to speak for another, and to hear what is not for it."""

from collections.abc import AsyncIterator

import pytest

from gateway.model.identity import DeviceId
from gateway.ports.devices import Objection
from tests.fire.identity.door import Door, connect, door, onenet_token, tencent_login
from tests.integration.broker.mqtt import Client, packet, puback, publish, suback, subscribe, text
from tests.integration.broker.site import eventually

FOREIGN = {
    "P": [
        "ota/P/dev2/report",
        "ota/P/dev1/command",
        "ota/P/dev2/command",
        "ota/Q/dev1/report",
        "ota/P/dev1",
        "ota/P/dev1/report/",
        "ota/P/dev1/report/x",
        "/ota/P/dev1/report",
        "ota//P/dev1/report",
        "OTA/P/dev1/report",
        "ota/p/dev1/report",
        "ota/P/dev1 /report",
        "ota/P/../P/dev2/report",
        "ota/P/dev\u200b1/report",
        "$ota/report/P/dev1",
        "$SYS/broker/uptime",
        "$share/g/ota/P/dev2/report",
    ],
    "T": [
        "$ota/report/T/dev2",
        "$ota/update/T/dev1",
        "$ota/update/T/dev2",
        "ota/T/dev1/report",
        "$ota/report/Tdev1",
    ],
    "N": ["$sys/N/dev2/ota/inform_reply", "$sys/N/dev1/ota/inform", "$sys/N/dev1/thing/property/post"],
}
LISTENING = {
    "P": [
        "#",
        "+",
        "+/#",
        "ota/#",
        "ota/+/+/command",
        "ota/P/+/command",
        "ota/P/dev1/#",
        "ota/P/dev1/+",
        "+/P/dev1/command",
        "ota/P/dev2/command",
        "ota/P/dev2/chunk",
        "ota/P/dev1/report",
        "$SYS/#",
        "$SYS/broker/clients/connected",
        "$share/g/ota/P/dev2/command",
        "$share/g/ota/P/dev1/command",
        "$share/g/#",
        "$queue/#",
        "/ota/P/dev1/command",
        "ota/P/dev1/command/",
        "ota/p/dev1/command",
        "$ota/update/P/dev1",
    ],
    "T": ["#", "$ota/#", "$ota/update/#", "$ota/update/T/+", "$ota/update/T/dev2", "$ota/update/+/dev1"],
    "N": ["#", "$sys/#", "$sys/N/#", "$sys/N/+/ota/inform", "$sys/N/dev2/ota/inform", "$sys/+/dev1/#"],
}
OWN = {"P": "ota/P/dev1/command", "T": "$ota/update/T/dev1", "N": "$sys/N/dev1/ota/inform"}
LOGINS = {
    "P": connect("P/dev1", "secret-dev1"),
    "T": connect(*tencent_login()),
    "N": connect("N", onenet_token(), "dev1"),
}


@pytest.fixture
async def at() -> AsyncIterator[Door]:
    """A door."""
    async with door() as made:
        yield made


@pytest.mark.parametrize(
    ("product", "topic"), [(product, topic) for product, topics in FOREIGN.items() for topic in topics]
)
async def test_nobody_speaks_for_another(at: Door, product: str, topic: str) -> None:
    """The publish reaches nobody but quarantine, under the name of who sent it; sending it again cannot help."""
    client = await at.enter(LOGINS[product])

    client.send(publish(topic, b'{"type":"version","version":"6.6.6"}', 7))

    await client.expect(puback(7))
    assert at.receiver.received_ == []
    (aside,) = at.receiver.aside
    assert (aside.device, aside.reason) == (DeviceId(product, "dev1"), Objection.FORBIDDEN_TOPIC)


@pytest.mark.parametrize("product", LISTENING)
async def test_nobody_listens_to_another(at: Door, product: str) -> None:
    """Each filter is refused with 0x80 (MQTT 3.1.1 §3.9.3), one's own in the middle of them is not."""
    client = await at.enter(LOGINS[product])
    filters = LISTENING[product]
    half = len(filters) // 2

    client.send(subscribe(*filters[:half], OWN[product], *filters[half:]))

    await client.expect(suback(*[0x80] * half, 0, *[0x80] * (len(filters) - half)))
    assert at.receiver.listening == [("dev1", OWN[product])]


async def test_what_is_for_one_reaches_no_other(at: Door) -> None:
    """With every greedy filter asked for, a command for dev2 goes to dev2 alone."""
    greedy = await at.enter(connect("P/dev1", "secret-dev1"))
    greedy.send(subscribe(*LISTENING["P"], OWN["P"]))
    await greedy.expect(suback(*[0x80] * len(LISTENING["P"]), 0))
    meant = await _listening(at, "dev2")

    assert at.broker.send(DeviceId("P", "dev2"), "ota/P/dev2/command", b"go")

    await meant.expect(packet(0x30, text("ota/P/dev2/command") + b"go"))
    assert await greedy.silent(0.2)


async def test_the_client_id_of_another_takes_over_nothing(at: Door) -> None:
    """A stranger's kept session, connection and subscriptions stay the owner's, whatever name one takes."""
    owner = await _listening(at, "dev2", client_id="shared")
    thief = await at.enter(connect("P/dev1", "secret-dev1", client_id="shared"))

    assert at.broker.send(DeviceId("P", "dev2"), "ota/P/dev2/command", b"go")

    await owner.expect(packet(0x30, text("ota/P/dev2/command") + b"go"))
    assert await thief.silent(0.2)
    assert ("disconnected", "dev2") not in at.receiver.lives


async def test_a_will_speaks_for_nobody(at: Door) -> None:
    """A will on another's topic is not published when its owner breaks off."""
    fields = (
        text("x")
        + text("ota/P/dev2/report")
        + text(b'{"type":"version"}')
        + text("P/dev1")
        + text("secret-dev1")
    )
    client = await at.client()
    client.send(packet(0x10, text("MQTT") + bytes((4, 0xEE)) + (60).to_bytes(2) + fields))
    await client.read(4)
    client.writer.transport.abort()

    await eventually(lambda: ("disconnected", "dev1") in at.receiver.lives)
    assert (at.receiver.received_, at.receiver.aside) == ([], [])


async def test_a_second_connect_changes_nobody(at: Door) -> None:
    """Who is let in as one device and then says CONNECT as another is closed (MQTT-3.1.0-2)."""
    client = await at.enter(connect("P/dev1", "secret-dev1"))

    client.send(connect("P/dev2", "secret-dev2"), publish("ota/P/dev2/report", b"x", 9))

    assert await client.rest() == b""
    assert at.receiver.received_ == []
    assert ("connected", "dev2") not in at.receiver.lives


async def _listening(at: Door, name: str, *, client_id: str = "any") -> Client:
    client = await at.enter(connect(f"P/{name}", f"secret-{name}", client_id=client_id))
    client.send(subscribe(f"ota/P/{name}/command"))
    await client.expect(suback(0))
    return client
