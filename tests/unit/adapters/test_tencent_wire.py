"""Tencent's words, form by form."""

from typing import Any

import pytest

from adapters.tencent import wire
from gateway.model.identity import Version
from gateway.model.states import Phase, Reason, State
from tests.unit.adapters.events import event, failed, recorded
from tests.vectors import load

VECTORS = load("tencent")


def named(case: dict[str, Any]) -> str:
    """Show a vector by its name."""
    return str(case["name"])


@pytest.mark.parametrize("case", VECTORS["requests"], ids=named)
def test_report_has_the_documented_form(case: dict[str, Any]) -> None:
    """Each canonical state becomes the parameters that the vendor's page shows."""
    body = wire.report(recorded(case["event"]))

    assert body is not None
    assert body | {"ResultMsg": ""} == case["body"] | {"ResultMsg": ""}


@pytest.mark.parametrize(
    "state",
    [
        State.QUEUED,
        State.WAITING_CONFIRMATION,
        State.NOTIFIED,
        State.VERIFIED,
        State.CONFIRMING,
        State.CANCELED,
    ],
)
def test_state_without_a_word_is_not_said(state: State) -> None:
    """Tencent has no word for these states."""
    assert wire.report(event(state)) is None


@pytest.mark.parametrize(("given", "said"), [(-3, 0), (0, 0), (20, 20), (100, 100), (4_000_000, 100)])
def test_percent_is_clamped(given: int, said: int) -> None:
    """Persent is an Int from 0 to 100, whatever a device counts."""
    body = wire.report(event(State.DOWNLOADING, percent=given))

    assert body is not None
    assert body["Persent"] == said


@pytest.mark.parametrize("state", [State.DOWNLOADING, State.APPLYING])
def test_unknown_percent_is_left_out(state: State) -> None:
    """A percent that the device did not say is not sent as 0, which would look like going back."""
    body = wire.report(event(state))

    assert body is not None
    assert "Persent" not in body


@pytest.mark.parametrize("state", [State.DOWNLOADED, State.SUCCEEDED])
def test_full_percent_goes_with_what_is_complete(state: State) -> None:
    """A complete download and a done update are at 100."""
    body = wire.report(event(state, percent=7))

    assert body is not None
    assert body["Persent"] == 100


@pytest.mark.parametrize("end", [event(State.INSTALLING, percent=7), failed(Phase.INSTALL, Reason.UNKNOWN)])
def test_percent_means_nothing_while_burning_or_failed(end: Any) -> None:
    """Burning and fail carry no percent."""
    body = wire.report(end)

    assert body is not None
    assert "Persent" not in body


@pytest.mark.parametrize(
    ("phase", "reason", "code"),
    [
        (Phase.DOWNLOAD, Reason.CONNECTION_LOST, -1),
        (Phase.DOWNLOAD, Reason.WEAK_SIGNAL, -1),
        (Phase.UNKNOWN, Reason.WEAK_SIGNAL, -1),
        (Phase.DOWNLOAD, Reason.INSUFFICIENT_STORAGE, -5),
        (Phase.DOWNLOAD, Reason.OUT_OF_MEMORY, -5),
        (Phase.DOWNLOAD, Reason.LOW_BATTERY, -5),
        (Phase.DOWNLOAD, Reason.UNKNOWN, -5),
        (Phase.VERIFY, Reason.SIGNATURE_INVALID, -4),
        (Phase.VERIFY, Reason.UNKNOWN, -4),
        (Phase.VERIFY, Reason.INCOMPATIBLE_DEVICE, -5),
        (Phase.INSTALL, Reason.LOW_BATTERY, -5),
        (Phase.APPLY, Reason.CONNECTION_LOST, -5),
        (Phase.CONFIRM, Reason.ROLLED_BACK, -5),
        (Phase.UNKNOWN, Reason.UNKNOWN, -5),
    ],
)
def test_foreign_reason_collapses_to_the_nearest_code(phase: Phase, reason: Reason, code: int) -> None:
    """A reason that Tencent has no code for takes the nearest one and stays in ResultMsg."""
    body = wire.report(failed(phase, reason))

    assert body is not None
    assert body["ResultCode"] == code
    assert reason.value in body["ResultMsg"]


@pytest.mark.parametrize(("phase", "code"), [(Phase.DOWNLOAD, -1), (Phase.INSTALL, -5), (Phase.UNKNOWN, -5)])
def test_time_out_is_a_failure_of_its_phase(phase: Phase, code: int) -> None:
    """A time-out is -1 while downloading and -5 after that, and says in which phase."""
    body = wire.report(event(State.TIMED_OUT, phase=phase))

    assert body == {
        "State": "fail",
        "ResultCode": code,
        "ResultMsg": f"gateway timeout in {phase} (STATE_TIMEOUT)",
    }


@pytest.mark.parametrize(
    ("code", "detail", "message"),
    [
        ("", "", "LOW_BATTERY"),
        ("", "3.1 V", "3.1 V (LOW_BATTERY)"),
        ("12", "3.1 V", "code 12: 3.1 V (LOW_BATTERY)"),
        ("12", "", "code 12 (LOW_BATTERY)"),
        ("-5", "3.1 V", "3.1 V (LOW_BATTERY)"),
    ],
)
def test_message_keeps_what_the_code_loses(code: str, detail: str, message: str) -> None:
    """ResultMsg holds the device's own code and text and always the canonical reason."""
    body = wire.report(failed(Phase.INSTALL, Reason.LOW_BATTERY, code=code, detail=detail))

    assert body is not None
    assert body["ResultMsg"] == message


def test_message_is_bounded() -> None:
    """A device cannot make the gateway send a book."""
    body = wire.report(failed(Phase.INSTALL, Reason.UNKNOWN, code="9" * 9999, detail="x" * 9999))

    assert body is not None
    assert len(body["ResultMsg"]) < 600


def test_rejection_is_a_failure() -> None:
    """An update that the device refuses is a fail with the reason beside it."""
    body = wire.report(event(State.REJECTED, reason=Reason.DENIED_BY_USER))

    assert body == {"State": "fail", "ResultCode": -5, "ResultMsg": "DENIED_BY_USER"}


@pytest.mark.parametrize(
    ("version", "fits"), [("1", True), ("版" * 32, True), ("", False), ("9" * 33, False)]
)
def test_version_has_room_or_an_objection(version: str, fits: bool) -> None:  # noqa: FBT001
    """A version is 1 to 32 characters, and another one is named with the rule."""
    problem = wire.objection(Version(version))

    assert problem is None if fits else "1 to 32" in str(problem)


UNHEARD = [None, State.QUEUED, State.WAITING_CONFIRMATION]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("after", [None, *State])
def test_consent_is_due_until_the_cloud_has_heard_of_more(after: State | None, state: State) -> None:
    """It follows from what was acknowledged and what is to be said, and from nothing else."""
    is_due = after in UNHEARD and state not in (State.REJECTED, State.CANCELED)

    assert wire.needs_confirmation(after, event(state, confirmed=True)) is is_due
    assert not wire.needs_confirmation(after, event(state))


@pytest.mark.parametrize("state", State)
def test_only_what_has_not_begun_waits_for_its_consent(state: State) -> None:
    """From the download on the device is at work, whatever the cloud was told."""
    assert wire.is_waiting(event(state)) is (state in (*UNHEARD, State.NOTIFIED))
