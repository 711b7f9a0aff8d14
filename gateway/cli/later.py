"""What only some commands need, and what takes longest to load: the store, the broker, the gateway itself.

Each is loaded when something of it is asked for, so that whoever asks a gateway that runs does not wait for another.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

__all__ = [
    "access",
    "api",
    "app",
    "at_rest",
    "backup",
    "evidence",
    "examination",
    "exposure",
    "logs",
    "migrate",
    "preflight",
]

if TYPE_CHECKING:
    from gateway import app, at_rest, examination, logs
    from gateway.cli import evidence
    from gateway.devices import access
    from gateway.ops import api, exposure, preflight
    from gateway.store import backup, migrate
else:
    _HOMES = {
        "gateway": ("app", "at_rest", "examination", "logs"),
        "gateway.cli": ("evidence",),
        "gateway.devices": ("access",),
        "gateway.ops": ("api", "exposure", "preflight"),
        "gateway.store": ("backup", "migrate"),
    }

    def __getattr__(name: str) -> ModuleType:
        for home, modules in _HOMES.items():
            if name in modules:
                return import_module(f"{home}.{name}")
        raise AttributeError(f"module {__name__} has no attribute {name}")
