"""What the configuration says of a OneNET product."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, field_validator

from adapters.onenet.signing import Method
from gateway.ports.cloud import Secret


class OneNetSettings(BaseModel):
    """The `[clouds.NAME]` table of an adapter "onenet"."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    api: Literal["south", "fuse"] = "south"
    url: HttpUrl = HttpUrl("http://ota.heclouds.com")
    #: What signs a request: `products/{product id}`, the product's key in base64, and how.
    resource: str = Field(min_length=1, examples=["products/100001"])
    access_key: Secret
    method: Method = "sha256"
    version: str = "2018-10-31"
    #: Module → type of its task: 1 (FOTA, communication module) or 2 (SOTA, MCU).
    modules: Mapping[str, Literal[1, 2]] = {"default": 2}

    @field_validator("api")
    @classmethod
    def _is_available(cls, api: str) -> str:
        if api == "fuse":
            raise ValueError('"fuse" is not available yet; it must be "south"')
        return api
