"""MQTT 3.1.1 written by hand: what a device sends, well-formed or not, and what it reads."""

import asyncio
import contextlib
import ssl
from typing import Self

PINGREQ, PINGRESP, DISCONNECT = b"\xc0\x00", b"\xd0\x00", b"\xe0\x00"
ACCEPTED = b"\x20\x02\x00\x00"
PATIENCE_S = 10.0


def text(value: str | bytes) -> bytes:
    """Return a length-prefixed text."""
    raw = value.encode() if isinstance(value, str) else value
    return len(raw).to_bytes(2) + raw


def packet(first: int, body: bytes) -> bytes:
    """Return a packet with its remaining length."""
    length, rest = bytearray(), len(body)
    while True:
        rest, digit = divmod(rest, 128)
        length.append(digit | (0x80 if rest else 0))
        if not rest:
            return bytes((first,)) + bytes(length) + body


def connect(
    name: str | None = "dev1",
    *,
    client_id: str = "any",
    password: str | None = None,
    keep_alive: int = 60,
    clean: bool = True,
    will: tuple[str, bytes] | None = None,
) -> bytes:
    """Return the CONNECT of device P/name, with its right password unless another is given."""
    flags, fields = 0x02 if clean else 0, text(client_id)
    if will:
        flags |= 0x2C  # retained, QoS 1
        fields += text(will[0]) + text(will[1])
    if name is not None:
        flags |= 0xC0
        fields += text(f"P/{name}") + text(f"secret-{name}" if password is None else password)
    return packet(0x10, text("MQTT") + bytes((4, flags)) + keep_alive.to_bytes(2) + fields)


def publish(topic: str | bytes, payload: bytes = b"{}", packet_id: int = 0, *, flags: int = 0) -> bytes:
    """Return a PUBLISH, of QoS 1 when it has a packet id."""
    if not packet_id:
        return packet(0x30 | flags, text(topic) + payload)
    return packet(0x32 | flags, text(topic) + packet_id.to_bytes(2) + payload)


def puback(*packet_ids: int) -> bytes:
    """Return PUBACKs."""
    return b"".join(b"\x40\x02" + each.to_bytes(2) for each in packet_ids)


def subscribe(*filters: str, packet_id: int = 1, qos: int = 1) -> bytes:
    """Return a SUBSCRIBE."""
    return packet(0x82, packet_id.to_bytes(2) + b"".join(text(each) + bytes((qos,)) for each in filters))


def unsubscribe(*filters: str, packet_id: int = 1) -> bytes:
    """Return an UNSUBSCRIBE."""
    return packet(0xA2, packet_id.to_bytes(2) + b"".join(text(each) for each in filters))


def suback(*codes: int, packet_id: int = 1) -> bytes:
    """Return a SUBACK."""
    return packet(0x90, packet_id.to_bytes(2) + bytes(codes))


def message(topic: str, payload: bytes) -> bytes:
    """Return the PUBLISH of QoS 0 that a device gets."""
    return packet(0x30, text(topic) + payload)


class Client:
    """A device that says exactly what a test wants."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(
        cls, port: int, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", source: str | None = None
    ) -> Self:
        """Open the socket, from an address of this machine's, and say nothing."""
        reader, writer = await asyncio.open_connection(
            host,
            port,
            ssl=tls,
            server_hostname="localhost" if tls else None,
            local_addr=(source, 0) if source else None,
        )
        return cls(reader, writer)

    def send(self, *packets: bytes) -> None:
        """Send in one piece."""
        self.writer.write(b"".join(packets))

    async def read(self, count: int) -> bytes:
        """Read exactly so much."""
        return await asyncio.wait_for(self.reader.readexactly(count), PATIENCE_S)

    async def expect(self, expected: bytes) -> None:
        """Read what must come next."""
        assert await self.read(len(expected)) == expected

    async def silent(self, seconds: float = 0.05) -> bool:
        """Whether nothing comes for a while."""
        try:
            await asyncio.wait_for(self.reader.read(1), seconds)
        except TimeoutError:
            return True
        return False

    async def rest(self) -> bytes:
        """Read until the broker closes."""
        try:
            return await asyncio.wait_for(self.reader.read(-1), PATIENCE_S)
        except ConnectionError:
            return b""

    async def log_in(self, name: str = "dev1", *, clean: bool = True, keep_alive: int = 60) -> Self:
        """Connect as P/name and see it accepted."""
        self.send(connect(name, clean=clean, keep_alive=keep_alive))
        await self.expect(ACCEPTED)
        return self

    async def close(self) -> None:
        """Close the socket, whatever became of it."""
        self.writer.close()
        with contextlib.suppress(OSError):
            await asyncio.wait_for(self.writer.wait_closed(), PATIENCE_S)
