"""OneNET's words: codes, their order, and the signature."""

from typing import Any
from urllib.parse import parse_qs

import pytest

from adapters.onenet.signing import authorization
from adapters.onenet.wire import (
    CODES,
    Progress,
    Report,
    Request,
    TokenCheck,
    failure_code,
    objection,
    requests,
)
from gateway.model.identity import Version
from gateway.model.states import Phase, Reason, State
from tests.unit.adapters.events import event, failed, recorded
from tests.vectors import load

VECTORS = load("onenet")
MEANINGS = VECTORS["codes"]["meanings"]
CHECK = TokenCheck()


@pytest.mark.parametrize("code", MEANINGS)
def test_code_means_what_the_page_says(code: str) -> None:
    """The table of codes is the vendor's, all fifteen of it."""
    words = recorded(MEANINGS[code])

    assert CODES[int(code)] == (words.state, words.phase, words.reason)
    assert len(CODES) == len(MEANINGS) == 15


@pytest.mark.parametrize("case", VECTORS["signatures"], ids=lambda case: str(case["name"]))
@pytest.mark.parametrize("method", ["md5", "sha1", "sha256"])
def test_signature_is_the_vendors(case: dict[str, Any], method: Any) -> None:
    """The header carries all five parameters, percent-encoded, with the known signature."""
    header = authorization(
        resource=case["resource"],
        key=case["key"],
        expires=case["expires"],
        method=method,
        version=case["version"],
    )

    assert " " not in header
    assert {name: values[0] for name, values in parse_qs(header, strict_parsing=True).items()} == {
        "version": case["version"],
        "res": case["resource"],
        "et": str(case["expires"]),
        "method": method,
        "sign": case["signs"][method],
    }


def test_key_is_decoded_before_it_signs() -> None:
    """The signature that an undecoded key gives is never produced."""
    wrong = VECTORS["wrong_signatures"][0]
    header = authorization(
        resource=wrong["resource"],
        key=wrong["key"],
        expires=wrong["expires"],
        method="sha1",
        version=wrong["version"],
    )

    assert parse_qs(header)["sign"] != [wrong["signs"]["sha1"]]


def test_key_that_is_not_base64_is_an_error() -> None:
    """A key that cannot be one is not used."""
    with pytest.raises(ValueError, match=r"base64|padding|Non-"):
        authorization(resource="products/1", key="no key!", expires=1, method="sha1", version="2018-10-31")


@pytest.mark.parametrize(
    ("phase", "reason", "code"),
    [
        (Phase.DOWNLOAD, Reason.CONNECTION_LOST, 106),
        (Phase.UNKNOWN, Reason.DOWNLOAD_TIMEOUT, 104),
        (Phase.DOWNLOAD, Reason.PACKAGE_NOT_FOUND, 107),
        (Phase.DOWNLOAD, Reason.URL_EXPIRED, 107),
        (Phase.DOWNLOAD, Reason.DEVICE_BUSY, 107),
        (Phase.DOWNLOAD, Reason.INTEGRITY_CHECK_FAILED, 205),
        (Phase.PRECHECK, Reason.INSUFFICIENT_STORAGE, 102),
        (Phase.PRECHECK, Reason.LOW_BATTERY, 202),
        (Phase.VERIFY, Reason.SIGNATURE_INVALID, 205),
        (Phase.VERIFY, Reason.UNKNOWN, 206),
        (Phase.INSTALL, Reason.INSTALL_FAILED, 206),
        (Phase.INSTALL, Reason.INSUFFICIENT_STORAGE, 206),
        (Phase.APPLY, Reason.LOW_BATTERY, 202),
        (Phase.APPLY, Reason.CONNECTION_LOST, 206),
        (Phase.CONFIRM, Reason.VERSION_MISMATCH, 204),
        (Phase.CONFIRM, Reason.ROLLED_BACK, 206),
        (Phase.UNKNOWN, Reason.UNKNOWN, 206),
    ],
)
def test_foreign_reason_collapses_to_the_nearest_code(phase: Phase, reason: Reason, code: int) -> None:
    """A reason that OneNET has no code for takes the nearest one."""
    assert failure_code(failed(phase, reason), is_upgrading=False) == code


@pytest.mark.parametrize("reason", list(Reason))
def test_download_failure_after_101_is_one_of_the_install(reason: Reason) -> None:
    """Once the task is upgrading, it takes only 2xx."""
    assert failure_code(failed(Phase.DOWNLOAD, reason), is_upgrading=True) in range(202, 209)


