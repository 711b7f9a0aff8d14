"""Codes map losslessly within each vocabulary, no sequence of reports is illegal, and no answer breaks its reader."""

import contextlib
import json
from collections.abc import Sequence
from enum import Enum, auto
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from adapters.onenet.channel import read_answer
from adapters.onenet.conversation import Act, Conversation
from adapters.onenet.offers import read_task
from adapters.onenet.push import PushError, read_push
from adapters.onenet.views import view
from adapters.onenet.wire import CODES, Progress, Report, Request, TokenCheck, failure_code, requests
from adapters.tencent import wire as tencent
from adapters.tencent.credentials import read_login, read_token
from adapters.tencent.replies import Failure, MisshapenError, read_reply
from adapters.tencent.tasks import STATES, read_details, read_offer, read_standing
from gateway.model.events import StateReported
from gateway.model.identity import DEFAULT_MODULE
from gateway.model.states import STEPS, Phase, Reason, State, Step
from tests.unit.adapters.events import event

events = st.builds(
    event,
    state=st.sampled_from(State),
    percent=st.none() | st.integers(-10, 1000),
    phase=st.sampled_from(Phase),
    reason=st.sampled_from(Reason),
    code=st.text(max_size=8),
    detail=st.text(max_size=40),
)
afters = st.none() | st.sampled_from(State)

UPGRADING = {State.DOWNLOADED, State.VERIFIED, State.INSTALLING, State.APPLYING, State.CONFIRMING}

#: What a Tencent report says, written down independently: State and ResultCode → state, phase, reason.
TENCENT_FORMS = {
    ("downloading", 0): (State.DOWNLOADING, Phase.UNKNOWN, Reason.NONE),
    ("burning", 0): (State.INSTALLING, Phase.UNKNOWN, Reason.NONE),
    ("updating", 0): (State.APPLYING, Phase.UNKNOWN, Reason.NONE),
    ("done", 0): (State.SUCCEEDED, Phase.UNKNOWN, Reason.NONE),
    ("fail", -1): (State.FAILED, Phase.DOWNLOAD, Reason.DOWNLOAD_TIMEOUT),
    ("fail", -2): (State.FAILED, Phase.DOWNLOAD, Reason.PACKAGE_NOT_FOUND),
    ("fail", -3): (State.FAILED, Phase.DOWNLOAD, Reason.URL_EXPIRED),
    ("fail", -4): (State.FAILED, Phase.VERIFY, Reason.INTEGRITY_CHECK_FAILED),
    ("fail", -5): (State.FAILED, Phase.INSTALL, Reason.INSTALL_FAILED),
}


@given(form=st.sampled_from(sorted(TENCENT_FORMS)), percent=st.integers(0, 100))
def test_each_of_tencents_nine_forms_comes_back(form: tuple[str, int], percent: int) -> None:
    """What a Tencent device says in Tencent's words reaches Tencent in the same words."""
    state, phase, reason = TENCENT_FORMS[form]
    body = tencent.report(event(state, phase=phase, reason=reason, percent=percent))

    assert body is not None
    assert (body["State"], body["ResultCode"]) == form
    if form[0] in ("downloading", "updating"):
        assert body["Persent"] == percent


@given(told=events)
def test_every_report_to_tencent_keeps_the_rules_of_its_parameters(told: StateReported) -> None:
    """Whatever is told: known words, Int codes that fit the state, a percent in range, a text where required."""
    body = tencent.report(told)
    if body is None:
        return

    assert (body["State"] == "fail") == (body["ResultCode"] != 0)
    assert (body["State"], body["ResultCode"]) in TENCENT_FORMS
    assert type(body.get("Persent", 0)) is int
    assert 0 <= body.get("Persent", 0) <= 100
    if body["State"] == "fail":
        assert body["ResultMsg"]
        assert any(reason.value in body["ResultMsg"] for reason in Reason)


@given(code=st.sampled_from(sorted(CODES)))
def test_each_of_onenets_codes_comes_back(code: int) -> None:
    """What a code means is told by that code again, all fifteen of them."""
    meaning = CODES[code]
    told = event(meaning.state, phase=meaning.phase, reason=meaning.reason)

    assert requests(State.DOWNLOADING, told)[-1] == Report(code)
    if code not in (101, 201):
        assert failure_code(told, is_upgrading=False) == code


@given(percent=st.integers(0, 99))
def test_each_step_comes_back(percent: int) -> None:
    """A percent from 0 to 99 is the step of that number."""
    assert requests(State.DOWNLOADING, event(State.DOWNLOADING, percent=percent)) == [Progress(percent)]


@given(told=events, after=afters)
def test_onenet_hears_only_codes_that_its_task_can_take(told: StateReported, after: State | None) -> None:
    """Only codes of the table are sent, and only 2xx once a 101 was acknowledged."""
    codes = {request.code for request in requests(after, told) if isinstance(request, Report)}

    assert codes <= set(CODES)
    assert after not in UPGRADING or all(code > 200 for code in codes)


