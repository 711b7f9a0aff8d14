"""Where a server listens: "host:port", with an IPv6 host in brackets."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

_FORM = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+)):(?P<port>\d{1,5})")


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port; port 0 asks the system for a free one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """True when only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _parse(value: Any) -> Address | None:
    found = _FORM.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found["port"]) > 65_535:
        return None
    return Address(found["six"] or found["host"], int(found["port"]))


def _listen(value: Any) -> Address:
    address = value if isinstance(value, Address) else _parse(value)
    if address is None:
        raise PydanticCustomError(
            "address", 'it must be "host:port" such as "127.0.0.1:9464" or "[::1]:9464"'
        )
    return address


def _listen_or_not(value: Any) -> Address | None:
    if value in ("", None):
        return None
    address = value if isinstance(value, Address) else _parse(value)
    if address is None:
        raise PydanticCustomError(
            "address", 'it must be "host:port" such as "0.0.0.0:1883" or "[::]:1883", or "" for no listener'
        )
    return address


Listen = Annotated[Address, BeforeValidator(_listen)]
#: "" means no listener.
OptionalListen = Annotated[Address | None, BeforeValidator(_listen_or_not)]
