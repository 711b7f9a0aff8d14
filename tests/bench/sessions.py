"""Opening many MQTT sessions on this machine, in batches that a listen backlog can take."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING

from tests.bench.packets import connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.fleet import Login

BATCH = 50
CONNECT_TIMEOUT_S = 20.0
MOST_CONNECTIONS = 10_000
SEND_BUFFER_BYTES = 256 * 1024
DISCONNECT = b"\xe0\x00"


class RefusedError(ConnectionError):
    """The server did not accept a login."""


def open_sessions(address: tuple[str, int], logins: Sequence[Login]) -> list[socket.socket]:
    """Log in every client and return the sockets; all or none stay open."""
    if not ipaddress.ip_address(address[0]).is_loopback:
        raise ValueError(
            f"{address[0]} is not this machine; the load generator serves loopback addresses only"
        )
    if len(logins) > MOST_CONNECTIONS:
        raise ValueError(f"{len(logins)} connections asked for; {MOST_CONNECTIONS} is the most")
    sessions: list[socket.socket] = []
    try:
        for batch in _batches(logins):
            sockets = [_dial(address, login) for login in batch]
            sessions += sockets
            for sock, login in zip(sockets, batch, strict=True):
                _expect_connack(sock, login)
    except OSError:
        close_sessions(sessions)
        raise
    return sessions


def close_sessions(sessions: Sequence[socket.socket]) -> None:
    """Say goodbye where the server still listens, and close."""
    for sock in sessions:
        try:
            sock.send(DISCONNECT)
        except OSError:
            pass
        finally:
            sock.close()


def _batches(logins: Sequence[Login]) -> Iterator[Sequence[Login]]:
    return (logins[start : start + BATCH] for start in range(0, len(logins), BATCH))


def _dial(address: tuple[str, int], login: Login) -> socket.socket:
    sock = socket.create_connection(address, timeout=CONNECT_TIMEOUT_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    sock.sendall(connect(login))
    return sock


def _expect_connack(sock: socket.socket, login: Login) -> None:
    answer = b""
    while len(answer) < 4 and (more := sock.recv(4 - len(answer))):
        answer += more
    if answer != b"\x20\x02\x00\x00":
        raise RefusedError(
            f"{login.username} was answered {answer.hex() or 'with a closed connection'}, not CONNACK 0"
        )
