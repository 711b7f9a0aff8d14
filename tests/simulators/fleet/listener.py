"""The least of a broker, for tests of the devices: it writes down every publish, and is slow or rude on request.

Only as much MQTT 3.1.1 as the fleet needs, from the specification; what it does not know, it drops the connection for.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP = 0x20, 0x30, 0x40, 0x90, 0xD0
NOT_AUTHORISED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """One PUBLISH as it came."""

    #: Connections are counted from 1.
    connection: int
    is_dup: bool
    mid: int
    topic: str
    payload: bytes


@dataclass(slots=True)
class Listener:
    """A broker to be poked; the attributes take effect at once."""

    publishes: list[Publish] = field(default_factory=list)
    subscriptions: list[str] = field(default_factory=list)
    connections: int = 0
    #: No PUBACK while this is set.
    is_mute: bool = False
    #: So many CONNECTs are refused.
    refusals: int = 0
    #: So many CONNECTs are not answered at all.
    hang_ups: int = 0
    #: What is sent to the device's subscription after a publish, if anything.
    answer: Callable[[Publish], bytes | None] = lambda _: None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def tell(self, topic: str, payload: bytes) -> None:
        """Send to whoever is connected, at QoS 0."""
        for writer in self._writers:
            writer.write(_publish(topic, payload))

    def drop(self) -> None:
        """Reset all connections."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self._writers.add(writer)
        self.connections += 1
        number = self.connections
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while self._take(number, await _read(reader), writer):
                pass
        self._writers.discard(writer)
        writer.close()

    def _take(self, connection: int, packet: tuple[int, bytes], writer: asyncio.StreamWriter) -> bool:
        head, body = packet
        match head >> 4:
            case 1 if self.hang_ups:
                self.hang_ups -= 1
                return False
            case 1:  # CONNECT
                refused = self.refusals > 0
                self.refusals -= refused
                writer.write(bytes((CONNACK, 2, 0, NOT_AUTHORISED if refused else 0)))
                return not refused
            case 3:  # PUBLISH
                self._hear(connection, head, body, writer)
            case 8:  # SUBSCRIBE
                self.subscriptions.append(_text(body, 2))
                writer.write(bytes((SUBACK, 3)) + body[:2] + b"\x01")
            case 12:  # PINGREQ
                writer.write(bytes((PINGRESP, 0)))
            case _:  # DISCONNECT
                return False
        return True

    def _hear(self, connection: int, head: int, body: bytes, writer: asyncio.StreamWriter) -> None:
        topic = _text(body, 0)
        end = 2 + len(topic.encode())
        has_mid = bool(head & 6)  # QoS 0 has none
        mid = struct.unpack_from(">H", body, end)[0] if has_mid else 0
        heard = Publish(
            connection=connection,
            is_dup=bool(head & 8),
            mid=mid,
            topic=topic,
            payload=body[end + 2 * has_mid :],
        )
        self.publishes.append(heard)
        if self.is_mute:
            return
        if has_mid:
            writer.write(struct.pack(">BBH", PUBACK, 2, mid))
        if answer := self.answer(heard):
            writer.write(_publish(self.subscriptions[-1], answer))


@asynccontextmanager
async def listening(listener: Listener, *, port: int = 0) -> AsyncIterator[tuple[str, int]]:
    """Listen on the loopback; yields the address."""
    server = await asyncio.start_server(listener.serve, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[:2]
    finally:
        server.close()
        listener.drop()


def _publish(topic: str, payload: bytes) -> bytes:
    name = topic.encode()
    body = struct.pack(">H", len(name)) + name + payload
    length, left = bytearray(), len(body)
    while True:
        left, byte = left >> 7, left & 127
        length.append(byte | 128 if left else byte)
        if not left:
            return bytes((PUBLISH,)) + bytes(length) + body


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return head, await reader.readexactly(length)


def _text(body: bytes, at: int) -> str:
    (length,) = struct.unpack_from(">H", body, at)
    return body[at + 2 : at + 2 + length].decode()