@pytest.mark.parametrize(
    ("phase", "reason", "is_upgrading", "code"),
    [
        (Phase.DOWNLOAD, Reason.STATE_TIMEOUT, False, 104),
        (Phase.DOWNLOAD, Reason.STATE_TIMEOUT, True, 206),
        (Phase.INSTALL, Reason.STATE_TIMEOUT, True, 206),
        (Phase.UNKNOWN, Reason.STATE_TIMEOUT, False, 206),
        (Phase.DOWNLOAD, Reason.TASK_EXPIRED, False, 208),
        (Phase.UNKNOWN, Reason.TASK_EXPIRED, True, 208),
    ],
)
def test_time_out_has_its_own_rules(phase: Phase, reason: Reason, is_upgrading: bool, code: int) -> None:  # noqa: FBT001
    """A time-out is 104 in the download, 208 when the task expired, else 206."""
    assert failure_code(event(State.TIMED_OUT, phase=phase, reason=reason), is_upgrading=is_upgrading) == code


@pytest.mark.parametrize(
    ("after", "state", "said"),
    [
        (None, State.QUEUED, []),
        (None, State.NOTIFIED, []),
        (None, State.CANCELED, []),
        (None, State.DOWNLOADING, [CHECK, Progress(20)]),
        (State.NOTIFIED, State.DOWNLOADING, [CHECK, Progress(20)]),
        (State.DOWNLOADING, State.DOWNLOADING, [Progress(20)]),
        (State.DOWNLOADING, State.DOWNLOADED, [Report(101)]),
        (None, State.DOWNLOADED, [CHECK, Report(101)]),
        (State.NOTIFIED, State.VERIFIED, [CHECK, Report(101)]),
        (State.DOWNLOADED, State.INSTALLING, []),
        (State.DOWNLOADING, State.INSTALLING, [Report(101)]),
        (State.INSTALLING, State.APPLYING, []),
        (State.APPLYING, State.INSTALLING, []),
        (State.DOWNLOADING, State.CONFIRMING, [Report(101)]),
        (None, State.SUCCEEDED, [CHECK, Report(101), Report(201)]),
        (State.DOWNLOADING, State.SUCCEEDED, [Report(101), Report(201)]),
        (State.CONFIRMING, State.SUCCEEDED, [Report(201)]),
        (None, State.REJECTED, [CHECK, Report(206)]),
        (State.DOWNLOADING, State.FAILED, [Report(206)]),
        (State.DOWNLOADED, State.DOWNLOADING, []),
        (State.SUCCEEDED, State.FAILED, []),
        (State.CANCELED, State.SUCCEEDED, []),
    ],
)
def test_order_is_kept_whatever_was_skipped(after: State | None, state: State, said: list[Request]) -> None:
    """What the cloud still has to hear before a state comes first, and nothing comes twice."""
    assert requests(after, event(state, percent=20)) == said


def test_download_without_percent_opens_the_task_only() -> None:
    """A device that tells no percent is downloading all the same."""
    assert requests(None, event(State.DOWNLOADING)) == [CHECK]
    assert requests(State.DOWNLOADING, event(State.DOWNLOADING)) == []


@pytest.mark.parametrize(("percent", "step"), [(-1, 0), (0, 0), (99, 99), (100, 99), (1000, 99)])
def test_step_never_stands_for_101(percent: int, step: int) -> None:
    """Step 100 would mean the same as 101, so that steps end at 99."""
    assert requests(State.DOWNLOADING, event(State.DOWNLOADING, percent=percent)) == [Progress(step)]


def test_integrity_failure_needs_no_101() -> None:
    """A 205 alone is allowed while downloading."""
    bad_md5 = failed(Phase.VERIFY, Reason.INTEGRITY_CHECK_FAILED)

    assert requests(State.DOWNLOADING, bad_md5) == [Report(205)]


@pytest.mark.parametrize("version", ["1", "v2.0_rc-1", "9" * 20])
def test_version_of_the_platforms_form_is_taken(version: str) -> None:
    """Errno 27 names the form."""
    assert objection(Version(version)) is None


@pytest.mark.parametrize("version", ["", "9" * 21, "2.0 beta", "2.0\n", "版本", "1+2", "1/2"])
def test_version_of_another_form_is_objected_to(version: str) -> None:
    """The objection shows the version and the rule."""
    problem = str(objection(Version(version)))

    assert repr(version) in problem
    assert "1 to 20" in problem
