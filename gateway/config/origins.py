"""Where images may come from: hosts, networks and ports."""

import re
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?:\*?\.)?{_LABEL}(?:\.{_LABEL})*")


def _host(value: str) -> str:
    with suppress(ValueError):
        ip_address(value)
        return value
    if not _HOST.fullmatch(value):
        raise PydanticCustomError(
            "host", 'it must be a host such as "ota.heclouds.com", or ".myqcloud.com" for all below that name'
        )
    return value


def _network(value: Any) -> IPv4Network | IPv6Network:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    text = value if isinstance(value, str) else ""
    with suppress(ValueError):
        return ip_network(text)
    near = ""
    with suppress(ValueError):
        near = f'; did you mean "{ip_network(text, strict=False)}"?'
    raise PydanticCustomError(
        "network", 'it must be a network such as "192.168.1.0/24" or "fd00::/8"{near}', {"near": near}
    )


Host = Annotated[str, AfterValidator(_host)]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
Port = Annotated[int, Field(ge=1, le=65_535)]
