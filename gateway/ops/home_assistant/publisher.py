"""Keeps Home Assistant's broker told: all that is known at each connection, then what changes, newest wins.

Nothing waits for it. What it could not say the next connection says, so that it keeps a set of names and no queue.
"""

import asyncio
import json
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import aiomqtt
import structlog

from gateway import __version__
from gateway.config import HomeAssistantConfig
from gateway.core.record import Part, Record
from gateway.core.retry import Backoff
from gateway.errors import Denied
from gateway.ops.home_assistant import entity
from gateway.ops.home_assistant.entity import Entity
from gateway.ports.store import Changes

log = structlog.get_logger()

#: Seconds in which changes of one module gather.
_PAUSE = 1.0
_BACKOFF = Backoff(base=timedelta(seconds=2), cap=timedelta(minutes=1))
_KEEP_ALIVE = 30
_QUEUED_MESSAGES = 1000


class HomeAssistant:
    """Publishes what the record holds; `changed` says where to look again."""

    def __init__(self, config: HomeAssistantConfig, *, site: str, record: Record) -> None:
        self._config = config
        self._site = site
        self._record = record
        self._changed: set[Part] = set()
        self._news = asyncio.Event()
        #: The configurations of this connection, by topic.
        self._announced: set[str] = set()
        #: In a row; a connection that ends before all was said is one, too.
        self._failures = 0

    def changed(self, changes: Changes) -> None:
        """Learn what a commit changed."""
        for update in (*changes.updates.values(), *changes.progressed.values()):
            self._changed.add((update.device, update.module))
        self._changed.update(changes.versions)
        if self._changed:
            self._news.set()

    async def run(self) -> None:
        """Stay connected, for ever; a broker that is away is no trouble of anybody else."""
        while True:
            try:
                async with self._client() as client:
                    await self._serve(client)
            except* (aiomqtt.MqttError, Denied) as trouble:
                self._failures += 1
                if self._failures == 1:
                    log.warning("home_assistant_unavailable", error=str(trouble.exceptions[0]))
            await asyncio.sleep(_BACKOFF.delay(self._failures, random.random))

    def _client(self) -> aiomqtt.Client:
        config = self._config
        return aiomqtt.Client(
            config.broker.host,
            config.broker.port,
            username=config.username or None,
            password=config.password.reveal() if config.password else None,
            identifier=entity.node(self._site),
            tls_params=aiomqtt.TLSParameters() if config.tls else None,
            will=aiomqtt.Will(entity.availability_topic(self._site), "offline", qos=1, retain=True),
            clean_session=True,
            keepalive=_KEEP_ALIVE,
            max_queued_incoming_messages=_QUEUED_MESSAGES,
        )

    async def _serve(self, client: aiomqtt.Client) -> None:
        self._changed.clear()
        self._announced.clear()
        async with asyncio.TaskGroup() as group:
            # It hears at once that the connection is lost, where who publishes waits for an answer.
            group.create_task(self._forget(client), name="home-assistant-forget")
            group.create_task(self._tell(client), name="home-assistant-tell")

    async def _tell(self, client: aiomqtt.Client) -> None:
        """Say all that is known, then what changes."""
        for part in self._known():
            await self._announce(client, part)
        await client.publish(entity.availability_topic(self._site), "online", qos=1, retain=True)
        # Only now: what comes is held against what was announced.
        await client.subscribe(f"{self._config.prefix}/update/{entity.node(self._site)}/+/config", qos=1)
        log.info("home_assistant_connected", broker=str(self._config.broker))
        self._failures = 0
        while True:
            await self._news.wait()
            self._news.clear()
            changed, self._changed = self._changed, set()
            for part in changed:
                await self._announce(client, part)
            await asyncio.sleep(_PAUSE)

    async def _forget(self, client: aiomqtt.Client) -> None:
        """Take back what an earlier configuration of the site announced and nothing here is called any more."""
        async for message in client.messages:
            if message.payload and str(message.topic) not in self._announced:
                await client.publish(str(message.topic), b"", qos=1, retain=True)

    async def _announce(self, client: aiomqtt.Client, part: Part) -> None:
        """Say how a module is called, once, and where it stands."""
        device, module = part
        named = Entity(site=self._site, device=device, module=module)
        topic = named.discovery_topic(self._config.prefix)
        if topic not in self._announced:
            self._announced.add(topic)
            await _put(client, topic, named.discovery(__version__))
        facts = entity.state(self._record.running(device, module), self._record.update(device, module))
        await _put(client, named.state_topic, facts)

    def _known(self) -> Iterator[Part]:
        for device in list(self._record.known):
            if self._record.rules(device) is None:
                continue
            updated = (update.module for update in self._record.of(device))
            for module in sorted({*self._record.modules(device), *updated}):
                yield device, module


async def _put(client: aiomqtt.Client, topic: str, facts: dict[str, Any]) -> None:
    await client.publish(topic, json.dumps(facts), qos=1, retain=True)
