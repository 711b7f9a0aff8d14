"""All that decides who comes in, made whole from one configuration, so that another can take its place at once."""

import hmac
import secrets
from collections.abc import Callable, Collection, Iterable

from gateway.devices.access.methods import method_for, problems_of
from gateway.devices.access.product import Authentication, Credential, Product
from gateway.devices.access.rights import Rights
from gateway.errors import ConfigError, Denied
from gateway.model.identity import DeviceId
from gateway.ports.devices import Login

#: What tags of secrets are made with; gone with the process.
_KEY = secrets.token_bytes(32)


class Judges:
    """Raises ConfigError, with all problems at once, when a device could never log in."""

    def __init__(
        self, products: Iterable[Product], *, denied: Collection[str], wall_clock: Callable[[], float]
    ) -> None:
        known = list(products)
        problems = [problem for product in known for problem in problems_of(product)]
        if problems:
            raise ConfigError(problems)
        self.rights = Rights({product.id: product.dialect for product in known})
        self.denied = frozenset(denied)
        self._methods = [
            method_for(authentication, used_by, wall_clock)
            for authentication in Authentication
            if (used_by := [product for product in known if product.authentication is authentication])
        ]
        self.ways = {product.id: (product.dialect.name, product.authentication) for product in known}
        self.proofs = {
            DeviceId(product.id, name): _tag(credential)
            for product in known
            for name, credential in product.devices.items()
        }

    async def identify(self, login: Login) -> DeviceId | None:
        """Return the device that this login proves to be, or None."""
        for method in self._methods:
            device = await method.identify(login)
            if device is not None:
                return device
        return None

    def agree_on(self, device: DeviceId, other: "Judges") -> bool:
        """Whether a device that came in by these would by the other ones: the same way, with the same proof."""
        way = self.ways.get(device.product_id)
        if way is None or way != other.ways.get(device.product_id):
            return False
        if way[1] is Authentication.ANONYMOUS:
            return True
        proof, others = self.proofs.get(device), other.proofs.get(device)
        return proof is not None and proof == others


def _tag(credential: Credential) -> bytes:
    """Return what tells one secret from another and gives neither away."""
    if credential.secret_hash is not None:
        return hmac.digest(_KEY, credential.secret_hash.encode(), "sha256")
    try:
        secret = credential.secret() if credential.secret is not None else ""
    except Denied:
        # It went since it was looked at: nobody logs in with it.
        return b""
    return hmac.digest(_KEY, secret.encode("utf-8", "surrogatepass"), "sha256")
