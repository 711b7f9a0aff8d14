"""Between the broker and the core: reads each publish in its device's dialect and hands it in.

Its law: nothing is settled here. What the core commits, it settles; a reply follows only a commit.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import lru_cache

import structlog

from gateway.core.news import News
from gateway.devices.dialects import KINDS, REASONS, ChunkAsked, Dialect, Publish
from gateway.errors import NotUnderstoodError
from gateway.metrics import Metrics, initialise
from gateway.model.commands import Instruction
from gateway.model.identity import DeviceId
from gateway.ports.devices import Downlink, Inbox, Objection, Settle

log = structlog.get_logger()

#: Answers a device's request for a part of an image.
Chunks = Callable[[DeviceId, bytes], Awaitable[bytes]]


def _nobody_waits(device: DeviceId, topic_filter: str) -> None:
    """Let a device listen for nothing in particular."""
    del device, topic_filter


class Link:
    """The receiver of all that devices publish; knows who is present.

    `dialects` maps a product's id to its dialect and covers every product that may log in. `downlink` is asked at
    each reply, because the broker that it leads to is built later and needs the link. `on_listening` is called as
    `Receiver.subscribed` is, and `on_gone` as `Receiver.disconnected`. `chunks` answers requests for parts of images;
    without it they stay without an answer.
    """

    def __init__(
        self,
        *,
        inbox: Inbox,
        dialects: Mapping[str, Dialect],
        downlink: Callable[[], Downlink],
        metrics: Metrics,
        on_listening: Callable[[DeviceId, str], None] = _nobody_waits,
        on_gone: Callable[[DeviceId], None] = lambda _: None,
        chunks: Chunks | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inbox = inbox
        self._downlink = downlink
        self._on_listening = on_listening
        self._on_gone = on_gone
        self._chunks = chunks
        self._answering: set[asyncio.Task[None]] = set()
        self._clients = metrics.clients
        self._present: set[DeviceId] = set()
        self._news = News(monotonic)
        self._metrics = metrics
        self.replace(dialects)
        # Looking a child up in the metric takes a lock and costs more than counting.
        self._received = lru_cache(maxsize=None)(metrics.received.labels)
        self._quarantined = lru_cache(maxsize=None)(metrics.quarantined.labels)

    def replace(self, dialects: Mapping[str, Dialect]) -> None:
        """Read by other dialects from now on."""
        self._dialects = dict(dialects)
        names = sorted({dialect.name for dialect in dialects.values()})
        initialise(self._metrics.received, names, KINDS)
        initialise(self._metrics.quarantined, names, (*REASONS, *Objection))

    def received(
        self, device: DeviceId, topic: str, payload: bytes, settle: Settle, *, redelivered: bool = False
    ) -> None:
        """Read one publish and hand its event to the core, or put it into quarantine."""
        dialect = self._dialects[device.product_id]
        try:
            event, kind, reply = dialect.read(device, topic, payload)
        except NotUnderstoodError as error:
            self._note(device, dialect, error, len(payload))
            self._inbox.set_aside(
                device, topic, payload, reason=error.reason, detail=error.detail, settle=settle
            )
            return
        if isinstance(event, ChunkAsked):
            self._received(dialect.name, kind).inc()
            self._answer_chunk(device, payload, event.topic)
            settle(True)
            return
        if redelivered:
            event = replace(event, redelivered=True)
        self._received(dialect.name, kind).inc()
        if reply is not None:
            settle = self._then_reply(device, reply, settle)
        self._inbox.accept(event, settle, said=payload)

    def tell(self, instruction: Instruction) -> bool:
        """Tell the device something; see `ports.devices.Outlet`."""
        dialect = self._dialects.get(instruction.device.product_id)
        message = None if dialect is None else dialect.write(instruction)
        return message is not None and self._downlink().send(instruction.device, *message)

    def _answer_chunk(self, device: DeviceId, payload: bytes, topic: str) -> None:
        async def answer() -> None:
            if self._chunks is not None:
                self._downlink().send(device, topic, await self._chunks(device, payload))

        task = asyncio.create_task(answer(), name="chunk")
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    def set_aside(
        self, device: DeviceId, topic: str, payload: bytes, settle: Settle, *, reason: Objection, detail: str
    ) -> None:
        """Count one publish that is not to be read, and put it into quarantine."""
        self._quarantined(self._dialects[device.product_id].name, reason).inc()
        self._inbox.set_aside(device, topic, payload, reason=reason, detail=detail, settle=settle)

    def _then_reply(self, device: DeviceId, reply: Publish, settle: Settle) -> Settle:
        def settle_and_reply(committed: bool) -> None:  # noqa: FBT001 - the shape of Settle
            settle(committed)
            if committed:
                self._downlink().send(device, reply.topic, reply.payload)

        return settle_and_reply

    def _note(self, device: DeviceId, dialect: Dialect, error: NotUnderstoodError, size: int) -> None:
        self._quarantined(dialect.name, error.reason).inc()
        suppressed = self._news.suppressed(device, error.reason)
        if suppressed is not None:
            log.info(
                "input_quarantined",
                device=str(device),
                dialect=dialect.name,
                reason=error.reason,
                detail=error.detail,
                bytes=size,
                suppressed=suppressed,
            )

    @property
    def has_room(self) -> bool:
        """False while so much waits for commit that reading from sockets should pause."""
        return self._inbox.has_room

    async def room(self) -> None:
        """Wait until has_room."""
        await self._inbox.room()

    def connected(self, device: DeviceId) -> None:
        """Note that the device came."""
        self._present.add(device)
        self._clients.set(len(self._present))

    def disconnected(self, device: DeviceId) -> None:
        """Note that the device went."""
        self._present.discard(device)
        self._clients.set(len(self._present))
        self._on_gone(device)

    def subscribed(self, device: DeviceId, topic_filter: str) -> None:
        """Pass on that the device now listens on this filter."""
        self._on_listening(device, topic_filter)

    @property
    def present(self) -> int:
        """How many devices are connected now."""
        return len(self._present)

    @property
    def devices(self) -> AbstractSet[DeviceId]:
        """The devices that are connected now."""
        return self._present
