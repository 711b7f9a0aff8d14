"""By what strangers are told from each other before they have proved a name, and a memory of them that stays small."""

from collections import OrderedDict
from collections.abc import Hashable
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final, TypeVar

REMEMBERED: Final = 8192

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(OrderedDict[K, V]):
    """A dictionary of bounded size; what was written least lately goes first."""

    def put(self, key: K, value: V) -> None:
        """Write a value."""
        self.pop(key, None)
        self[key] = value
        if len(self) > REMEMBERED:
            del self[next(iter(self))]


def plain(address: str) -> str:
    """Return the address; of an IPv4 address in the clothes of IPv6, the IPv4 address."""
    with suppress(ValueError):
        read = ip_address(address)
        return str(getattr(read, "ipv4_mapped", None) or address)
    return address


@lru_cache(REMEMBERED)
def network_of(address: str) -> str:
    """Return what one owner has: an IPv4 address, or the /64 of an IPv6 one."""
    with suppress(ValueError):
        read = ip_address(plain(address))
        if isinstance(read, IPv6Address):
            return str(IPv6Address(int(read) >> 64 << 64))
        return str(read)
    return address
