"""Who a device is, and what it may touch.

Its law: identity comes from what was proved at login, never from a topic or a payload.
"""

import time
from collections.abc import Callable, Iterable

from gateway.devices.access.hashing import hash_secret, verify_secret
from gateway.devices.access.methods import method_for, problems_of
from gateway.devices.access.product import Authentication, Credential, Product
from gateway.devices.access.rights import Rights
from gateway.errors import ConfigError
from gateway.model.identity import DeviceId
from gateway.ports.devices import Login

__all__ = ["Authentication", "Credential", "DeviceAccess", "Product", "hash_secret", "verify_secret"]


class DeviceAccess:
    """Access for the devices of the configured products, each product with its own way to log in.

    Raises ConfigError, with all problems at once, when a device could never log in. `wall_clock` gives Unix seconds.
    """

    def __init__(self, products: Iterable[Product], *, wall_clock: Callable[[], float] = time.time) -> None:
        known = list(products)
        problems = [problem for product in known for problem in problems_of(product)]
        if problems:
            raise ConfigError(problems)
        self._rights = Rights({product.id: product.dialect for product in known})
        self._methods = [
            method_for(authentication, used_by, wall_clock)
            for authentication in Authentication
            if (used_by := [product for product in known if product.authentication is authentication])
        ]

    async def authenticate(self, login: Login) -> DeviceId | None:
        """Return the device that this login proves to be, or None."""
        for method in self._methods:
            device = await method.identify(login)
            if device is not None:
                return device
        return None

    def may_publish(self, device: DeviceId, topic: str) -> bool:
        """Whether the topic is one of the device's own up topics."""
        return self._rights.may_publish(device, topic)

    def may_subscribe(self, device: DeviceId, topic_filter: str) -> bool:
        """Whether the filter matches nothing but the device's own down topics."""
        return self._rights.may_subscribe(device, topic_filter)
