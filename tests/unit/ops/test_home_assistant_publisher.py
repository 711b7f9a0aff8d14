"""What keeps Home Assistant told ends when it is asked to."""

import asyncio
import contextlib
from typing import cast

import aiomqtt
import pytest

from gateway.config import HomeAssistantConfig
from gateway.core.record import Record
from gateway.ops.home_assistant.publisher import HomeAssistant


async def test_trouble_in_the_moment_of_the_end_does_not_outlive_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker goes down with the box: its error takes the place of the cancellation, and the task ends."""
    config = HomeAssistantConfig.model_validate({"broker": "127.0.0.1:1883"})
    publisher = HomeAssistant(config, site="site", record=cast("Record", None))
    serving = asyncio.Event()

    async def lose(_: aiomqtt.Client) -> None:
        is_first = not serving.is_set()
        serving.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if is_first:
                raise aiomqtt.MqttError("the connection was lost") from None
            raise

    monkeypatch.setattr(publisher, "_client", contextlib.nullcontext)
    monkeypatch.setattr(publisher, "_serve", lose)
    running = asyncio.create_task(publisher.run())
    await serving.wait()
    running.cancel()

    await asyncio.wait({running}, timeout=5)

    assert running.cancelled()
