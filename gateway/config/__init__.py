"""What the site is made of: read from one TOML file, every mistake found before start and all of them at once."""

from gateway.config.address import Address
from gateway.config.doubts import doubts
from gateway.config.model import Config
from gateway.config.problems import dotted, problems_of
from gateway.config.products import DeviceConfig, ProductConfig
from gateway.config.quantities import Duration, Size
from gateway.config.reading import Reading, load, read
from gateway.config.secret import Secret
from gateway.config.section import ConfigPath, Section, told
from gateway.config.sections import (
    CloudConfig,
    FirmwareConfig,
    GatewayConfig,
    HomeAssistantConfig,
    HttpConfig,
    MqttConfig,
    MqttLimits,
    StoreConfig,
)
from gateway.config.store_url import StoreUrl

__all__ = [
    "Address",
    "CloudConfig",
    "Config",
    "ConfigPath",
    "DeviceConfig",
    "Duration",
    "FirmwareConfig",
    "GatewayConfig",
    "HomeAssistantConfig",
    "HttpConfig",
    "MqttConfig",
    "MqttLimits",
    "ProductConfig",
    "Reading",
    "Secret",
    "Section",
    "Size",
    "StoreConfig",
    "StoreUrl",
    "dotted",
    "doubts",
    "load",
    "problems_of",
    "read",
    "told",
]
