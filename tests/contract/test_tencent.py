"""What only Tencent's adapter does: token sources, envelopes and request ids."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.tencent import Tencent, TencentSettings
from gateway.errors import Denied, Rejected, Scope, Unavailable
from gateway.model.identity import Device, Version
from gateway.model.states import State
from gateway.ports.cloud import CloudSession, Reply, Site
from tests.simulators import Fault, serve
from tests.simulators.tencent import PATH, TOKEN, TencentCloud
from tests.unit.adapters.events import DEVICE, event

DOWNLOADING = event(State.DOWNLOADING, percent=20)


@pytest.fixture
def cloud() -> TencentCloud:
    """An account with one device."""
    return TencentCloud(devices=[str(DEVICE)])


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """A file that holds the account's token."""
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


def make(url: str, token: Any, site: Site) -> Tencent:
    """Make the adapter."""
    return Tencent(TencentSettings.model_validate({"url": url + PATH, "access_token": token}), site)


async def test_request_is_the_documented_one(cloud: TencentCloud, site: Site) -> None:
    """The cloud gets every required parameter in its type, and a RequestId of its own for each request."""
    async with serve(cloud) as url:
        adapter = make(url, TOKEN, site)
        await adapter.deliver(Device(id=DEVICE), DOWNLOADING, None)
        await adapter.deliver(Device(id=DEVICE), DOWNLOADING, None)

    first, second = (dict(call.body) for call in cloud.record.calls)
    assert first.pop("RequestId") != second["RequestId"]
    assert first == {
        "Action": "AppReportOTAStatus",
        "ProductId": "PR0DUCT01",
        "DeviceName": "dev01",
        "Version": "2.0",
        "State": "downloading",
        "ResultCode": 0,
        "ResultMsg": "",
        "Persent": 20,
    }


async def test_device_may_have_another_name_at_the_cloud(cloud: TencentCloud, site: Site) -> None:
    """The configuration may say what Tencent calls a device."""
    cloud.admits_any_device = True
    named = Device(id=DEVICE, external={"product_id": "OTHER", "device_name": "d-1"})
    async with serve(cloud) as url:
        await make(url, TOKEN, site).deliver(named, DOWNLOADING, None)

    assert cloud.record.calls[0].device == "OTHER/d-1"


@pytest.mark.parametrize("version", [None, Version(""), Version("9" * 33)])
async def test_version_that_tencent_cannot_carry_is_rejected(
    cloud: TencentCloud, site: Site, version: Version | None
) -> None:
    """A version is 1 to 32 characters; nothing is sent for another one."""
    async with serve(cloud) as url:
        with pytest.raises(Rejected, match="version"):
            await make(url, TOKEN, site).deliver(
                Device(id=DEVICE), replace(DOWNLOADING, version=version), None
            )

    assert not cloud.record.calls


class Meddler:
    """A session that lets something happen just before a request goes out."""

    def __init__(self, session: CloudSession, happen: Callable[[], object]) -> None:
        self._session = session
        self._happen = happen

    async def request(self, *parts: Any, **named: Any) -> Reply:
        """Let it happen, then ask."""
        self._happen()
        return await self._session.request(*parts, **named)


async def test_changed_token_is_tried_at_once(cloud: TencentCloud, site: Site, token_file: Path) -> None:
    """A token that expires while its file already holds the next one costs a request, not a report."""
    cloud.tokens = {"the-next-token": float("inf")}
    meddler: Any = Meddler(site.session, lambda: token_file.write_text("the-next-token"))
    async with serve(cloud) as url:
        adapter = make(url, {"file": str(token_file)}, replace(site, session=meddler))
        await adapter.deliver(Device(id=DEVICE), DOWNLOADING, None)

    assert [call.reply for call in cloud.record.calls] == ["InvalidParameterValue.InvalidAccessToken", "ok"]


async def test_unchanged_token_parks_the_lane(cloud: TencentCloud, site: Site, token_file: Path) -> None:
    """A refused token is not tried a second time."""
    cloud.tokens.clear()
    async with serve(cloud) as url:
        with pytest.raises(Denied) as caught:
            await make(url, {"file": str(token_file)}, site).deliver(Device(id=DEVICE), DOWNLOADING, None)

    assert caught.value.scope is Scope.LANE
    assert len(cloud.record.calls) == 1


async def test_token_may_stand_as_the_login_returned_it(cloud: TencentCloud, site: Site) -> None:
    """A login's Token and ExpireAt serve as well, and the expiry is known to monitoring."""
    login = json.dumps({"Token": TOKEN, "ExpireAt": 1893456000})
    expiries: dict[str, float] = {}
    async with serve(cloud) as url:
        adapter = make(url, login, replace(site, credential_expires=expiries.__setitem__))
        await adapter.deliver(Device(id=DEVICE), DOWNLOADING, None)

    assert expiries == {"access_token": 1893456000.0}
    assert cloud.record.heard == 1


async def test_missing_token_parks_the_lane(cloud: TencentCloud, site: Site, tmp_path: Path) -> None:
    """Without its token the lane waits, and says where the token belongs."""
    async with serve(cloud) as url:
        with pytest.raises(Denied, match="token") as caught:
            await make(url, {"file": str(tmp_path / "none")}, site).deliver(
                Device(id=DEVICE), DOWNLOADING, None
            )

    assert caught.value.scope is Scope.LANE


async def test_empty_token_parks_the_lane(cloud: TencentCloud, site: Site) -> None:
    """A login reply without a token is no token."""
    async with serve(cloud) as url:
        with pytest.raises(Denied) as caught:
            await make(url, '{"Token": ""}', site).deliver(Device(id=DEVICE), DOWNLOADING, None)

    assert caught.value.code == "token_missing"


async def test_answer_to_another_request_is_none(cloud: TencentCloud, site: Site) -> None:
    """A reply that carries a wrong RequestId acknowledges nothing."""
    cloud.faults.wrong_request_id = Fault(times=1)
    async with serve(cloud) as url:
        adapter = make(url, TOKEN, site)
        with pytest.raises(Unavailable, match="another request"):
            await adapter.deliver(Device(id=DEVICE), DOWNLOADING, None)
        await adapter.deliver(Device(id=DEVICE), DOWNLOADING, None)

    assert cloud.record.illegal == 0


async def test_error_names_the_cloud_s_own_code(cloud: TencentCloud, site: Site) -> None:
    """An error that may pass keeps its code, so that an operator can look it up."""
    cloud.faults.error = Fault(error="FailedOperation.DeviceOffline")
    async with serve(cloud) as url:
        with pytest.raises(Unavailable) as caught:
            await make(url, TOKEN, site).deliver(Device(id=DEVICE), DOWNLOADING, None)

    assert caught.value.code == "FailedOperation.DeviceOffline"
