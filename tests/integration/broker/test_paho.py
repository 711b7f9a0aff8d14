"""A client library that devices really use."""

import threading

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.integration.broker.site import House, device, eventually

COMMAND = "ota/P/dev1/command"


def paho(
    house: House, name: str = "dev1", protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv311
) -> Client:
    """Return paho, connected in a thread of its own."""
    client = Client(CallbackAPIVersion.VERSION2, client_id="paho", protocol=protocol)
    client.username_pw_set(f"P/{name}", f"secret-{name}")
    client.connect_async("127.0.0.1", house.port)
    client.loop_start()
    return client


def leave(client: Client) -> None:
    """Disconnect and end the thread."""
    client.disconnect()
    client.loop_stop()


async def test_paho_publishes_subscribes_and_leaves(house: House) -> None:
    """1,000 publishes of QoS 1, a command down, a proper DISCONNECT."""
    client = paho(house)
    messages: list[bytes] = []
    client.on_message = lambda _client, _data, message: messages.append(_payload(message))
    await eventually(client.is_connected)
    client.subscribe(COMMAND, qos=1)
    await eventually(lambda: house.broker.send(device(), COMMAND, b"go"))

    sent = [client.publish("ota/P/dev1/report", f"{number}", qos=1) for number in range(1000)]

    await eventually(lambda: all(each.is_published() for each in sent) and messages == [b"go"])
    assert house.receiver.payloads == [b"%d" % number for number in range(1000)]
    leave(client)
    await eventually(lambda: house.receiver.lives == [("connected", "dev1"), ("disconnected", "dev1")])
    await eventually(lambda: house.is_empty)


async def test_paho_sends_again_what_was_not_committed(house: House) -> None:
    """After a failed commit the client reconnects and sends again; in the end all is acknowledged."""
    house.receiver.holds = True
    client = paho(house)
    client.reconnect_delay_set(0, 1)
    await eventually(client.is_connected)
    sent = [client.publish("ota/P/dev1/report", f"{number}", qos=1) for number in range(5)]
    await eventually(lambda: len(house.receiver.received_) == 5)

    house.receiver.holds = False
    house.receiver.received_[0].settle(True)
    house.receiver.received_[1].settle(False)

    await eventually(lambda: all(each.is_published() for each in sent))
    assert set(house.receiver.payloads[5:]) == {b"1", b"2", b"3", b"4"}
    leave(client)


async def test_paho_with_mqtt_5_is_told(house: House) -> None:
    """The CONNACK says that the protocol is not served."""
    told = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2, client_id="paho", protocol=MQTTProtocolVersion.MQTTv5)
    client.on_disconnect = lambda *_: told.set()
    client.connect_async("127.0.0.1", house.port)
    client.loop_start()

    await eventually(lambda: house.counted("connections_refused_total", "protocol_version") >= 1)
    leave(client)


def _payload(message: MQTTMessage) -> bytes:
    return bytes(message.payload)
