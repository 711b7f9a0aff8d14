"""An MQTT client that outlives its connections: what was not acknowledged stays in paho's hands.

paho sends it again with DUP, in order, as soon as the next connection stands (MQTT 3.1.1 §4.4). aiomqtt alone
would lose sight of it: its ``publish`` ends with the connection that it began on.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Self, TypeVar

import aiomqtt

from tests.simulators.fleet.dialect import Login

#: Connections break here on purpose; who plays the device notices, and the terminal stays clean.
SILENT = logging.CRITICAL + 1
TIMEOUT = 5.0
T = TypeVar("T")


class Client(aiomqtt.Client):
    """Reusable as a context manager, one connection after the other; ``on_acknowledged`` hears each PUBACK."""

    def __init__(
        self, address: tuple[str, int], login: Login, *, on_acknowledged: Callable[[object], None]
    ) -> None:
        host, port = address
        logger = logging.getLogger(__name__)
        logger.setLevel(SILENT)
        super().__init__(
            host,
            port,
            identifier=login.client_id,
            username=login.username,
            password=login.password,
            clean_session=False,
            timeout=TIMEOUT,
            logger=logger,
        )
        self._on_acknowledged = on_acknowledged
        self._unacknowledged: dict[int, object] = {}
        self._moved = asyncio.Event()

    @property
    def unacknowledged(self) -> int:
        """How many publishes wait for their PUBACK."""
        return len(self._unacknowledged)

    async def __aenter__(self) -> Self:
        """Connect."""
        if self._connected.done():
            # aiomqtt 2.5.1 resets this only when the client itself has disconnected.
            self._connected = asyncio.get_running_loop().create_future()
        try:
            return await super().__aenter__()
        except aiomqtt.MqttError:
            # Otherwise the next attempt would close the socket in another thread.
            self._client._sock_close()
            raise

    def say(self, topic: str, payload: bytes, what: object) -> None:
        """Publish with QoS 1; ``what`` comes back with the PUBACK."""
        info = self._client.publish(topic, payload, qos=1)
        self._unacknowledged[info.mid] = what

    def whisper(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 0: what is worth nothing later."""
        self._client.publish(topic, payload, qos=0)

    async def room(self, window: int) -> None:
        """Wait until fewer than so many publishes wait for their PUBACK."""
        while len(self._unacknowledged) >= window:
            self._moved.clear()
            await self._moved.wait()

    def cut(self) -> None:
        """Write what is queued, then break the connection: no PUBACK can come any more."""
        self._client.loop_write()
        wire = self._client.socket()
        if isinstance(wire, socket.socket):
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)

    async def _wait_for(self, fut: Awaitable[T], timeout: float | None) -> T:  # noqa: ASYNC109  aiomqtt's signature
        # asyncio.wait_for, which aiomqtt uses, may swallow a cancellation before Python 3.12 (bpo-37658).
        try:
            async with asyncio.timeout(self.timeout if timeout is None else timeout):
                return await fut
        except TimeoutError:
            raise aiomqtt.MqttError("timed out") from None

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: socket.socket) -> None:
        # paho may call from the thread that connects. aiomqtt passes the number of the descriptor on, which may be
        # closed or another connection's when its turn comes: uvloop aborts the process on that.
        self._loop.call_soon_threadsafe(self._watch_for_writing, sock)

    def _watch_for_writing(self, sock: socket.socket) -> None:
        if self._client.socket() is sock and self._client.want_write():
            self._loop.add_writer(sock.fileno(), self._write)

    def _write(self) -> None:
        with suppress(OSError):  # the reader notices as well
            self._client.loop_write()

    def _on_publish(self, client: Any, userdata: Any, mid: int, *more: Any) -> None:
        super()._on_publish(client, userdata, mid, *more)
        what = self._unacknowledged.pop(mid, None)
        self._moved.set()
        if what is not None:
            self._on_acknowledged(what)

    def _on_disconnect(self, *about: Any) -> None:
        if not self._connected.done():
            # aiomqtt would wait for a CONNACK that cannot come until its timeout.
            self._connected.set_exception(aiomqtt.MqttError("closed before CONNACK"))
        super()._on_disconnect(*about)
        if self._disconnected.done() and not self._disconnected.cancelled():
            self._disconnected.exception()  # asyncio would complain that nobody has asked
