"""AppGetToken: signed requests before login, and tokens that end (1081/40786)."""

from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import pytest

from tests.simulators.callers import TencentCaller, error_of
from tests.simulators.faults import Fault
from tests.simulators.tencent import (
    APP_KEY,
    APP_SECRET,
    EMAIL,
    LOGIN_PATH,
    PASSWORD,
    TencentCloud,
    signature_of,
)

NOW = 1552621825
INVALID = "InvalidParameterValue"
# Computed with `openssl dgst -sha1 -hmac`.
SIGNATURE = "R3i+rpFydOqFgy76ddTuleCMTKI="


@dataclass(frozen=True, slots=True)
class Visitor:
    """An app that has not logged in yet."""

    session: aiohttp.ClientSession
    url: str
    secret: str = APP_SECRET

    async def login(self, **more: Any) -> dict[str, Any]:
        """Send AppGetToken; a parameter given as None is left out."""
        body = {**request_of_the_vector(), **more}
        body = {name: value for name, value in body.items() if value is not None}
        body.setdefault("Signature", signature_of(body, self.secret))
        async with self.session.post(self.url + LOGIN_PATH, json=body) as response:
            assert response.status == 200
            reply: dict[str, Any] = await response.json()
            return reply


def request_of_the_vector() -> dict[str, Any]:
    """Return the parameters that the vector signs."""
    return {
        "Action": "AppGetToken",
        "AppKey": APP_KEY,
        "Timestamp": NOW,
        "Nonce": 2,
        "RequestId": "r-1",
        "Type": "email",
        "Email": EMAIL,
        "Password": PASSWORD,
    }


