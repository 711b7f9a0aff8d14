"""Whatever bytes a device sends, a dialect answers with a usable event or one refusal."""

import json
from dataclasses import asdict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.devices.dialects import DIALECTS, KINDS, REASONS, ChunkAsked, Reading
from gateway.errors import NotUnderstoodError
from gateway.model.codec import decode, encode
from gateway.model.events import Event, StateReported
from gateway.model.identity import DeviceId, Module, Version
from gateway.model.states import Phase, Reason, State

DEVICE = DeviceId("PR0DUCT01", "dev01")

#: Every code point, halves of surrogate pairs and NUL included.
any_text = st.text(st.characters(exclude_categories=()))
words = st.sampled_from(
    [
        *State,
        *Phase,
        *Reason,
        "report_version",
        "report_progress",
        "burning",
        "done",
        "fail",
        "-1",
        "20%",
        "confirm",
    ]
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | any_text | words
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(any_text, inner), max_leaves=8)
names = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=64)


plain_reports = st.fixed_dictionaries(
    {"type": st.sampled_from(["version", "state", "confirm"])},
    optional={
        "state": st.sampled_from(State),
        **dict.fromkeys(("version", "module", "percent", "phase", "reason", "detail"), values),
        **dict.fromkeys(
            ("accept", "battery", "signal"), values | st.sampled_from(["true", "no", "80%", "-97 dBm"])
        ),
    },
)
progress = st.fixed_dictionaries(
    {"state": st.sampled_from(["downloading", "burning", "updating", "done", "fail"])},
    optional=dict.fromkeys(("percent", "result_code", "result_msg", "version"), values),
)
tencent_reports = st.fixed_dictionaries(
    {"type": st.sampled_from(["report_version", "report_progress"])},
    optional={
        "report": values
        | st.fixed_dictionaries(
            {}, optional={"progress": progress | values, "version": values, "fw_type": values}
        )
    },
)
answers = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("id", "code"), values | st.sampled_from([0, "200"]))
)
payloads = (
    st.binary()
    | values.map(lambda value: json.dumps(value).encode())
    | plain_reports.map(lambda report: json.dumps(report).encode())
    | tencent_reports.map(lambda report: json.dumps(report).encode())
    | answers.map(lambda answer: json.dumps(answer).encode())
)


def read(name: str, payload: bytes) -> Reading | NotUnderstoodError:
    """Return what a dialect makes of a payload on the report topic."""
    [topic] = [topic for topic in DIALECTS[name].up_topics(DEVICE) if "chunk" not in topic]
    try:
        return DIALECTS[name].read(DEVICE, topic, payload)
    except NotUnderstoodError as error:
        return error


def is_storable(event: Event) -> bool:
    """Whether every text of the event can be written as UTF-8 into a store that knows no NUL."""
    texts = [value for value in asdict(event).values() if isinstance(value, str)]
    return "\0" not in "".join(texts).encode().decode()


@settings(max_examples=300)
@given(st.sampled_from(sorted(DIALECTS)), payloads)
def test_no_bytes_break_a_dialect(name: str, payload: bytes) -> None:
    """Every payload is read as a storable event of this very device, or refused with a known reason."""
    match read(name, payload):
        case NotUnderstoodError(reason=reason, detail=detail):
            assert reason in REASONS
            assert detail.isprintable()
        case Reading(event=event, kind=kind, reply=reply):
            assert kind in KINDS
            assert isinstance(event, ChunkAsked) or (event.device == DEVICE and is_storable(event))
            assert reply is None or reply.topic in DIALECTS[name].down_filters(DEVICE)
            assert reply is None or json.loads(reply.payload)


@given(st.sampled_from(sorted(DIALECTS)), payloads)
def test_what_a_dialect_reads_survives_the_outbox(name: str, payload: bytes) -> None:
    """A state in canonical form is the same after it was written down and read back."""
    reading = read(name, payload)
    if isinstance(reading, Reading) and isinstance(reading.event, StateReported):
        written = encode(reading.event).encode()

        assert decode(written.decode()) == reading.event
        assert reading.event.percent is None or 0 <= reading.event.percent <= 100


