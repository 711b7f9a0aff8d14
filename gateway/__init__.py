"""A site gateway for firmware updates: MQTT devices on one side, two clouds on the other."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("ota-gateway")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"
