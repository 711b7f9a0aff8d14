"""What a connection says of its sender, gathered for the judge."""

import asyncio
from typing import Any

from gateway.devices.broker.packets import Connect
from gateway.ports.devices import Login


def login_of(connect: Connect, transport: asyncio.Transport | None, address: str) -> Login:
    """Return CONNECT, address and certificate of one connection; nothing of an earlier one."""
    return Login(
        client_id=connect.client_id,
        username=connect.username,
        password=connect.password,
        address=address,
        certificate_name=_certificate_name(transport),
    )


def _certificate_name(transport: asyncio.Transport | None) -> str | None:
    """Return the only common name of the peer's certificate; OpenSSL has verified it, or there is none."""
    tls: Any = transport.get_extra_info("ssl_object") if transport else None
    certificate = tls.getpeercert() if tls else None
    subject = certificate.get("subject", ()) if certificate else ()
    names = [value for part in subject for key, value in part if key == "commonName"]
    return names[0] if len(names) == 1 else None