FAILURES = {
    "-1": (Phase.DOWNLOAD, Reason.DOWNLOAD_TIMEOUT),
    "-2": (Phase.DOWNLOAD, Reason.PACKAGE_NOT_FOUND),
    "-3": (Phase.DOWNLOAD, Reason.URL_EXPIRED),
    "-4": (Phase.VERIFY, Reason.INTEGRITY_CHECK_FAILED),
    "-5": (Phase.INSTALL, Reason.INSTALL_FAILED),
}
SPOKEN = {
    State.DOWNLOADING: "downloading",
    State.DOWNLOADED: "downloading",
    State.INSTALLING: "burning",
    State.SUCCEEDED: "done",
    State.FAILED: "fail",
}


@st.composite
def nine_forms(draw: st.DrawFn) -> dict[str, Any]:
    """One of the nine reports of a Tencent device, as the vendor writes it."""
    state, percents, codes = draw(
        st.sampled_from(
            [
                ("downloading", st.integers(0, 99), "0"),
                ("downloading", st.just(100), "0"),
                ("burning", None, "0"),
                ("done", None, "0"),
                *[("fail", None, code) for code in FAILURES],
            ]
        )
    )
    said = {"state": state, "result_code": codes, "result_msg": draw(names | st.just(""))}
    if percents is not None:
        said["percent"] = str(draw(percents))
    report = {"version": draw(names), "progress": said}
    module = draw(st.none() | names.filter(lambda name: name != "default"))
    return {"type": "report_progress", "report": report if module is None else {**report, "fw_type": module}}


def spoken(event: StateReported) -> dict[str, Any]:
    """Say a canonical event in the vendor's words; only (phase, reason) may decide the code."""
    codes = {meaning: code for code, meaning in FAILURES.items()}
    said = {
        "state": SPOKEN[event.state],
        "result_code": codes.get((event.phase, event.reason), "0"),
        "result_msg": event.detail,
    }
    if event.percent is not None:
        said["percent"] = str(event.percent)
    report: dict[str, Any] = {"version": event.version, "progress": said}
    if event.module != "default":
        report["fw_type"] = event.module
    return {"type": "report_progress", "report": report}


@given(nine_forms())
def test_tencents_nine_reports_lose_nothing(report: dict[str, Any]) -> None:
    """A report can be told again, word for word, from the canonical event alone."""
    reading = read("tencent", json.dumps(report).encode())

    assert isinstance(reading, Reading)
    assert isinstance(reading.event, StateReported)
    assert spoken(reading.event) == report


@st.composite
def canonical_states(draw: st.DrawFn) -> StateReported:
    """Anything about an update that a device can mean in canonical words."""
    state = draw(
        st.sampled_from([state for state in State if state not in {"queued", "timed_out", "canceled"}])
    )
    reasons = st.sampled_from([reason for reason in Reason if reason not in {"NONE", "UNKNOWN"}])
    return StateReported(
        device=DEVICE,
        state=state,
        version=Version(draw(names)),
        module=Module(draw(names)),
        percent=draw(st.none() | st.integers(0, 100)),
        phase=draw(st.sampled_from(Phase)),
        reason=draw(reasons) if state in {State.FAILED, State.REJECTED} else Reason.NONE,
        detail=draw(names | st.just("")),
    )


@given(canonical_states())
def test_plain_says_every_canonical_state(event: StateReported) -> None:
    """What a device means in canonical words is read as exactly that."""
    fields = {
        key: value for key, value in asdict(event).items() if key not in {"device", "code", "synthetic"}
    }

    reading = read("plain", json.dumps({"type": "state", **fields}).encode())

    assert reading == Reading(event, "state")
