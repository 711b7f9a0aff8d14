"""HTTP as an old SDK speaks it: bytes written, bytes read, headers matched by letter."""

import asyncio
import contextlib
from dataclasses import dataclass

from gateway.config import Address


@dataclass(frozen=True, slots=True)
class Reply:
    """Every byte of an answer."""

    head: str
    body: bytes

    @property
    def status(self) -> int:
        """From the first line."""
        return int(self.head.split(" ", 2)[1])

    @property
    def lines(self) -> list[str]:
        """The header lines as they came."""
        return self.head.split("\r\n")[1:]

    def value(self, name: str) -> str:
        """Find a header as the C SDK does: by letter, behind a colon and one blank."""
        return next(line for line in self.lines if line.startswith(f"{name}: ")).removeprefix(f"{name}: ")


class Connection:
    """One connection; may be used for many requests."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, address: Address) -> "Connection":
        """Connect."""
        return cls(*await asyncio.open_connection(address.host, address.port))

    def ask(self, path: str, *headers: str, method: str = "GET", version: str = "1.1") -> None:
        """Write a request."""
        lines = [f"{method} {path} HTTP/{version}", "Host: 192.0.2.10", *headers, "", ""]
        self.writer.write("\r\n".join(lines).encode("latin-1"))

    async def head(self) -> str:
        """Read up to the empty line."""
        return (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").removesuffix("\r\n\r\n")

    async def get(self, path: str, *headers: str, method: str = "GET", version: str = "1.1") -> Reply:
        """Ask and read the whole answer."""
        self.ask(path, *headers, method=method, version=version)
        bare = Reply(await self.head(), b"")
        length = 0 if method == "HEAD" else int(bare.value("Content-Length"))
        return Reply(bare.head, await self.reader.readexactly(length))

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()
