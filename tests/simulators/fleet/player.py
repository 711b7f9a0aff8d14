"""One device at play: its story over real connections, until everything is acknowledged."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import assert_never

import aiomqtt

from tests.simulators.fleet.client import Client
from tests.simulators.fleet.device import Device
from tests.simulators.fleet.dialect import DIALECTS
from tests.simulators.fleet.ending import Result, results_of
from tests.simulators.fleet.saying import Saying, Word
from tests.simulators.fleet.story import Act, Babble, Say, Sleep, Wait, tell
from tests.simulators.fleet.temper import disturb

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0  # seconds between attempts to connect
PATIENCE = 20.0  # seconds without a PUBACK after which a device connects anew
ANSWER_PATIENCE = 5.0  # seconds


@dataclass(slots=True)
class Facts:
    """What a device did, and what it knows to have arrived."""

    #: Publishes, each counted once however often it was sent.
    sent: int = 0
    resent: int = 0
    acknowledged: int = 0
    #: Publishes that nobody can understand, acknowledged all the same.
    garbage: int = 0
    connected: int = 0
    cut: int = 0
    #: Version reports whose answer did not come.
    unanswered: int = 0
    said: list[Saying] = field(default_factory=list)
    is_over: bool = False

    def acknowledge(self, what: object) -> None:
        """Take note of a PUBACK."""
        self.acknowledged += 1
        if isinstance(what, Saying):
            self.said.append(what)
        else:
            self.garbage += 1


class Player:
    """Plays one device; ``pace`` is about how many seconds an update takes, ``window`` publishes may be in flight."""

    def __init__(
        self, device: Device, *, address: tuple[str, int], dice: Random, pace: float, window: int
    ) -> None:
        self.device = device
        self.facts = Facts()
        self._address = address
        self._dice = dice
        self._pace = pace
        self._window = window
        self._dialect = DIALECTS[device.dialect]
        self._acts: deque[Act] = deque(disturb(tell(device, dice), device.temper, dice))
        self._answered = asyncio.Event()
        self._nap: float | None = None
        self._client: Client | None = None

    def cut(self) -> None:
        """Break its connection, whatever it is saying; it will be back."""
        if self._client is not None:
            self._client.cut()

    @property
    def results(self) -> dict[str, Result]:
        """What is certain, by version."""
        return results_of(self.facts.said, self.device.success)

    async def play(self) -> None:
        """Play the whole story, over as many connections as it takes."""
        login = self._dialect.login(self.device, self._dice)
        client = Client(self._address, login, on_acknowledged=self.facts.acknowledge)
        failures = 0
        while self._acts or client.unacknowledged:
            unacknowledged = client.unacknowledged
            try:
                async with client:
                    self._client = client
                    failures = 0
                    self.facts.connected += 1
                    self.facts.resent += unacknowledged
                    await self._converse(client)
            except aiomqtt.MqttError:
                failures += 1
            self._client = None
            await self._rest(failures)
        self.facts.is_over = True

    async def _converse(self, client: Client) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(self._listen(client), name=f"{self.device.address} listens")
                await self._speak(client)
                listening.cancel()
        except* (aiomqtt.MqttError, TimeoutError):
            self.facts.cut += 1

    async def _listen(self, client: Client) -> None:
        """Hear the downlink; ends with the connection."""
        async for message in client.messages:
            if self._dialect.is_answer(message.payload):
                self._answered.set()

    async def _speak(self, client: Client) -> None:
        await client.subscribe(self._dialect.down(self.device), qos=1)
        await self._room(client, self._window)
        while self._acts and self._nap is None:
            await self._act(client, self._acts.popleft())
        await self._room(client, 1)

    async def _act(self, client: Client, act: Act) -> None:
        match act:
            case Wait(share):
                await asyncio.sleep(share * self._pace)
            case Sleep(share):
                self._nap = share * self._pace
            case Babble(payload):
                await self._publish(client, payload, payload)
            case Say(saying, is_cut):
                await self._publish(client, self._dialect.phrase(saying), saying, is_cut=is_cut)
                if saying.word is Word.VERSION and self._dialect.has_answers:
                    await self._hear_answer(client)
            case _:
                assert_never(act)

    async def _publish(self, client: Client, payload: bytes, what: object, *, is_cut: bool = False) -> None:
        self._answered.clear()
        self.facts.sent += 1
        client.say(self._dialect.up(self.device), payload, what)
        if is_cut:
            client.cut()
        await self._room(client, 1 if is_cut else self._window)

    async def _hear_answer(self, client: Client) -> None:
        try:
            async with asyncio.timeout(ANSWER_PATIENCE):
                await self._answered.wait()
        except TimeoutError:
            self.facts.unanswered += 1

    async def _room(self, client: Client, window: int) -> None:
        async with asyncio.timeout(PATIENCE):
            await client.room(window)

    async def _rest(self, failures: int) -> None:
        nap, self._nap = self._nap or 0.0, None
        if failures:
            nap = min(FIRST_PAUSE * 2.0**failures, LONGEST_PAUSE) * self._dice.uniform(0.5, 1)
        await asyncio.sleep(nap)
