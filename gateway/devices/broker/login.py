"""What a connection says of its sender, gathered for the judge, and noted when he says no."""

import asyncio
import hashlib
from typing import Any

import structlog

from gateway.core.news import News
from gateway.devices.broker.errors import Ending
from gateway.devices.broker.packets import Connect
from gateway.ports.devices import Login

log = structlog.get_logger()

#: Of a name that a stranger gives.
_MAX_LOGGED_CHARS = 128


def login_of(connect: Connect, transport: asyncio.Transport | None, address: str) -> Login:
    """Return CONNECT, address and certificate of one connection; nothing of an earlier one."""
    return Login(
        client_id=connect.client_id,
        username=connect.username,
        password=connect.password,
        address=address,
        certificate_name=_certificate_name(transport),
        certificate_fingerprint=fingerprint_of(transport),
    )


def _certificate_name(transport: asyncio.Transport | None) -> str | None:
    """Return the only common name of the peer's certificate; OpenSSL has verified it, or there is none."""
    tls: Any = transport.get_extra_info("ssl_object") if transport else None
    certificate = tls.getpeercert() if tls else None
    subject = certificate.get("subject", ()) if certificate else ()
    names = [value for part in subject for key, value in part if key == "commonName"]
    return names[0] if len(names) == 1 else None


def fingerprint_of(transport: asyncio.Transport | None) -> str | None:
    """Return the SHA-256 fingerprint of the peer's certificate, if it showed one."""
    tls: Any = transport.get_extra_info("ssl_object") if transport else None
    certificate = tls.getpeercert(binary_form=True) if tls else None
    return hashlib.sha256(certificate).hexdigest() if certificate else None


def note_refused(connect: Connect, address: str, news: News) -> None:
    """Log a refused login, with the names that were given and without the password."""
    # Devices behind one address are told apart by the names they give.
    username = _legible(connect.username)
    suppressed = news.suppressed((address, username), Ending.REFUSED)
    if suppressed is not None:
        log.info(
            "login_refused",
            username=username,
            client_id=_legible(connect.client_id),
            address=address,
            reason=Ending.REFUSED,
            suppressed=suppressed,
        )


def _legible(text: str | None) -> str | None:
    """Return what a stranger calls itself as it may stand in a log: short, and without control characters."""
    if text is None:
        return None
    return "".join(
        each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[:_MAX_LOGGED_CHARS]
    )
