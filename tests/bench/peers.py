"""The brokers of the comparison: how each is configured and started."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tests.bench.fleet import PRODUCT, device_name, device_secret
from tests.bench.server import MissingError, Peer
from tests.simulators.ports import free_port

FLEET = 1000
GATEWAY_TOML = """\
[gateway]
name = "bench"
data_dir = "{directory}"

[mqtt]
listen = "127.0.0.1:{port}"

[mqtt.limits]
connects_per_second = 100000
publishes_per_second = 100000

[http]
listen = "127.0.0.1:{http_port}"
token = "bench"

[store]
url = "sqlite:///gateway.db"
# So that few devices may say what else a whole site says.
lane_quota = "16GiB"

[firmware]
listen = "127.0.0.1:{firmware_port}"
public_url = "http://127.0.0.1:{firmware_port}"

[clouds.tencent]
adapter = "tencent"
url = "http://127.0.0.1:{closed_port}/tokenapi"
access_token = "bench"

[products.{product}]
dialect = "plain"
authentication = "password"
clouds = ["tencent"]
success = "on_done"
tasks = "off"
devices_file = "{directory}/devices.csv"
"""
MOSQUITTO_CONF = """\
listener {port} 127.0.0.1
allow_anonymous true
max_inflight_messages 0
max_queued_messages 0
persistence false
log_dest none
"""


def gateway(directory: Path, port: int) -> list[str]:
    """Run ours with a fleet in a devices file, SQLite, and a cloud that refuses connections."""
    write_devices(directory, FLEET)
    ports = {name: free_port() for name in ("http_port", "firmware_port", "closed_port")}
    config = directory / "gateway.toml"
    config.write_text(GATEWAY_TOML.format(directory=directory, port=port, product=PRODUCT, **ports))
    return [sys.executable, "-m", "gateway", "run", "--config", str(config)]


def write_devices(directory: Path, count: int) -> None:
    """Write the devices file of a product."""
    devices = "".join(f"{device_name(index)},{device_secret(index)}\n" for index in range(count))
    (directory / "devices.csv").write_text("name,secret\n" + devices)


def amqtt(directory: Path, port: int) -> list[str]:
    """Run stock amqtt with nothing but an authentication that lets everyone in."""
    return [sys.executable, str(Path(__file__).with_name("amqtt_server.py")), str(port)]


def amqtt_default(directory: Path, port: int) -> list[str]:
    """Run stock amqtt with the plugins that it chooses itself."""
    return [*amqtt(directory, port), "default"]


def mosquitto(directory: Path, port: int) -> list[str]:
    """Run Mosquitto without persistence and without limits."""
    binary = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if binary is None:
        raise MissingError("mosquitto is not installed")
    config = directory / "mosquitto.conf"
    config.write_text(MOSQUITTO_CONF.format(port=port))
    return [binary, "-c", str(config)]


PEERS = (
    Peer(name="gateway", prepare=gateway),
    Peer(name="amqtt", prepare=amqtt),
    Peer(name="amqtt+plugins", prepare=amqtt_default),
    Peer(name="mosquitto", prepare=mosquitto),
)
"""Ours first; the ratio that counts is the one to `amqtt`."""
