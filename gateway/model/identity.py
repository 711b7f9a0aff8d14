"""Who is who: identities are types of their own, so that a topic or a URL can never stand in for one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, NewType

Module = NewType("Module", str)
Version = NewType("Version", str)
UpdateId = NewType("UpdateId", str)
Lane = NewType("Lane", str)

DEFAULT_MODULE = Module("default")


class DeviceId(NamedTuple):
    """One thing at the site, unique there."""

    product_id: str
    name: str

    def __str__(self) -> str:
        return f"{self.product_id}/{self.name}"


def parts_of(name: str) -> tuple[DeviceId, Module, str]:
    """Return the device, the module and the number of an update's name, "" for what is not there.

    A module may have slashes; product ids and device names have none.
    """
    product, _, rest = name.partition("/")
    device, _, rest = rest.partition("/")
    module, _, number = rest.rpartition("/")
    return DeviceId(product, device), Module(module), number


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device as one cloud's adapter sees it."""

    id: DeviceId
    #: What the configuration says of this device under that cloud's name (OneNET: dev_id, manuf, model).
    external: Mapping[str, str] = field(default_factory=dict)
    #: The version that ran before the update in question, when the device ever said so.
    running: Version | None = None
