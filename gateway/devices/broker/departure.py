"""Whether a peer that is read later has left meanwhile: its end stands behind all that it sent, unread in the kernels.

A flood of the smallest packets is read for hours at the rate of one device. Where the end cannot be seen yet, an answer
tells: who is gone resets the connection on it. Who is only ever too fast, and asks for no answer, is cut off.
"""

import fcntl
import socket
import struct
import termios
from typing import Final

from gateway.devices.broker.errors import Ending

LINGER_S: Final = 30.0
"""How long what a peer said before it closed is read on, at the pace at which it may speak."""

PATIENCE_S: Final = 60.0
"""How long a peer may be too fast, without a break and without an answer."""

_SILENT_S: Final = 60
"""After so long the kernel gives up a peer that vanished; it is asked only because it was too fast."""

_INFO: Final = getattr(socket, "TCP_INFO", None)
"""Linux only; elsewhere the end is found where it stands."""

_CLOSED, _CLOSED_BY_PEER = 7, 8
"""TCP_CLOSE, after a reset, and TCP_CLOSE_WAIT, as tcp_states.h has them."""


class Departure:
    """Watches one socket."""

    __slots__ = ("_behind_at", "_closed_at", "_sock", "answered_at")

    def __init__(self, sock: socket.socket, now: float) -> None:
        self._sock = sock
        self._closed_at: float | None = None
        #: When it was last heard to the end, and when it was last answered.
        self._behind_at = self.answered_at = now
        if _INFO is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENT_S // 2)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _SILENT_S // 6)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENT_S * 1000)

    def ending(self, now: float) -> Ending | None:
        """Say why it is not worth hearing what is left."""
        if _INFO is None:
            return None
        try:
            state = self._sock.getsockopt(socket.IPPROTO_TCP, _INFO, 1)[0]
            unread = fcntl.ioctl(self._sock, termios.FIONREAD, bytes(4))
        except OSError:
            # It is closed on our side already.
            return Ending.CONNECTION_LOST
        if not struct.unpack("i", unread)[0]:
            self._behind_at = now
        if state == _CLOSED or (state == _CLOSED_BY_PEER and self._has_lingered(now)):
            return Ending.CONNECTION_LOST
        if now - max(self._behind_at, self.answered_at) >= PATIENCE_S:
            return Ending.PUBLISH_RATE
        return None

    def _has_lingered(self, now: float) -> bool:
        if self._closed_at is None:
            self._closed_at = now
        return now - self._closed_at >= LINGER_S
