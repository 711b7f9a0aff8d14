"""SIGTERM with a full house: an ordered end within ten seconds, and nothing acknowledged is lost."""

import asyncio
import json
import socket
import time
from pathlib import Path

from tests.bench.fleet import PRODUCT, device, device_name
from tests.bench.packets import publish
from tests.bench.peers import write_devices
from tests.bench.sessions import close_sessions, open_sessions
from tests.e2e.site import both_clouds, site

DEVICES = 1000
PUBACK_BYTES = 4
LIMIT_S = 10.0


async def test_sigterm_with_a_thousand_devices_ends_in_order_and_loses_nothing(tmp_path: Path) -> None:
    """A thousand devices publish while SIGTERM comes; each acknowledged ending is heard after the next start."""
    write_devices(tmp_path, DEVICES)
    products = (
        f'[products.{PRODUCT}]\ndialect = "plain"\nauthentication = "password"\nclouds = ["tencent"]\n'
        f'success = "on_done"\ndevices_file = "devices.csv"\n'
    )
    async with both_clouds() as (tencent, _, clouds), site(tmp_path, products, clouds) as made:
        await made.start()
        logins = [device(index) for index in range(DEVICES)]
        sessions = await asyncio.to_thread(open_sessions, ("127.0.0.1", made.mqtt_port), logins)
        assert await made.metric("ota_gateway_mqtt_clients") == DEVICES
        payload = json.dumps({"type": "state", "version": "2.0", "state": "succeeded"}).encode()
        for session, login in zip(sessions, logins, strict=True):
            session.sendall(publish(login.topic, payload, 1))
        first = await asyncio.to_thread(_has_puback, sessions[0])

        started = time.monotonic()
        code = await made.stop()
        took = time.monotonic() - started
        acknowledged = {
            f"{PRODUCT}/{device_name(index)}"
            for index, session in enumerate(sessions)
            if (first if index == 0 else _has_puback(session))
        }
        close_sessions(sessions)
        await made.start()
        await made.drained(within_s=30)

    heard = {call.device for call in tencent.record.calls if call.said.startswith("done")}
    assert code == 0
    assert took < LIMIT_S
    assert first
    assert acknowledged <= heard
    assert tencent.record.illegal == 0


def _has_puback(session: socket.socket) -> bool:
    session.settimeout(5)
    try:
        return len(session.recv(PUBACK_BYTES)) == PUBACK_BYTES
    except ConnectionResetError:
        return False
