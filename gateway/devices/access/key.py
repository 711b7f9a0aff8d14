"""The device keys of the vendors' logins: base64 in the configuration, bytes for the HMAC."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog

from gateway.devices.access.product import Credential, Product
from gateway.errors import GatewayError
from gateway.model.identity import DeviceId

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Key:
    """One device's key, asked for at each login so that a rotated file is seen."""

    device: DeviceId
    credential: Credential

    def read(self) -> bytes | None:
        """Return the key; None, with a warning, while it cannot be had."""
        try:
            return decoded_key(self.credential)
        except (GatewayError, ValueError) as error:
            log.warning("device_key_unreadable", device=str(self.device), error=str(error))
            return None


def keys_of(products: Iterable[Product]) -> Mapping[DeviceId, Key]:
    """Return the keys of all devices of these products."""
    return {
        device: Key(device, credential)
        for product in products
        for name, credential in product.devices.items()
        for device in [DeviceId(product.id, name)]
    }


def decoded_key(credential: Credential) -> bytes:
    """Return the key's bytes; ValueError when there is none or it is not base64."""
    if credential.secret is None:
        raise ValueError("it has no secret; the key itself is needed, a hash is not enough")
    try:
        key = base64.b64decode(credential.secret(), validate=True)
    except ValueError:
        raise ValueError("its secret is not base64; copy the device key as the cloud shows it") from None
    if not key:
        raise ValueError("its secret is empty")
    return key
