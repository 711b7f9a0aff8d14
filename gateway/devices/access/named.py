"""The two logins without a secret of ours: a verified certificate, and nobody's word but the device's."""

from collections.abc import Iterable

from gateway.devices.access.product import Product, device_named
from gateway.model.identity import DeviceId
from gateway.ports.devices import Login

_MAX_NAME_CHARS = 48


class CertificateLogin:
    """Takes the subject CN `{product_id}/{device_name}` of a verified certificate, for listed devices only.

    Taking a device out of the configuration thus locks it out without a revocation list.
    """

    def __init__(self, products: Iterable[Product]) -> None:
        self._listed = {DeviceId(product.id, name) for product in products for name in product.devices}

    async def identify(self, login: Login) -> DeviceId | None:
        """Return the device that the certificate names."""
        device = device_named(login.certificate_name)
        return device if device in self._listed else None


class AnonymousLogin:
    """Believes a username, or else a client id, `{product_id}/{device_name}`; any good name, listed or not."""

    def __init__(self, products: Iterable[Product]) -> None:
        self._products = {product.id for product in products}

    async def identify(self, login: Login) -> DeviceId | None:
        """Return the device that the login names."""
        device = device_named(login.username) or device_named(login.client_id)
        if device is None or device.product_id not in self._products:
            return None
        return device if _is_good_name(device.name) else None


def _is_good_name(name: str) -> bool:
    """Whether the name can be one level of a topic, and one line of a log."""
    return 1 <= len(name) <= _MAX_NAME_CHARS and name.isprintable() and not set(name) & set("/+#")
