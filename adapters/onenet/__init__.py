"""OneNET OTA, south interface of ota.heclouds.com.

Implements "上报状态" (/ota/south/report) with its neighbours: progress, token check, tasking and check (find and mint
task tokens), version (query), and "Security authentication" for the signed header. The younger interface
(iot-api.heclouds.com/fuse-ota) shares the code table in `wire`.
"""

from adapters.onenet.adapter import OneNet, factory
from adapters.onenet.settings import OneNetSettings

__all__ = ["OneNet", "OneNetSettings", "factory"]
