"""The device's line: one connection after the other over one client, with naps in between."""

import asyncio
from collections.abc import Callable, Sequence
from random import Random

import aiomqtt

from tests.simulators.fleet.client import Client

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0  # seconds between attempts to connect
PATIENCE = 20.0  # seconds without a PUBACK after which the device connects anew


class Line:
    """Keeps connecting for as long as one boot lasts; what was not acknowledged goes out again on the next one."""

    def __init__(self, client: Client, topics: Sequence[str], dice: Random) -> None:
        self.client = client
        self._topics = topics
        self._dice = dice
        self._is_up = asyncio.Event()
        self._nap = asyncio.Event()
        self._rested = asyncio.Event()
        self._away = 0.0

    @property
    def is_up(self) -> bool:
        """Whether it is connected, and subscribed to everything."""
        return self._is_up.is_set()

    async def keep(self, hear: Callable[[str, bytes], None]) -> None:
        """Connect until cancelled; `hear` takes what comes."""
        failures = 0
        while True:
            try:
                async with self.client:
                    failures = 0
                    await self._converse(hear)
            except aiomqtt.MqttError:
                failures += 1
            await self._rest(failures)

    async def up(self) -> None:
        """Wait until it is up."""
        await self._is_up.wait()

    async def settled(self) -> None:
        """Wait until everything said is acknowledged, over as many connections as that takes."""
        while self.client.unacknowledged:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self.client.room(1)
            except TimeoutError:
                self.client.cut()

    async def nap(self, seconds: float) -> None:
        """Disconnect politely, and be back after so long."""
        self._away = seconds
        self._rested.clear()
        self._nap.set()
        await self._rested.wait()
        await self.up()

    async def _converse(self, hear: Callable[[str, bytes], None]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(self._listen(hear), name="listens")
                for topic in self._topics:
                    await self.client.subscribe(topic, qos=1)
                self._is_up.set()
                await self._nap.wait()
                listening.cancel()
        except* aiomqtt.MqttError:
            pass
        finally:
            self._is_up.clear()

    async def _listen(self, hear: Callable[[str, bytes], None]) -> None:
        async for message in self.client.messages:
            hear(message.topic.value, message.payload)

    async def _rest(self, failures: int) -> None:
        if self._nap.is_set():
            await asyncio.sleep(self._away)
            self._nap.clear()
            self._rested.set()
        elif failures:
            longest = min(FIRST_PAUSE * 2.0**failures, LONGEST_PAUSE)
            await asyncio.sleep(longest * self._dice.uniform(0.5, 1))
