"""AppReportOTAStatus keeps the rules of its page (1081/86902)."""

from dataclasses import replace
from typing import Any

import pytest

from tests.simulators.callers import TencentCaller, error_of
from tests.simulators.faults import Fault
from tests.simulators.tencent import PATH, TencentCloud

INVALID = "InvalidParameterValue"


async def test_the_request_of_the_page_is_accepted(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """The second sample of the page gets the answer of the page: the RequestId and nothing else."""
    reply = await tencent_app.act(
        "AppReportOTAStatus", State="downloading", ResultCode=0, ResultMsg="", Version="2.0", Persent=20
    )
    assert reply == {"Response": {"RequestId": "584406e9-bf59-46a3-8d45-39f1891bed7b"}}
    assert tencent_cloud.record.heard == 1


@pytest.mark.parametrize(
    "missing",
    ["AccessToken", "RequestId", "Action", "ProductId", "DeviceName", "Version", "State", "ResultCode"],
)
async def test_a_required_parameter_is_required(tencent_app: TencentCaller, missing: str) -> None:
    """Each parameter that the page marks as required is asked for."""
    assert await tencent_app.report("downloading", 1, **{missing: None}) == INVALID


@pytest.mark.parametrize(
    "wrong",
    [
        {"ResultCode": "0"},
        {"ResultCode": -6},
        {"ResultCode": 1},
        {"ResultCode": False},
        {"Persent": "20"},
        {"Persent": 101},
        {"Persent": -1},
        {"Persent": 20.0},
        {"State": "verified"},
        {"State": 3},
        {"Version": ""},
        {"Version": 2},
        {"Version": "v" * 33},
        {"Version": "2 0"},
        {"ResultMsg": 0},
        {"DeviceName": 7},
    ],
)
async def test_types_and_values_are_checked(tencent_app: TencentCaller, wrong: dict[str, Any]) -> None:
    """An Int is no String, a String no Int, and values stay within their lists."""
    assert await tencent_app.report("downloading", **wrong) == INVALID


@pytest.mark.parametrize("message", [None, ""])
async def test_fail_needs_a_message(tencent_app: TencentCaller, message: str | None) -> None:
    """ResultMsg is required when State is fail."""
    assert await tencent_app.report("fail", ResultMsg=message) == INVALID


@pytest.mark.parametrize("code", [-1, -2, -3, -4, -5])
async def test_every_failure_code_is_accepted(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller, code: int
) -> None:
    """The five failures of the page are accepted and kept."""
    assert await tencent_app.report("fail", ResultCode=code) == ""
    assert tencent_cloud.record.calls[-1].said == f"fail {code}"


async def test_a_contradiction_is_marked(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """A failure with code 0 is accepted, as no page forbids it, and marked as illegal."""
    assert await tencent_app.report("fail", ResultCode=0) == ""
    assert tencent_cloud.record.reasons == {"contradiction": 1}


async def test_an_unknown_token_is_refused(tencent_app: TencentCaller) -> None:
    """A token that nobody was given is invalid."""
    stranger = replace(tencent_app, token="0" * 32)
    assert await stranger.report("done") == f"{INVALID}.InvalidAccessToken"


async def test_a_token_expires(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """A token is good until its ExpireAt."""
    tencent_cloud.tokens[tencent_app.token] = 2000.0
    tencent_cloud.clock = lambda: 1999.0
    assert await tencent_app.report("downloading") == ""
    tencent_cloud.clock = lambda: 2000.0
    assert await tencent_app.report("downloading") == f"{INVALID}.InvalidAccessToken"


async def test_permission_is_per_device(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """Losing one device does not touch another; a device never owned is no better."""
    tencent_cloud.devices["PR0DUCT01/dev01"].permitted = False
    other, unknown = (replace(tencent_app, device=f"PR0DUCT01/{name}") for name in ("dev02", "dev99"))
    assert await tencent_app.report("downloading") == f"{INVALID}.NoPermission"
    assert await unknown.report("downloading") == f"{INVALID}.NoPermission"
    assert await other.report("downloading") == ""


async def test_any_device_can_be_admitted(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """An account that admits any device gains it with its first report."""
    tencent_cloud.admits_any_device = True
    assert await replace(tencent_app, device="P/new").report("downloading") == ""
    assert "P/new" in tencent_cloud.devices


async def test_an_unknown_action_is_refused(tencent_app: TencentCaller) -> None:
    """An Action that does not exist has a code of its own."""
    assert error_of(await tencent_app.act("AppReportWeather")) == "InvalidAction"


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"ProductId": "P",}'])
async def test_a_body_must_be_an_object(tencent_app: TencentCaller, body: bytes) -> None:
    """Even the trailing comma of the page's own sample is no JSON."""
    async with tencent_app.session.post(tencent_app.url + PATH, data=body) as response:
        assert response.status == 200
        assert error_of(await response.json()) == "InvalidParameter"


async def test_errors_echo_the_request_id(tencent_app: TencentCaller) -> None:
    """An error carries Code, Message and the caller's RequestId, all under Response."""
    reply = await tencent_app.act("AppReportOTAStatus", RequestId="r-1")
    assert reply["Response"]["RequestId"] == "r-1"
    assert reply["Response"]["Error"].keys() == {"Code", "Message"}


async def test_the_clients_envelope(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """The other envelope has code 0 and data, or code -1000 and the error within data."""
    tencent_cloud.envelope = "client"
    good = await tencent_app.act("AppReportOTAStatus", Version="2.0", State="done", ResultCode=0)
    bad = await tencent_app.act("AppReportOTAStatus", AccessToken="none")
    assert good["code"] == 0
    assert good["data"]["RequestId"]
    assert bad["code"] == -1000
    assert bad["data"]["Error"]["Code"] == f"{INVALID}.InvalidAccessToken"


async def test_a_code_can_hide_in_the_message(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """InternalError may carry the real code before a bar, as in the AppGetToken sample."""
    tencent_cloud.hides_codes = True
    tencent_cloud.faults.error = Fault(error="InvalidParameterValue.UserLoginFailed", times=1)
    reply = await tencent_app.act("AppReportOTAStatus")
    error = reply["Response"]["Error"]
    assert error["Code"] == "InternalError"
    assert error["Message"].startswith("InvalidParameterValue.UserLoginFailed|")


async def test_a_true_internal_error(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """An injected internal error hides nothing and is not applied."""
    tencent_cloud.faults.error = True
    tencent_cloud.hides_codes = True
    reply = await tencent_app.act("AppReportOTAStatus", Version="2.0", State="done", ResultCode=0)
    assert reply["Response"]["Error"] == {"Code": "InternalError", "Message": "simulated"}
    assert tencent_cloud.record.heard == 0


async def test_the_token_is_not_recorded(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """The record shows what was said, but not the secret it was said with."""
    await tencent_app.report("downloading", 20)
    body = tencent_cloud.record.calls[-1].body
    assert body["Persent"] == 20
    assert "AccessToken" not in body
