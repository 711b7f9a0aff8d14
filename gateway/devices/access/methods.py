"""Which login fits which product, and what must be true of a product's credentials before start."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, assert_never

from gateway.config import dotted
from gateway.devices.access.key import decoded_key
from gateway.devices.access.named import AnonymousLogin, CertificateLogin
from gateway.devices.access.onenet import OneNetLogin
from gateway.devices.access.password import PasswordLogin, stored_hash
from gateway.devices.access.product import Authentication, Credential, Product
from gateway.devices.access.tencent import TencentLogin
from gateway.errors import GatewayError
from gateway.model.identity import DeviceId
from gateway.ports.devices import Login


class Method(Protocol):
    """One way to log in, for the products that use it."""

    async def identify(self, login: Login) -> DeviceId | None:
        """Return the device that this login proves to be, or None; never raises for what a login says."""
        ...


def method_for(
    authentication: Authentication, products: Sequence[Product], wall_clock: Callable[[], float]
) -> Method:
    """Build the method with the credentials of these products, all of which use it."""
    match authentication:
        case Authentication.PASSWORD:
            return PasswordLogin(products)
        case Authentication.TENCENT:
            return TencentLogin(products, wall_clock)
        case Authentication.ONENET:
            return OneNetLogin(products, wall_clock)
        case Authentication.CERTIFICATE:
            return CertificateLogin(products)
        case Authentication.ANONYMOUS:
            return AnonymousLogin(products)
    assert_never(authentication)


def problems_of(product: Product) -> Iterator[str]:
    """Yield a sentence for each device that could never log in."""
    for name, credential in product.devices.items():
        try:
            _prove_usable(product.authentication, credential)
        except (GatewayError, ValueError) as error:
            yield f"{dotted('products', product.id, 'devices', name)} cannot log in: {error}"


def _prove_usable(authentication: Authentication, credential: Credential) -> None:
    match authentication:
        case Authentication.PASSWORD:
            stored_hash(credential)
        case Authentication.TENCENT | Authentication.ONENET:
            decoded_key(credential)
        case Authentication.CERTIFICATE | Authentication.ANONYMOUS:
            pass
        case _:
            assert_never(authentication)
