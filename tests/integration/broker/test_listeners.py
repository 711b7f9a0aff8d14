"""Where devices arrive."""

import errno
import socket

import pytest

from gateway.devices.broker import Listener, MqttBroker
from gateway.devices.broker.listeners import Door
from tests.integration.broker.mqtt import ACCEPTED, Client, connect
from tests.integration.broker.site import UNLIMITED, House, eventually


async def test_several_listeners_serve_one_site() -> None:
    """IPv4 and IPv6, each with its real port, in the order given."""
    house = House()
    house.broker = MqttBroker(
        [Listener(host="127.0.0.1", port=0), Listener(host="::1", port=0)],
        access=house.access,
        receiver=house.receiver,
        limits=UNLIMITED,
        metrics=house.metrics,
    )
    await house.start()
    hosts = [host for host, _ in house.broker.addresses]
    assert hosts == ["127.0.0.1", "::1"]

    for number, (host, port) in enumerate(house.broker.addresses):
        client = await Client.open(port, host=host)
        house.clients.append(client)
        client.send(connect(f"dev{number}"))
        await client.expect(ACCEPTED)

    assert [login.address for login in house.access.logins] == hosts
    await house.stop()


async def test_without_file_descriptors_it_waits(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the process has none left it looks away for a moment, and accepts then."""
    (door,) = house.broker._doors
    monkeypatch.setattr("gateway.devices.broker.listeners._EXHAUSTED_S", 0.05)
    door._socket = _Exhausted(door)

    await house.device()

    assert door._socket.fileno() >= 0


async def test_stop_while_it_waits_for_file_descriptors(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moment of looking away does not outlive the listener."""
    (door,) = house.broker._doors
    door._socket = _Exhausted(door)
    await house.client()
    await eventually(lambda: door._retry is not None)

    await house.broker.stop()


class _Exhausted(socket.socket):
    """A listening socket whose first accept fails for want of a file descriptor."""

    def __init__(self, door: Door) -> None:
        super().__init__(fileno=door._socket.detach())
        self._has_failed = False

    def accept(self) -> tuple[socket.socket, object]:
        """Fail once."""
        if not self._has_failed:
            self._has_failed = True
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()
