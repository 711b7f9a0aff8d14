"""What the configuration says of a OneNET product."""

import base64
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl

from adapters.onenet.signing import Method
from gateway.ports.cloud import Secret

_HOSTS = MappingProxyType({"south": "http://ota.heclouds.com", "fuse": "https://iot-api.heclouds.com"})


class PushSettings(BaseModel):
    """The table `push`: what proves that a push comes from the platform."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    #: The one that was entered at the console with the address.
    token: Secret
    #: The user's number; never the push's own word for it.
    uid: int = Field(ge=0)


class OneNetSettings(BaseModel):
    """The `[clouds.NAME]` table of an adapter "onenet"."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    api: Literal["south", "fuse"] = "south"
    #: By default the vendor's own host of the interface.
    url: HttpUrl | None = None
    #: What signs a request: `products/{product id}`, the product's key in base64, and how.
    resource: str = Field(min_length=1, examples=["products/100001"])
    access_key: Secret
    method: Method = "sha256"
    version: str = "2018-10-31"
    #: Module → type of its task: 1 (FOTA, communication module) or 2 (SOTA, MCU).
    modules: Mapping[str, Literal[1, 2]] = {"default": 2, "mcu": 2}
    #: The task push service; without it pushes are not found here.
    push: PushSettings | None = None

    @property
    def base(self) -> str:
        """The URL without a slash at its end."""
        return str(self.url or _HOSTS[self.api]).rstrip("/")

    def can_sign(self) -> bool:
        """Whether the key is one, base64 of something; raises Denied when it is not there."""
        try:
            return bool(base64.b64decode(self.access_key.reveal().strip(), validate=True))
        except ValueError:
            return False
