"""The sockets on which devices arrive."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from gateway.devices.access.validity import is_plausible

_ACCEPTS_A_TURN = 16
_ENTRIES_A_TURN = 4
"""Of them. Who is let in costs half a millisecond until the login is over; devices that are in come between."""
_BACKLOG = 1024
_KERNEL_BYTES = 65_536
"""What the kernel holds for one connection, each way: left to itself it takes several megabytes for a peer that is
read later, or that does not read, and all peers together could take what the box needs for everything else."""
_EXHAUSTED_S = 0.5
"""How long nobody is accepted when the process has no file descriptor left."""

_BREATH_S = 0.005
"""How long nobody is accepted after somebody was refused: who comes back at once must not keep the loop busy."""

_NO_CHECK_TIME = 0x20_0000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, for which ssl has no name."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files of a TLS listener."""

    certificate: Path
    key: Path
    #: Whose client certificates count; without it none is asked for.
    client_ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return the server's side of TLS 1.2 and later; raise OSError where a file is missing or wrong."""
        for path in filter(None, (self.certificate, self.key, self.client_ca)):
            # OpenSSL does not name the file that it cannot read.
            path.open("rb").close()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Tickets would keep state per client; devices reconnect seldom.
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        context.load_cert_chain(self.certificate, self.key)
        if self.client_ca is not None:
            context.load_verify_locations(self.client_ca)
            # Optional: whether a device needs a certificate depends on who it is, which Access decides.
            context.verify_mode = ssl.CERT_OPTIONAL
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Where to listen; port 0 takes a free one."""

    host: str
    port: int
    tls: TlsFiles | None = None


class Door:
    """One bound listener: hands every accepted socket on."""

    def __init__(
        self,
        listener: Listener,
        admit: Callable[[socket.socket, tuple[str, int], ssl.SSLContext | None], bool],
    ) -> None:
        """Bind and listen; raise OSError that names the address. Nobody is accepted before `open`.

        `admit` takes the socket and says whether it was let in.
        """
        self._admit = admit
        self._tls = listener.tls.context() if listener.tls else None
        self._socket = _bound(listener.host, listener.port)
        host, port = self._socket.getsockname()[:2]
        #: As bound.
        self.address: tuple[str, int] = (host, port)
        self._loop = asyncio.get_running_loop()
        self._retry: asyncio.TimerHandle | None = None

    def renew(self, tls: ssl.SSLContext) -> bool:
        """Greet with another certificate from now on, where this speaks TLS; say if an authority counts no more."""
        before, self._tls = self._tls, tls if self._tls is not None else None
        return before is not None and not _authorities(before) <= _authorities(tls)

    def open(self) -> None:
        """Begin to accept."""
        self._retry = None
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def close(self) -> None:
        """Accept nobody any more; the kernel refuses those who come."""
        if self._retry is not None:
            self._retry.cancel()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _accept(self) -> None:
        entries, is_refused = 0, False
        for _ in range(_ACCEPTS_A_TURN):
            try:
                accepted, peer = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                break
            except OSError as err:
                # EMFILE and its like: the socket stays readable.
                log.warning("accept_failed", error=str(err), retry_s=_EXHAUSTED_S)
                self._look_away(_EXHAUSTED_S)
                return
            accepted.setblocking(False)
            if self._tls is not None:
                judge_by_clock(self._tls, time.time())
            if not self._admit(accepted, (peer[0], peer[1]), self._tls):
                is_refused = True
            elif (entries := entries + 1) == _ENTRIES_A_TURN:
                break
        if is_refused:
            self._look_away(_BREATH_S)

    def _look_away(self, seconds: float) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._retry = self._loop.call_later(seconds, self.open)


def _authorities(context: ssl.SSLContext) -> set[bytes]:
    return set(context.get_ca_certs(binary_form=True))


def judge_by_clock(context: ssl.SSLContext, now: float) -> None:
    """Let the time of day decide on certificates only where the clock has been set.

    A box that starts in 1970 would find every device's certificate not yet valid, and lock out the whole site.
    """
    checked = context.verify_flags & ~_NO_CHECK_TIME
    wanted = checked if is_plausible(now) else checked | _NO_CHECK_TIME
    if context.verify_flags != wanted:
        context.verify_flags = ssl.VerifyFlags(wanted)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for each in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            bound.setsockopt(socket.SOL_SOCKET, each, _KERNEL_BYTES)
        bound.setblocking(False)
        bound.bind((host, port))
        bound.listen(_BACKLOG)
    except OSError as err:
        bound.close()
        raise OSError(err.errno, f"cannot listen on {host} port {port}: {err.strerror or err}") from err
    return bound
