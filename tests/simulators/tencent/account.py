"""The app API, before login: signed requests, and AppGetToken (1081/40786)."""

import base64
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.simulators.tencent.envelope import hidden
from tests.simulators.tencent.request import Answer, Body, Refusal, text

if TYPE_CHECKING:
    from tests.simulators.tencent.cloud import TencentCloud

APP_KEY = "ahPxdKWywfNTGrejd"
APP_SECRET = "uSxXyMErkLuTcgNstIhD"
EMAIL = "site@example.com"
PHONE = ("86", "13800000000")
PASSWORD = "correct horse"


@dataclass(slots=True)
class Account:
    """An app and its users; a phone is written ``country-number``."""

    app_key: str = APP_KEY
    app_secret: str = APP_SECRET
    passwords: dict[str, str] = field(default_factory=lambda: {EMAIL: PASSWORD, "-".join(PHONE): PASSWORD})


def signature_of(parameters: Mapping[str, Any], secret: str) -> str:
    """Return the Signature of a request: all other parameters by name, raw, HMAC-SHA1, base64."""
    pairs = [f"{name}={value}" for name, value in sorted(parameters.items()) if name != "Signature"]
    return base64.b64encode(hmac.digest(secret.encode(), "&".join(pairs).encode(), "sha1")).decode()


def enter_signed(cloud: "TencentCloud", body: Body, origin: str) -> Answer:
    """Let in whoever knows the app's secret and the time; the pages name no codes for those who do not."""
    name = text(body, "Action")
    if text(body, "AppKey") != cloud.account.app_key:
        raise Refusal("InvalidParameterValue", "no such AppKey")
    for number in ("Timestamp", "Nonce"):
        if type(body.get(number)) is not int or body[number] <= 0:
            raise Refusal("InvalidParameterValue", f"{number} must be a positive Int")
    expected = signature_of(body, cloud.account.app_secret)
    if not hmac.compare_digest(text(body, "Signature").encode(), expected.encode()):
        raise Refusal("InvalidParameterValue", "wrong Signature")
    if abs(body["Timestamp"] - cloud.now()) > cloud.login_tolerance:
        raise Refusal("InvalidParameterValue", "Timestamp is stale")
    if name != "AppGetToken":
        raise Refusal("InvalidAction", f"no such Action: {name}")
    return _get_token(cloud, body)


def _get_token(cloud: "TencentCloud", body: Body) -> Answer:
    """Hand out a token of its own to every login; older ones stay good, unless ``one_login`` is set."""
    password = cloud.account.passwords.get(_user(body))
    if password is None or password != text(body, "Password"):
        raise Refusal(*hidden("InvalidParameterValue.UserLoginFailed", "账号或密码错误"))
    if cloud.one_login:
        cloud.tokens.clear()
    token, expires = secrets.token_hex(16), int(cloud.now() + cloud.token_lifetime)
    cloud.tokens[token] = float(expires)
    return Answer(fields={"Data": {"Token": token, "ExpireAt": expires}})


def _user(body: Body) -> str:
    match text(body, "Type"):
        case "email":
            return text(body, "Email")
        case "phone":
            return f"{text(body, 'CountryCode')}-{text(body, 'PhoneNumber')}"
        case other:
            raise Refusal("InvalidParameterValue", f"Type is {other!r}; it must be phone or email")
