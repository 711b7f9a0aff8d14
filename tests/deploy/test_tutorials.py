"""The tutorials, typed as they are written."""

import shutil
from pathlib import Path

import pytest

from tests.deploy.tutorial import ROOT, Reader, needs

pytestmark = pytest.mark.timeout(240)

#: The part of MicroPython's umqtt.simple that the page uses, over a client that CPython has. On a user's machine with
#: MicroPython the page is typed there, too.
UMQTT = """
import queue
import threading
from paho.mqtt.client import CallbackAPIVersion, Client


class MQTTClient:
    def __init__(self, client_id, server, port, user, password, keepalive):
        self.client = Client(CallbackAPIVersion.VERSION2, client_id)
        self.client.username_pw_set(user, password)
        self.client.on_message = lambda _client, _data, message: self.came.put((message.topic, message.payload))
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.came, self.subscribed = queue.Queue(), threading.Event()
        self.address = server, port, keepalive

    def set_callback(self, heard):
        self.heard = heard

    def connect(self):
        self.client.connect(*self.address)
        self.client.loop_start()

    def subscribe(self, topic):
        self.client.subscribe(topic)
        assert self.subscribed.wait(10)

    def publish(self, topic, payload, qos):
        self.client.publish(topic, payload, qos).wait_for_publish(10)

    def check_msg(self):
        while not self.came.empty():
            self.heard(*self.came.get())

    def ping(self):
        pass
"""


@pytest.fixture(autouse=True)
def programs() -> None:
    """What the pages use besides the gateway."""
    needs("mosquitto_rr", "mosquitto-clients")
    needs("curl", "curl")


def test_a_third_cloud_in_an_afternoon(tmp_path: Path) -> None:
    """Who types the page has an adapter that orders, delivers, and waits for its cloud."""
    with Reader(tmp_path) as reader:
        reader.follow(ROOT / "adapters" / "TUTORIAL.md")


def test_a_device_of_ones_own(tmp_path: Path) -> None:
    """Who types the page has a device that fetches, proves and runs what a cloud ordered."""
    with Reader(tmp_path) as reader:
        if shutil.which("micropython") is None:
            reader.write("umqtt/simple.py", UMQTT)
            reader.install("micropython", 'shift 2; exec python "$@"')
        reader.follow(ROOT / "deploy" / "tutorials" / "plain-device.md")