class Task(Enum):
    """The states of a task in the vendor's drawing."""

    TO_BE_UPGRADED = auto()
    DOWNLOADING = auto()
    UPGRADING = auto()
    ENDED = auto()


def step(task: Task, request: Request) -> Task:
    """Move a task as the vendor's pages say; an illegal request fails the test."""
    match task, request:
        case ((Task.TO_BE_UPGRADED | Task.DOWNLOADING), TokenCheck()):
            return Task.DOWNLOADING
        case Task.DOWNLOADING, Progress(percent) if 0 <= percent <= 99:
            return task
        case Task.DOWNLOADING, Report(101):
            return Task.UPGRADING
        case Task.DOWNLOADING, Report(code) if 102 <= code <= 107:
            return Task.ENDED
        case Task.UPGRADING, Report(201):
            return Task.ENDED
        case ((Task.DOWNLOADING | Task.UPGRADING), Report(code)) if 202 <= code <= 208:
            return Task.ENDED
    raise AssertionError(f"{request} is illegal while {task.name}")


@given(told=st.lists(events, max_size=12))
def test_no_sequence_of_reports_is_illegal_at_onenet(told: Sequence[StateReported]) -> None:
    """Any canonical sequence, legal or not, becomes a legal one at the cloud."""
    after: State | None = None
    task = Task.TO_BE_UPGRADED

    for each in told:
        for request in requests(after, each):
            task = step(task, request)
        if after is None or STEPS[after, each.state] is Step.ADVANCE:
            after = each.state


@given(after=afters, told=events, errnos=st.lists(st.sampled_from([0, 1, 4, 13, 17, 20, 21]), min_size=20))
def test_every_conversation_ends(after: State | None, told: StateReported, errnos: Sequence[int]) -> None:
    """Whatever the cloud answers, a delivery comes to its end within a dozen requests."""
    talk = Conversation(after, told)
    sent = 0
    for errno in errnos:
        if talk.pending is None:
            break
        sent += 1
        if talk.hear(errno) not in (Act.GO_ON, Act.RENEW_TOKEN):
            break

    assert sent <= 12


@given(status=st.sampled_from(sorted(STATES)), percent=st.integers(0, 100))
def test_each_of_tencents_statuses_is_seen_with_its_percent(status: int, percent: int) -> None:
    """A status and a percent come through, and two states look alike only where Tencent's own words do."""
    standing = read_standing({"Status": status, "Percent": percent, "DstVersion": "2.0"})

    assert (standing.state, standing.percent) == (STATES[status], percent)
    assert {each for each, state in STATES.items() if state is standing.state} <= {status, 1, 7}


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
)
words = st.sampled_from(
    [
        *(
            "Response",
            "Error",
            "Code",
            "Message",
            "RequestId",
            "code",
            "msg",
            "data",
            "Data",
            "Token",
            "ExpireAt",
        ),
        *(
            "FirmwareURL",
            "TargetVersion",
            "UploadVersion",
            "Status",
            "Percent",
            "DstVersion",
            "FwType",
            "Md5sum",
        ),
        *("errno", "error", "target", "token", "tid", "size", "md5", "signal", "interval", "type", "status"),
        *("signature", "nonce", "dids", "version"),
    ]
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=5),
    max_leaves=20,
)
objects = st.dictionaries(words, values, max_size=6)
texts = (values.map(json.dumps).map(str.encode)) | st.binary(max_size=60)


@given(body=texts, fields=objects)
def test_no_answer_of_tencent_breaks_its_reader(body: bytes, fields: dict[str, Any]) -> None:
    """Whatever comes is an answer, a refusal or neither."""
    with contextlib.suppress(MisshapenError):
        assert isinstance(read_reply(body, "r"), dict | Failure)
    for reader in (read_offer, read_login):
        with contextlib.suppress(MisshapenError):
            reader(fields)
    read_standing(fields).view(DEFAULT_MODULE)
    read_details(fields, {})
    read_token(body.decode("utf-8", "replace"))


@given(body=texts, data=objects)
def test_no_answer_of_onenet_breaks_its_reader(body: bytes, data: dict[str, Any]) -> None:
    """Whatever comes is an answer or none, a task or none, a push or none."""
    task = read_task(data, 0.0)
    answer = read_answer(body) or read_answer(json.dumps({"errno": 0, "data": data}).encode())
    assert answer is not None
    view(answer, task, module=DEFAULT_MODULE, running=None)
    if task is not None:
        task.order(event(State.QUEUED).device, DEFAULT_MODULE, url="http://u.example", handle="h")
    with contextlib.suppress(PushError):
        read_push(body, token="t", uid="1")
