"""A wire to PostgreSQL that can be cut around a COMMIT."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: PostgreSQL's message `Query`, with its length.
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
HELD_S = 0.7


class Cut(Enum):
    """What happens to a COMMIT."""

    #: The server does it, and its reply is lost.
    AFTER = auto()
    #: It never arrives.
    BEFORE = auto()
    #: The client loses its connection at once, the server does it a while later.
    LATE = auto()


class Wire:
    """Carries bytes between TCP clients and the server's unix socket; `cut` is what befalls the next COMMIT."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cut: Cut | None = None

    def serve(self) -> None:
        """Accept until closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._server))
                for pump in (self._up, self._down):
                    threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def close(self) -> None:
        """Accept no more."""
        _end(self._listener)

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                cut, self.cut = (self.cut, None) if data == COMMIT else (None, self.cut)
                if cut is not None:
                    self._befall(cut, client, server)
                    return
                server.sendall(data)
        _end(client, server)

    def _befall(self, cut: Cut, client: socket.socket, server: socket.socket) -> None:
        if cut is Cut.AFTER:
            client.shutdown(socket.SHUT_WR)  # from here on, what `_down` reads is lost
            server.sendall(COMMIT)
            threading.Event().wait(HELD_S / 2)
        elif cut is Cut.LATE:
            _end(client)
            threading.Event().wait(HELD_S)
            server.sendall(COMMIT)
        _end(client, server)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)


def _end(*sockets: socket.socket) -> None:
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


@contextmanager
def wired(server: Path) -> Iterator[Wire]:
    """Lay a wire to the server's socket."""
    wire = Wire(server)
    thread = threading.Thread(target=wire.serve, daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        wire.close()
        thread.join()
