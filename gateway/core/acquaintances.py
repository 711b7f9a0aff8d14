"""Which modules of which devices are known, and how many may be.

Its law: what anybody may name as he likes does not grow the site's memory. A device has so many modules; and of devices
that the configuration does not name, because everyone may log in or they were exchanged, so many are known together.
"""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from types import MappingProxyType

from gateway.model.identity import DeviceId, Module

MAX_MODULES = 32
#: Modules of all devices together that the configuration does not name: of as many as can be connected, several each.
MAX_UNNAMED = 50_000
#: What stands against one more, in a sentence.
TOO_MANY = MappingProxyType(
    {
        "too_many_modules": f"a device may have {MAX_MODULES} modules",
        "too_many_devices": f"{MAX_UNNAMED} modules are known of devices that the configuration does not name",
    }
)


class Acquaintances:
    """Without what is known of them. `is_named` says whether the configuration names a device."""

    def __init__(self, is_named: Callable[[DeviceId], bool]) -> None:
        self._is_named = is_named
        self._modules: dict[DeviceId, set[Module]] = {}
        #: As of the last count, and those who came since.
        self._unnamed = 0

    def __iter__(self) -> Iterator[DeviceId]:
        return iter(self._modules)

    def __contains__(self, device: DeviceId) -> bool:
        return device in self._modules

    def of(self, device: DeviceId) -> AbstractSet[Module]:
        """Return the modules of a device."""
        return self._modules.get(device, frozenset())

    def add(self, device: DeviceId, module: Module) -> None:
        """Know a module."""
        modules = self._modules.setdefault(device, set())
        if module not in modules:
            modules.add(module)
            self._unnamed += not self._is_named(device)

    def remove(self, device: DeviceId) -> None:
        """Know a device no more."""
        modules = self._modules.pop(device, set())
        self._unnamed -= 0 if self._is_named(device) else len(modules)

    def objection(self, device: DeviceId, module: Module) -> str | None:
        """Say which word of TOO_MANY stands against a module of a device; None where it is known, or can be."""
        modules = self.of(device)
        if module in modules:
            return None
        if len(modules) >= MAX_MODULES:
            return "too_many_modules"
        if self._unnamed >= MAX_UNNAMED and not self._is_named(device):
            return "too_many_devices"
        return None

    def unnamed(self) -> list[DeviceId]:
        """Return the devices that the configuration does not name, and count them anew: it may be another one."""
        found = [device for device in self._modules if not self._is_named(device)]
        self._unnamed = sum(len(self._modules[device]) for device in found)
        return found

    @property
    def excess(self) -> int:
        """How many modules more are known than leave room for others to come."""
        return self._unnamed - MAX_UNNAMED * 3 // 4
