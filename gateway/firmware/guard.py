"""Which URLs the gateway may follow when a cloud names them: a task must not make it knock at the site's own doors.

The name is judged when the URL is read, the address when it is connected to, and nothing is looked up in between: a
name that changes its address between two questions gains nothing.
"""

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from aiohttp import AddrInfoType, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver
from yarl import URL

from gateway.errors import Rejected
from gateway.ports.firmware import Trouble

PORTS: Final = frozenset({80, 443, 8080, 8443})
MAX_URL: Final = 4096
#: No blanks, no controls, nothing that parsers read in different ways.
_CHARACTERS: Final = re.compile(r"[!$-;=?-\[\]_a-z~]+")
_NAT64: Final = IPv6Network("64:ff9b::/96")
#: Special by IANA's registries, and public to some of the Pythons that we run on.
_SPECIAL: Final = tuple(map(ip_network, ("192.0.0.0/24", "64:ff9b:1::/48", "3fff::/20", "5f00::/16")))


class ForbiddenAddressError(OSError):
    """The host has an address that images may not come from; firmware.allowed_networks can allow it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The rules of a site."""

    #: Names as `ota.heclouds.com`, or `.myqcloud.com` for all below it; empty for any name.
    hosts: Sequence[str] = ()
    #: Networks that are allowed although they are private, loopback or otherwise special.
    networks: Sequence[IPv4Network | IPv6Network] = ()
    #: None for any.
    ports: frozenset[int] | None = PORTS

    def admit(self, url: str) -> URL:
        """Return the URL, unchanged to the letter, for its signature; raises Rejected."""
        if len(url) > MAX_URL or not _CHARACTERS.fullmatch(url):
            raise _forbidden(
                f"it is longer than {MAX_URL} characters or has one that does not belong in a URL"
            )
        try:
            parsed = URL(url, encoded=True)
            host, port = (parsed.host or "").lower().rstrip("."), parsed.port
        except ValueError as error:
            raise _forbidden("it cannot be read") from error
        if parsed.scheme not in ("http", "https") or not host:
            raise _forbidden("it is neither http nor https")
        if parsed.raw_user is not None or parsed.raw_password is not None:
            raise _forbidden("it names a user")
        if self.ports is not None and port not in self.ports:
            raise _forbidden(f"port {port} of {host} is not allowed")
        if self.hosts and not any(_matches(host, pattern.lower()) for pattern in self.hosts):
            raise _forbidden(f"{host} is not among the allowed hosts")
        address = _literal(host)
        if address is not None and not self.admits(address):
            raise _forbidden(f"{host} is not an address that images may come from")
        return parsed

    def admits(self, address: IPv4Address | IPv6Address) -> bool:
        """Tell whether the address is public, or allowed by the site."""
        address = _carried(address)
        if any(address in network for network in self.networks):
            return True
        if isinstance(address, IPv6Address) and address.is_site_local:
            return False
        if any(address in network for network in _SPECIAL):
            return False
        return address.is_global and not (address.is_multicast or address.is_reserved)

    def check(self, host: str) -> None:
        """Raise ForbiddenAddressError unless the numeric address may be connected to."""
        address = _literal(host)
        if address is None or not self.admits(address):
            raise ForbiddenAddressError(f"{host} is not an address that images may come from")

    def connector(self, resolver: AbstractResolver | None = None) -> TCPConnector:
        """Return a connector that opens no socket to a forbidden address."""

        def open_socket(info: AddrInfoType) -> socket.socket:
            family, kind, protocol, _, address = info
            self.check(str(address[0]))
            return socket.socket(family, kind, protocol)

        return TCPConnector(
            resolver=_GuardedResolver(self, resolver or DefaultResolver()),
            socket_factory=open_socket,
            use_dns_cache=False,
            force_close=True,
        )


class _GuardedResolver(AbstractResolver):
    """Refuses a name that has any forbidden address, so that a mixed answer is no way in."""

    def __init__(self, guard: Guard, inner: AbstractResolver) -> None:
        self._guard = guard
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for result in found:
            self._guard.check(result["host"])
        return found

    async def close(self) -> None:
        await self._inner.close()


def _matches(host: str, pattern: str) -> bool:
    suffix = pattern.removeprefix("*")
    return host.endswith(suffix) and host != suffix if suffix.startswith(".") else host == pattern


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _carried(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _forbidden(why: str) -> Rejected:
    return Rejected(Trouble.URL_FORBIDDEN, f"the URL is not followed: {why}")


def read_networks(names: Sequence[str]) -> list[IPv4Network | IPv6Network]:
    """Read networks as people write them; raises ValueError."""
    return [ip_network(name) for name in names]
