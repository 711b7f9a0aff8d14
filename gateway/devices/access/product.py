"""What the composition root tells of each product: who its devices are and how they prove it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.devices.dialects import Dialect
from gateway.model.identity import DeviceId


class Authentication(StrEnum):
    """How the devices of a product log in; where products differ, each is tried, the cheapest first."""

    CERTIFICATE = "certificate"
    ANONYMOUS = "anonymous"
    TENCENT = "tencent"
    ONENET = "onenet"
    PASSWORD = "password"  # noqa: S105 - a method's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What proves one device. A certificate needs neither, a password either, the vendors' logins the secret."""

    #: Returns the secret in clear. The vendors' logins ask at each login, `password` once at start.
    secret: Callable[[], str] | None = None
    #: What `hash_secret` returned.
    secret_hash: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One product of the site and all devices of it that may log in."""

    id: str
    dialect: Dialect
    authentication: Authentication
    #: By device name. Ignored by `anonymous`, where every name that can be one level of a topic may log in.
    devices: Mapping[str, Credential] = field(default_factory=dict)


def device_named(text: str | None) -> DeviceId | None:
    """Return the device that `{product_id}/{device_name}` names, known or not; None when the text has no slash."""
    product_id, slash, name = (text or "").partition("/")
    return DeviceId(product_id, name) if slash else None
