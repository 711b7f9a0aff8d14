"""What the configuration says of a Tencent account."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, model_validator
from pydantic_core import PydanticCustomError

from gateway.ports.cloud import Secret

_HOST = "https://iot.cloud.tencent.com/api/exploreropen"
Name = Annotated[str, Field(min_length=1, max_length=64)]


class LoginSettings(BaseModel):
    """The table `login`: an application, and the user to whom all devices are bound."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: HttpUrl = HttpUrl(f"{_HOST}/appapi")
    app_key: Secret
    app_secret: Secret
    #: The user's name: an e-mail address, or a telephone number with its country's code.
    email: Secret | None = None
    phone: Secret | None = None
    country_code: Secret = Secret("86")
    password: Secret

    @model_validator(mode="after")
    def _names_one_user(self) -> Self:
        if (self.email is None) == (self.phone is None):
            raise PydanticCustomError("user", "it must have exactly one of email and phone")
        return self


class TencentSettings(BaseModel):
    """The `[clouds.NAME]` table of an adapter "tencent"."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: HttpUrl = HttpUrl(f"{_HOST}/tokenapi")
    #: The AccessToken of a user to whom all devices are bound, bare or as AppGetToken returned it.
    access_token: Secret | None = None
    #: Instead of a token, what it takes to get one.
    login: LoginSettings | None = None
    #: FwType → module. Unlisted ones keep their name; "mcu" is what the console calls an image without a type.
    modules: Mapping[str, Name] = {"mcu": "default"}

    @model_validator(mode="after")
    def _has_one_credential(self) -> Self:
        if (self.access_token is None) == (self.login is None):
            raise PydanticCustomError(
                "credential", "it must have exactly one of access_token and the table login"
            )
        return self
