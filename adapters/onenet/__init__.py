"""OneNET OTA, both generations of its device interface, behind one table of codes.

`south` (ota.heclouds.com) implements "上报状态" (/ota/south/report) with its neighbours: report and query of versions,
check, token check, tasking, download and progress. `fuse` (iot-api.heclouds.com/fuse-ota) implements the six calls
of the younger interface. `signing` makes the header of "Security authentication", `push` reads the task push service.
"""

from adapters.onenet.adapter import OneNet, factory
from adapters.onenet.settings import OneNetSettings

__all__ = ["OneNet", "OneNetSettings", "factory"]
