"""A login instead of a token, against the simulated account: earned, exchanged, renewed, and refused."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from adapters.tencent import Tencent
from gateway.errors import Denied, Scope
from gateway.model.states import State
from tests.contract.stages import DEVICE_THERE, TencentStage
from tests.simulators.tencent import APP_KEY, APP_SECRET, EMAIL, LOGIN_PATH, PASSWORD
from tests.unit.adapters.events import event

DOWNLOADING = event(State.DOWNLOADING, percent=20)


def user(account: TencentStage, **settings: Any) -> Tencent:
    """Return an adapter that logs in."""
    login = {
        "url": account.url + LOGIN_PATH,
        "app_key": APP_KEY,
        "app_secret": APP_SECRET,
        "password": PASSWORD,
    }
    return account.adapter(access_token=None, login={"email": EMAIL, **login, **settings})


async def test_first_request_logs_in(account: TencentStage) -> None:
    """One login serves all that comes, and monitoring knows when it ends."""
    expiries: dict[str, float] = {}
    account.site = replace(account.site, credential_expires=expiries.__setitem__)
    adapter = user(account)
    await asyncio.gather(*(adapter.deliver(DEVICE_THERE, DOWNLOADING, None) for _ in range(10)))

    assert account.actions() == ["AppGetToken", *["AppReportOTAStatus"] * 10]
    assert expiries == {"login": account.at[0] + 40 * 86400}


async def test_telephone_serves_as_well(account: TencentStage) -> None:
    """A user may be named by telephone."""
    adapter = user(account, email=None, phone="13800000000")
    await adapter.deliver(DEVICE_THERE, DOWNLOADING, None)

    assert account.cloud.record.heard == 1


async def test_revoked_token_is_exchanged_within_the_request(account: TencentStage) -> None:
    """A token that was ended elsewhere costs a login, not a report."""
    adapter = user(account)
    await adapter.deliver(DEVICE_THERE, DOWNLOADING, None)
    account.cloud.tokens.clear()
    account.actions()
    await adapter.deliver(DEVICE_THERE, DOWNLOADING, State.DOWNLOADING)

    assert account.actions() == ["AppReportOTAStatus", "AppGetToken", "AppReportOTAStatus"]


async def test_token_is_renewed_before_the_cloud_ends_it(account: TencentStage) -> None:
    """Over months no report meets a token that is over."""
    adapter = user(account)
    for _ in range(100):
        await adapter.deliver(DEVICE_THERE, DOWNLOADING, State.DOWNLOADING)
        account.at[0] += 86400.0

    assert account.cloud.record.replies["AppReportOTAStatus"] == {"ok": 100}
    assert account.cloud.record.replies["AppGetToken"]["ok"] == 3


async def test_token_that_never_serves_parks_the_lane(account: TencentStage) -> None:
    """A fresh token that is refused is not exchanged again and again."""
    account.cloud.faults.expired_token = True

    with pytest.raises(Denied) as caught:
        await user(account).deliver(DEVICE_THERE, DOWNLOADING, None)

    assert caught.value.scope is Scope.LANE
    assert account.actions() == ["AppGetToken", "AppReportOTAStatus", "AppGetToken", "AppReportOTAStatus"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"password": "guessed"}, "InvalidParameterValue.UserLoginFailed"),
        ({"app_secret": "guessed"}, "InvalidParameterValue"),
        ({"app_key": "guessed"}, "InvalidParameterValue"),
        ({"email": "nobody@example.com"}, "InvalidParameterValue.UserLoginFailed"),
    ],
)
async def test_wrong_login_parks_the_lane(account: TencentStage, wrong: dict[str, str], code: str) -> None:
    """A login that is refused waits for a person, with the cloud's own word for it."""
    with pytest.raises(Denied) as caught:
        await user(account, **wrong).deliver(DEVICE_THERE, DOWNLOADING, None)

    assert (caught.value.scope, caught.value.code) == (Scope.LANE, code)
    assert account.actions() == ["AppGetToken"]


async def test_clock_that_is_wrong_parks_the_lane(account: TencentStage) -> None:
    """A login carries the time: the cloud refuses one that is far off."""
    account.cloud.skew = 86400.0

    with pytest.raises(Denied, match="Timestamp"):
        await user(account).deliver(DEVICE_THERE, DOWNLOADING, None)