@pytest.fixture
def visitor(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> Visitor:
    """Someone at the door, at the second of the vector."""
    tencent_cloud.clock = lambda: float(NOW)
    return Visitor(tencent_app.session, tencent_app.url)


def test_the_vector() -> None:
    """Parameters by name, raw, joined by &, HMAC-SHA1, base64; the Signature itself is left out."""
    assert signature_of(request_of_the_vector(), APP_SECRET) == SIGNATURE
    assert signature_of({**request_of_the_vector(), "Signature": "x"}, APP_SECRET) == SIGNATURE


async def test_a_login_brings_a_token(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller, visitor: Visitor
) -> None:
    """Token and ExpireAt stand in Data, and the token is good for the token API."""
    response = (await visitor.login(Signature=SIGNATURE))["Response"]
    assert response.keys() == {"Data", "RequestId"}
    assert response["Data"]["ExpireAt"] == NOW + 40 * 86400
    assert await replace(tencent_app, token=response["Data"]["Token"]).report("downloading") == ""
    assert tencent_cloud.record.illegal == 0


async def test_a_phone_logs_in_as_well(visitor: Visitor) -> None:
    """Type phone takes a country code and a number."""
    phone = {"Type": "phone", "CountryCode": "86", "PhoneNumber": "13800000000", "Email": None}
    assert "Data" in (await visitor.login(**phone))["Response"]


async def test_the_clients_envelope(tencent_cloud: TencentCloud, visitor: Visitor) -> None:
    """The other envelope keeps Data within data."""
    tencent_cloud.envelope = "client"
    assert (await visitor.login())["data"]["Data"]["Token"]


@pytest.mark.parametrize("wrong", [{"Password": "x"}, {"Email": "nobody@example.com"}])
async def test_a_failed_login_hides_its_code(visitor: Visitor, wrong: dict[str, str]) -> None:
    """The page's own sample: InternalError, with the true code before a bar in the message."""
    error = (await visitor.login(**wrong))["Response"]["Error"]
    assert error["Code"] == "InternalError"
    assert error["Message"].startswith("InvalidParameterValue.UserLoginFailed|")


@pytest.mark.parametrize(
    "wrong",
    [
        {"Signature": "AAAA"},
        {"Signature": "ü"},
        {"AppKey": "another"},
        {"AppKey": None},
        {"Timestamp": str(NOW)},
        {"Timestamp": None},
        {"Nonce": 0},
        {"RequestId": None},
        {"Type": "fax"},
        {"Password": None},
        {"Email": None},
    ],
)
async def test_what_is_no_request_is_refused(visitor: Visitor, wrong: dict[str, Any]) -> None:
    """A wrong signature, and every parameter that is missing or of another type."""
    assert error_of(await visitor.login(**wrong)) == INVALID


async def test_another_secret_is_refused(visitor: Visitor) -> None:
    """Who does not know the AppSecret cannot sign."""
    assert error_of(await replace(visitor, secret="guessed").login()) == INVALID


@pytest.mark.parametrize(("off", "error"), [(-300, ""), (300, ""), (-301, INVALID), (301, INVALID)])
async def test_a_stale_timestamp_is_refused(visitor: Visitor, off: int, error: str) -> None:
    """The caller's clock may be off by five minutes, either way."""
    assert error_of(await visitor.login(Timestamp=NOW + off)) == error


async def test_a_token_ends_by_the_clouds_clock(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller, visitor: Visitor
) -> None:
    """The lifetime of tokens is a setting, and the cloud's clock may run ahead."""
    tencent_cloud.token_lifetime = 60.0
    app = replace(tencent_app, token=(await visitor.login())["Response"]["Data"]["Token"])
    tencent_cloud.skew = 59.0
    assert await app.report("downloading") == ""
    tencent_cloud.skew = 60.0
    assert await app.report("downloading") == f"{INVALID}.InvalidAccessToken"


@pytest.mark.parametrize(("limit", "error"), [("", ""), ("one_login", f"{INVALID}.InvalidAccessToken")])
async def test_an_older_token(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller, visitor: Visitor, limit: str, error: str
) -> None:
    """A second login leaves the first token good, unless the account has one login only."""
    tencent_cloud.one_login = bool(limit)
    first, second = [(await visitor.login())["Response"]["Data"]["Token"] for _ in range(2)]
    assert first != second
    assert await replace(tencent_app, token=first).report("downloading") == error
    assert await replace(tencent_app, token=second).report("downloading") == ""


async def test_the_doors_are_apart(tencent_app: TencentCaller, visitor: Visitor) -> None:
    """A login is no Action of the token API, and the other way round."""
    assert error_of(await tencent_app.act("AppGetToken")) == "InvalidAction"
    assert error_of(await visitor.login(Action="AppGetDeviceOTAInfo")) == "InvalidAction"


async def test_no_secret_is_recorded(tencent_cloud: TencentCloud, visitor: Visitor) -> None:
    """The record shows the login without password and signature, and counts it for no device."""
    await visitor.login()
    call = tencent_cloud.record.calls[-1]
    assert (call.action, call.device, call.body["Email"]) == ("AppGetToken", "", EMAIL)
    assert not {"Password", "Signature"} & call.body.keys()
    assert not tencent_cloud.record.by_device


async def test_a_login_fails_on_request(tencent_cloud: TencentCloud, visitor: Visitor) -> None:
    """Faults can be aimed at the login alone."""
    tencent_cloud.faults.error = Fault(only="AppGetToken", times=1)
    assert error_of(await visitor.login()) == "InternalError"
    assert error_of(await visitor.login()) == ""


async def test_the_account_over_http(tencent_cloud: TencentCloud, visitor: Visitor) -> None:
    """App and users are changed by the control interface."""
    change = {"app_secret": "s", "passwords": {"new@example.com": "p"}}
    async with visitor.session.post(f"{visitor.url}/_sim/token", json=change) as response:
        assert response.status == 200
    assert error_of(await visitor.login()) == INVALID
    newcomer = replace(visitor, secret="s")
    assert error_of(await newcomer.login(Email="new@example.com", Password="p")) == ""
