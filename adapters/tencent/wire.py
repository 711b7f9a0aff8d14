"""Tencent's words: canonical states into AppReportOTAStatus, replies into facts. Pure.

The request's shape is that of https://cloud.tencent.com/document/product/1081/86902; the recorded forms stand in
`tests/vectors/tencent.json`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import Any, NamedTuple, assert_never

from gateway.ports.cloud import Phase, Reason, State, StateReported

MAX_VERSION = 32
MAX_DETAIL = 256

_WORDS = MappingProxyType(
    {
        State.DOWNLOADING: "downloading",
        State.DOWNLOADED: "downloading",
        State.INSTALLING: "burning",
        State.APPLYING: "updating",
        State.SUCCEEDED: "done",
    }
)

#: The five codes of `fail`, lossless both ways.
FAILURES = MappingProxyType(
    {
        -1: (Phase.DOWNLOAD, Reason.DOWNLOAD_TIMEOUT),
        -2: (Phase.DOWNLOAD, Reason.PACKAGE_NOT_FOUND),
        -3: (Phase.DOWNLOAD, Reason.URL_EXPIRED),
        -4: (Phase.VERIFY, Reason.INTEGRITY_CHECK_FAILED),
        -5: (Phase.INSTALL, Reason.INSTALL_FAILED),
    }
)
_CODES = MappingProxyType({meaning: code for code, meaning in FAILURES.items()})
_OTHER = -5

#: Where another vocabulary's reason collapses to; it counts only while the image is on its way.
_DOWNLOAD_REASONS = MappingProxyType(
    {
        Reason.DOWNLOAD_TIMEOUT: -1,
        Reason.CONNECTION_LOST: -1,
        Reason.WEAK_SIGNAL: -1,
        Reason.PACKAGE_NOT_FOUND: -2,
        Reason.URL_EXPIRED: -3,
    }
)
_DOWNLOAD_PHASES = frozenset({Phase.PRECHECK, Phase.DOWNLOAD, Phase.UNKNOWN})
_VERIFY_REASONS = frozenset({Reason.INTEGRITY_CHECK_FAILED, Reason.SIGNATURE_INVALID})
_UNSAID = frozenset({Reason.NONE, Reason.UNKNOWN})


def report(event: StateReported) -> dict[str, Any] | None:
    """Return the parameters that say this state, or None when Tencent has no word for it."""
    match event.state:
        case State.DOWNLOADING | State.APPLYING:
            return _progress(_WORDS[event.state], event.percent)
        case State.DOWNLOADED | State.SUCCEEDED:
            return _progress(_WORDS[event.state], 100)
        case State.INSTALLING:
            return _progress(_WORDS[event.state], None)
        case State.FAILED | State.TIMED_OUT | State.REJECTED:
            return _failure(event)
        case State.QUEUED | State.WAITING_CONFIRMATION | State.NOTIFIED | State.VERIFIED | State.CONFIRMING:
            return None
        case State.CANCELED:
            return None
        case _:
            assert_never(event.state)


def _progress(word: str, percent: int | None) -> dict[str, Any]:
    body = {"State": word, "ResultCode": 0, "ResultMsg": ""}
    # Sic: `Persent` in requests, `Percent` in replies. Left out rather than 0, which would look like going back.
    return body if percent is None else {**body, "Persent": min(max(percent, 0), 100)}


def _failure(event: StateReported) -> dict[str, Any]:
    code = result_code(event)
    # ResultMsg is required on `fail`, and devices often leave it empty.
    return {"State": "fail", "ResultCode": code, "ResultMsg": _message(event, code)}


def result_code(event: StateReported) -> int:
    """Return the code of a `fail`: the vocabulary's own where there is one, else the nearest."""
    if event.state is State.TIMED_OUT:
        return -1 if event.phase is Phase.DOWNLOAD else _OTHER
    if event.state is State.REJECTED:
        return _OTHER
    own = _CODES.get((event.phase, event.reason))
    if own is not None:
        return own
    if event.reason in _VERIFY_REASONS or (event.phase is Phase.VERIFY and event.reason in _UNSAID):
        return -4
    return _DOWNLOAD_REASONS.get(event.reason, _OTHER) if event.phase in _DOWNLOAD_PHASES else _OTHER


def _message(event: StateReported, code: int) -> str:
    reason = event.reason
    if reason is Reason.NONE:
        reason = Reason.STATE_TIMEOUT if event.state is State.TIMED_OUT else Reason.UNKNOWN
    text = event.detail[:MAX_DETAIL]
    if event.state is State.TIMED_OUT and not text:
        text = f"gateway timeout in {event.phase}"
    if event.code not in ("", str(code)):
        text = f"code {event.code[:MAX_DETAIL]}: {text}" if text else f"code {event.code[:MAX_DETAIL]}"
    return f"{text} ({reason})" if text else str(reason)


@dataclass(frozen=True, slots=True)
class Failure:
    """A business error, under its real code."""

    code: str
    text: str


class MisshapenError(ValueError):
    """The body is not an answer to this request; the docstring of no page describes it."""


def read_reply(body: bytes, request_id: str) -> Failure | None:
    """Return None for an acknowledgement, else what the cloud said; raise MisshapenError for anything else."""
    try:
        reply: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MisshapenError("not JSON") from error
    fields = _fields(reply)
    if fields.get("RequestId") not in (None, "", request_id):
        raise MisshapenError("the answer to another request")
    return _failure_in(fields)


def _fields(reply: Any) -> dict[str, Any]:
    """Open either envelope: the documented one, and the one that the vendor's own clients parse."""
    match reply:
        case {"Response": dict(fields)} if fields.keys() & {"RequestId", "Error"}:
            return fields
        case {"code": int(), "data": dict(fields)} if reply["code"] == 0 or "Error" in fields:
            return fields
        case {"code": int(number), "msg": str(text)} if number != 0:
            return {"Error": {"Code": str(number), "Message": text}}
        case _:
            raise MisshapenError("not in the shape of a reply")


def _failure_in(fields: Mapping[str, Any]) -> Failure | None:
    match fields.get("Error"):
        case None:
            return None
        case {"Code": str(code), "Message": str(text)}:
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


@dataclass(frozen=True, slots=True)
class Token:
    """An AccessToken, with its expiry (Unix seconds) where the source says so."""

    value: str
    expires: float | None = None


def read_token(text: str) -> Token:
    """Read a token source: the bare token, or AppGetToken's `{"Token": …, "ExpireAt": …}`."""
    try:
        given: Any = json.loads(text)
    except ValueError:
        return Token(text.strip())
    match given:
        case {"Token": str(value), "ExpireAt": int(expires)}:
            return Token(value, float(expires))
        case {"Token": str(value)}:
            return Token(value)
        case _:
            return Token(text.strip())
