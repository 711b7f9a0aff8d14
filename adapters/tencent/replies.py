"""What Tencent answers: both envelopes of a reply, and what each error code asks of the caller. Pure.

Business errors come with HTTP 200. The error tables of the Actions stand in `tests/vectors/tencent.json`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NamedTuple

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """A business error, under its real code."""

    code: str
    text: str


class MisshapenError(ValueError):
    """The body is not an answer to this request; the docstring of no page describes it."""


def read_reply(body: bytes, request_id: str) -> Fields | Failure:
    """Return the fields of an answer, or what the cloud refused; raise MisshapenError for anything else."""
    try:
        reply: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MisshapenError("not JSON") from error
    fields = _fields(reply)
    if fields.get("RequestId") not in (None, "", request_id):
        raise MisshapenError("the answer to another request")
    return _failure_in(fields) or fields


def _fields(reply: Any) -> Fields:
    """Open either envelope: the documented one, and the one that the vendor's own clients parse."""
    match reply:
        case {"Response": dict(fields)} if fields.keys() & {"RequestId", "Error"}:
            return fields
        case {"code": bool()}:
            raise MisshapenError("not in the shape of a reply")
        case {"code": int(), "data": dict(fields)} if reply["code"] == 0 or "Error" in fields:
            return fields
        case {"code": int(number), "msg": str(text)} if number != 0:
            return {"Error": {"Code": str(number), "Message": text}}
        case _:
            raise MisshapenError("not in the shape of a reply")


def _failure_in(fields: Fields) -> Failure | None:
    match fields.get("Error"):
        case None:
            return None
        case {"Code": str(code), "Message": str(text)} if code:
            return unhidden(code, text)
        case _:
            raise MisshapenError("not in the shape of an error")


def unhidden(code: str, text: str) -> Failure:
    """Bring out the real code that InternalError may carry in front of a bar (1081/40786)."""
    real, bar, rest = text.partition("|")
    if code == "InternalError" and bar and real and real.replace(".", "").isalnum():
        return Failure(real, rest)
    return Failure(code, text)


class Act(Enum):
    """What an error code asks of the caller."""

    RENEW_TOKEN = auto()
    PARK_DEVICE = auto()
    PARK_LANE = auto()
    RETRY = auto()
    RETRY_DEVICE = auto()
    NO_TASK = auto()
    REJECT = auto()


class _Rule(NamedTuple):
    prefix: str
    act: Act


#: First match wins, by dotted prefix. A FailedOperation that waiting cannot change (DeviceInfoOutdated, …) is a
#: dead letter rather than a retry for ever; the bare one and an offline device pass by themselves.
_RULES = (
    _Rule("InvalidParameterValue.InvalidAccessToken", Act.RENEW_TOKEN),
    _Rule("InvalidParameterValue.NoPermission", Act.PARK_DEVICE),
    _Rule("AuthFailure", Act.PARK_LANE),
    _Rule("UnauthorizedOperation", Act.PARK_LANE),
    _Rule("InternalError", Act.RETRY),
    _Rule("FailedOperation.DeviceOffline", Act.RETRY_DEVICE),
    _Rule("ResourceNotFound.DeviceFirmwareTaskNotExist", Act.NO_TASK),
    _Rule("ResourceNotFound.DeviceHasNoFirmware", Act.NO_TASK),
    _Rule("RequestLimitExceeded", Act.RETRY),
    _Rule("LimitExceeded", Act.RETRY),
    _Rule("ResourceUnavailable", Act.RETRY),
    _Rule("ResourceInsufficient", Act.RETRY),
)


def act_on(code: str) -> Act:
    """Return what an error code asks for; an unknown one will never be taken."""
    if code == "FailedOperation":
        return Act.RETRY
    return next(
        (act for prefix, act in _RULES if code == prefix or code.startswith(f"{prefix}.")), Act.REJECT
    )
