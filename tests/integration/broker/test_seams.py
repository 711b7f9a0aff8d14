"""The two private names of amqtt: when one is gone, the start says which."""

from importlib.metadata import version

import pytest
from amqtt.adapters import ReaderAdapter, WriterAdapter
from amqtt.broker import Broker
from amqtt.session import Session

from gateway.devices.broker import SeamError
from gateway.devices.broker.broker import _Engine
from gateway.devices.broker.seams import TESTED_VERSION, DeviceSession
from tests.integration.broker.site import House


async def test_the_installed_amqtt_is_the_one_this_was_made_for() -> None:
    """The pin holds."""
    assert version("amqtt") == TESTED_VERSION


async def test_a_broker_that_logs_in_elsewhere_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a new amqtt had renamed the method that is overridden."""
    renamed = Broker._initialize_client_session
    source = Broker._client_connected

    async def connected(self: Broker, name: str, reader: ReaderAdapter, writer: WriterAdapter) -> None:
        monkeypatch.setattr(_Engine, "_initialize_client_session", renamed)
        await source(self, name, reader, writer)

    monkeypatch.setattr(Broker, "_client_connected", connected)
    house = House()

    with pytest.raises(SeamError, match=r"amqtt 0\.12\.1 .*Broker\._initialize_client_session"):
        await house.start()
    assert house.broker.addresses == []


async def test_a_session_that_makes_its_states_elsewhere_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a new amqtt had renamed the method that makes the state machine."""
    monkeypatch.setattr(DeviceSession, "_renamed", DeviceSession._init_states, raising=False)
    monkeypatch.delattr(DeviceSession, "_init_states")
    monkeypatch.setattr(Session, "_init_states", lambda self: None)

    with pytest.raises(SeamError, match=r"amqtt 0\.12\.1 .*Session\._init_states"):
        await House().start()
