"""Tencent's words on the way up: canonical states into AppReportOTAStatus. Pure.

The request's shape is that of https://cloud.tencent.com/document/product/1081/86902; the recorded forms stand in
`tests/vectors/tencent.json`. What the cloud answers is read in `replies`, what it orders in `tasks`.
"""

from types import MappingProxyType
from typing import Any, assert_never

from gateway.ports.cloud import Phase, Reason, State, StateReported, Version

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

#: What a cloud acknowledged that may still wait for its user.
_UNCONFIRMED = frozenset({None, State.QUEUED, State.WAITING_CONFIRMATION})
#: Where nothing has begun: the consent is all that there is to tell.
_WAITING = frozenset({State.QUEUED, State.WAITING_CONFIRMATION, State.NOTIFIED})
#: Ends of what nobody will do any more, which need no consent.
_DROPPED = frozenset({State.REJECTED, State.CANCELED})


def objection(version: Version) -> str | None:
    """Say why a report cannot carry the version; None when it can."""
    if 1 <= len(version) <= MAX_VERSION:
        return None
    return f"version is {version!r}; Tencent carries 1 to {MAX_VERSION} characters"


def needs_confirmation(after: State | None, event: StateReported) -> bool:
    """Whether a user's consent is to be told before this state, in case the cloud has not heard of it."""
    return event.confirmed and after in _UNCONFIRMED and event.state not in _DROPPED


def is_waiting(event: StateReported) -> bool:
    """Whether the update has not begun, so that its consent may wait for the device, or turn out to be moot."""
    return event.state in _WAITING


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
