"""Ports for listeners whose address must be known before they listen."""

import secrets
import socket

#: Below the ports that systems give to outgoing connections, and above what is usually served.
LOWEST, HIGHEST = 15_000, 32_000
_named: set[int] = set()


def free_port() -> int:
    """Find a loopback port that nobody listens on, another one each time, and hardly ever that of another process.

    A port that the system chooses, and that is given up at once, may be anybody's next one.
    """
    while True:
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST)
        if port not in _named and _is_free(port):
            _named.add(port)
            return port


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False
