"""What Tencent's replies say, in either envelope, and what each error code asks."""

import json
from typing import Any

import pytest

from adapters.tencent.replies import Act, Failure, MisshapenError, act_on, read_reply, unhidden
from tests.vectors import load

VECTORS = load("tencent")
ID = "584406e9-bf59-46a3-8d45-39f1891bed7b"


def named(case: dict[str, Any]) -> str:
    """Show a vector by its name."""
    return str(case["name"])


@pytest.mark.parametrize("case", VECTORS["replies"], ids=named)
def test_reply_is_read_in_either_envelope(case: dict[str, Any]) -> None:
    """A reply is an acknowledgement or a failure under its real code, in both envelopes."""
    reply = read_reply(json.dumps(case["body"]).encode(), ID)

    assert (reply.code if isinstance(reply, Failure) else None) == case["code"]


@pytest.mark.parametrize(
    ("code", "act"),
    [
        ("InternalError", Act.RETRY),
        ("InternalError.InternalRPCError", Act.RETRY),
        ("InvalidParameterValue.InvalidAccessToken", Act.RENEW_TOKEN),
        ("InvalidParameterValue.NoPermission", Act.PARK_DEVICE),
        ("InvalidParameterValue.NoPermissionAtAll", Act.REJECT),
        ("InvalidParameterValue", Act.REJECT),
        ("InvalidParameter", Act.REJECT),
        ("InvalidAction", Act.REJECT),
        ("ResourceNotFound", Act.REJECT),
        ("ResourceNotFound.DeviceHasNoFirmware", Act.NO_TASK),
        ("FailedOperation", Act.RETRY),
        ("FailedOperation.DeviceOffline", Act.RETRY_DEVICE),
        ("FailedOperation.DeviceInfoOutdated", Act.REJECT),
        ("RequestLimitExceeded", Act.RETRY),
        ("LimitExceeded.Requests", Act.RETRY),
        ("AuthFailure.TokenFailure", Act.PARK_LANE),
        ("NeverHeardOf", Act.REJECT),
    ],
)
def test_error_code_asks_for_one_act(code: str, act: Act) -> None:
    """Error codes match by dotted prefix, and an unknown one is refused for good."""
    assert act_on(code) is act


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b'{"Response": {"Requ',
        b"[]",
        b"7",
        b"{}",
        b'{"Response": {}}',
        b'{"Response": null}',
        b'{"Response": {"Error": "no"}}',
        b'{"Response": {"RequestId": "", "Error": {"Code": "", "Message": "no"}}}',
        b'{"code": 0}',
        b'{"code": "0", "data": {}}',
        b'{"Response": {"RequestId": "another"}}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_anything_else_is_no_reply(body: bytes) -> None:
    """What is not an answer to this request is neither taken for a success nor for a refusal."""
    with pytest.raises(MisshapenError):
        read_reply(body, ID)


def test_number_without_error_is_a_failure() -> None:
    """The clients' envelope may refuse with a number and a text alone."""
    assert read_reply(b'{"code": -1, "msg": "busy"}', ID) == Failure("-1", "busy")


@pytest.mark.parametrize("text", ["plain words | with a bar", "|text", "no bar"])
def test_internal_error_without_a_hidden_code_stays_internal(text: str) -> None:
    """Only something like a code in front of a bar is taken for one."""
    assert unhidden("InternalError", text) == Failure("InternalError", text)
