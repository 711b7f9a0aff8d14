"""The whole configuration, as the rest of the gateway sees it."""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import Field

from gateway.config.problems import dotted
from gateway.config.products import DeviceConfig, Identity, ProductConfig
from gateway.config.secret import Secret
from gateway.config.section import Section, told
from gateway.config.sections import (
    CloudConfig,
    FirmwareConfig,
    GatewayConfig,
    HomeAssistantConfig,
    HttpConfig,
    MqttConfig,
    StoreConfig,
)
from gateway.errors import Denied

#: Also where the last part of the key is quoted.
_SECRET_KEY = re.compile(r'(?:secret|token|password|key)"?$', re.IGNORECASE)


class Config(Section):
    """Everything that the site's integrator decides; `load` is the way to one that keeps all rules."""

    gateway: GatewayConfig = GatewayConfig()
    mqtt: MqttConfig = MqttConfig()
    http: HttpConfig = HttpConfig()
    store: StoreConfig = StoreConfig()
    firmware: FirmwareConfig | None = None
    home_assistant: HomeAssistantConfig | None = None
    clouds: dict[str, CloudConfig] = Field(default_factory=dict)
    products: dict[Identity, ProductConfig] = Field(default_factory=dict)

    def database_url(self) -> str:
        """Return the store's URL to connect with, password included; raises Denied when that is missing."""
        password = self.store.password.reveal() if self.store.password else None
        return self.store.url.reveal(self.gateway.data_dir.absolute(), password)

    def secrets(self) -> Iterator[tuple[str, Secret]]:
        """Yield every secret with its key, those in the settings of adapters included."""
        yield from told(self._own_secrets("http", "token"))
        yield from told(self._own_secrets("store", "password"))
        if self.home_assistant is not None:
            yield from told(self._own_secrets("home_assistant", "password"))
        if self.store.knows("url") and self.store.url.has_password:
            yield "store.url", Secret(self.store.url.password)
        for name, cloud in self.clouds.items():
            if cloud.knows("settings"):
                yield from _secrets_of(dotted("clouds", name), cloud.settings)
        for product_id, product in self.products.items():
            for name, device in product.devices.items():
                if device.knows("secret") and device.secret:
                    yield dotted("products", product_id, "devices", name, "secret"), device.secret

    def proven(self) -> "Config":
        """Return only what adapters and logins can still be asked about: nothing of which a mistake was told."""
        clouds = {name: cloud for name, cloud in self.clouds.items() if cloud.knows("adapter", "settings")}
        products = {
            product_id: product.model_copy(update={"dialect": "plain", "devices": _proven(product)})
            for product_id, product in self.products.items()
            if product.knows("authentication")
        }
        return Config.model_construct(clouds=clouds, products=products)

    def _own_secrets(self, section: str, key: str) -> Iterator[tuple[str, Secret]]:
        secret: Secret | None = getattr(getattr(self, section), key)
        if secret:
            yield f"{section}.{key}", secret


def _proven(product: ProductConfig) -> dict[str, DeviceConfig]:
    return {name: device for name, device in product.devices.items() if _is_proven(device, product)}


def _is_proven(device: DeviceConfig, product: ProductConfig) -> bool:
    if not device.knows("secret", "secret_hash"):
        return False
    if device.secret is None:
        return product.authentication == "password" and device.secret_hash is not None
    try:
        device.secret.reveal()
    except Denied:
        return False
    return True


def _secrets_of(key: str, value: Any) -> Iterator[tuple[str, Secret]]:
    match value:
        case Secret():
            yield key, value
        case str() if value and _SECRET_KEY.search(key):
            yield key, Secret(value)
        case dict():
            for name, inner in value.items():
                yield from _secrets_of(dotted(key, name), inner)
        case list():
            for index, inner in enumerate(value):
                yield from _secrets_of(dotted(key, index), inner)
