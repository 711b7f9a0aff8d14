"""Each dialect reads what its devices are known to say, and refuses the rest with a word of a fixed set."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.devices.dialects import DIALECTS, REASONS, ChunkAsked, Dialect, Reading
from gateway.errors import NotUnderstoodError
from gateway.model.events import Confirmed, Event, StateReported, VersionReported
from gateway.model.identity import DeviceId, Module, Version
from gateway.model.states import Phase, Reason, State

DEVICE = DeviceId("PR0DUCT01", "dev01")
VECTORS = Path(__file__).parents[2] / "vectors" / "dialects"
UP = {
    "plain": "ota/PR0DUCT01/dev01/report",
    "tencent": "$ota/report/PR0DUCT01/dev01",
    "onenet": "$sys/PR0DUCT01/dev01/ota/inform_reply",
}


def samples() -> list[Any]:
    """Every vector with the name of its dialect."""
    return [
        pytest.param(name, vector, id=f"{name}: {vector['says']}")
        for name in DIALECTS
        for vector in json.loads((VECTORS / f"{name}.json").read_text())
    ]


def expected(kind: str, fields: dict[str, Any]) -> Event:
    """Build the event that a vector writes down."""
    told = {"version": None, **fields}
    module = Module(told.pop("module", "default"))
    if kind == "version":
        return VersionReported(device=DEVICE, module=module, **told)
    if kind == "confirm":
        return Confirmed(device=DEVICE, module=module, **told)
    return StateReported(
        device=DEVICE,
        module=module,
        version=told["version"],
        state=State(told["state"]),
        percent=told.get("percent"),
        phase=Phase(told.get("phase", "unknown")),
        reason=Reason(told.get("reason", "NONE")),
        code=told.get("code", ""),
        detail=told.get("detail", ""),
    )


def read(name: str, payload: object) -> Reading:
    """Let a dialect read raw bytes, or a value as JSON, on its report topic."""
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return DIALECTS[name].read(DEVICE, UP[name], raw)


def refusal(name: str, payload: object) -> str:
    """Return the reason for which a dialect refuses."""
    with pytest.raises(NotUnderstoodError) as caught:
        read(name, payload)
    assert caught.value.reason in REASONS
    assert caught.value.detail
    return caught.value.reason


@pytest.mark.parametrize(("name", "vector"), samples())
def test_what_devices_are_known_to_say_is_understood(name: str, vector: dict[str, Any]) -> None:
    """A vector is read as the event that stands beside it."""
    reading = read(name, vector["payload"])

    assert reading.event == expected(vector["kind"], vector["event"])
    assert reading.kind == vector["kind"]


@pytest.mark.parametrize(("name", "vector"), samples())
def test_only_what_waits_for_a_reply_gets_one(name: str, vector: dict[str, Any]) -> None:
    """A vector's reply goes to the device's own down topic; a vector without one is not answered."""
    reply = read(name, vector["payload"]).reply

    assert (None if reply is None else json.loads(reply.payload)) == vector.get("reply")
    assert reply is None or reply.topic in DIALECTS[name].down_filters(DEVICE)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_topics_are_the_devices_own(dialect: Dialect) -> None:
    """Every topic and filter holds product and name; a wildcard stands below them, and only where one listens."""
    up, down = dialect.up_topics(DEVICE), dialect.down_filters(DEVICE)

    assert all("/PR0DUCT01/dev01" in topic.removesuffix("/#") for topic in up | down)
    assert not any(set(topic.removesuffix("/#")) & set("+#") for topic in down)
    assert not any(set(topic) & set("+#") for topic in up)
    assert not up & down


def test_a_dialect_is_found_by_the_name_in_the_configuration() -> None:
    """The registry's keys are the dialects' own names."""
    assert {name: dialect.name for name, dialect in DIALECTS.items()} == {
        "plain": "plain",
        "tencent": "tencent",
        "onenet": "onenet",
    }


@pytest.mark.parametrize("name", list(DIALECTS))
@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "bad_json"),
        (b"\0", "bad_json"),
        (b"\xff\xfe{}", "bad_json"),
        (b"\xef\xbb\xbf{}", "bad_json"),
        (b'{"type": NaN}', "bad_json"),
        (b'{"type": -Infinity}', "bad_json"),
        (b'{"type": ' + b"9" * 5000 + b"}", "bad_json"),
        (b"[" * 100_000, "bad_json"),
        (b'{"a":' * 100_000, "bad_json"),
        (b'{"type": "state"', "bad_json"),
        (b"[]", "not_object"),
        (b"null", "not_object"),
        (b'"state"', "not_object"),
    ],
)
def test_what_is_no_report_is_refused(name: str, payload: bytes, reason: str) -> None:
    """Bytes that hold no report of a device are refused for the first thing that is wrong with them."""
    assert refusal(name, payload) == reason


@pytest.mark.parametrize("name", ["plain", "tencent"])
@pytest.mark.parametrize(
    "said", [None, ["state"], "update", "update_firmware", "report_version_rsp", "cancel", "inform"]
)
def test_what_only_the_other_side_says_is_refused(name: str, said: object) -> None:
    """A type that is unknown, missing, or no device's to say."""
    assert refusal(name, {"type": said}) == "unknown_type"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({}, "missing_field"),
        ({"id": "1", "code": None}, "missing_field"),
        ({"id": "1", "code": ""}, "missing_field"),
        ({"id": "1", "code": True}, "bad_field"),
        ({"id": "1", "code": "ok"}, "bad_field"),
        ({"id": "1", "code": {}}, "bad_field"),
        ({"id": "1", "code": 100}, "not_supported"),
        ({"id": "1", "code": "500"}, "not_supported"),
    ],
)
def test_onenet_refuses_what_is_no_consent(payload: dict[str, Any], reason: str) -> None:
    """A device that will not be disturbed now ends nothing: it asks its cloud itself when it likes."""
    assert refusal("onenet", payload) == reason


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"type": "version"}, "missing_field"),
        ({"type": "version", "version": ""}, "missing_field"),
        ({"type": "version", "version": None}, "missing_field"),
        ({"type": "version", "version": "1\0"}, "bad_field"),
        ({"type": "version", "version": "1\n"}, "bad_field"),
        ({"type": "version", "version": "\ud800"}, "bad_field"),
        ({"type": "version", "version": "1" * 65}, "bad_field"),
        ({"type": "version", "version": 1.10}, "bad_field"),
        ({"type": "version", "version": True}, "bad_field"),
        ({"type": "version", "version": ["1"]}, "bad_field"),
        ({"type": "version", "version": "1", "module": "a\0"}, "bad_field"),
        ({"type": "version", "version": "1", "module": {}}, "bad_field"),
        ({"type": "state"}, "unknown_state"),
        ({"type": "state", "state": 30}, "unknown_state"),
        ({"type": "state", "state": "cooking"}, "unknown_state"),
        ({"type": "state", "state": "queued"}, "unknown_state"),
        ({"type": "state", "state": "timed_out"}, "unknown_state"),
        ({"type": "state", "state": "canceled"}, "unknown_state"),
        ({"type": "state", "state": "failed", "version": "\x1b[2J"}, "bad_field"),
        ({"type": "confirm"}, "missing_field"),
        ({"type": "confirm", "accept": None}, "missing_field"),
        ({"type": "confirm", "accept": ""}, "missing_field"),
        ({"type": "confirm", "accept": "later"}, "bad_field"),
        ({"type": "confirm", "accept": 2}, "bad_field"),
        ({"type": "confirm", "accept": [True]}, "bad_field"),
        ({"type": "confirm", "accept": {}}, "bad_field"),
        ({"type": "confirm", "accept": True, "version": 2.0}, "bad_field"),
        ({"type": "confirm", "accept": True, "module": "\0"}, "bad_field"),
    ],
)
def test_plain_refuses_what_it_cannot_use(payload: dict[str, Any], reason: str) -> None:
    """A plain report with a field that cannot be used is refused; nothing is guessed about a version."""
    assert refusal("plain", payload) == reason


def test_a_request_for_a_part_of_an_image_is_no_report() -> None:
    """What stands in it is the image room's to read."""
    reading = DIALECTS["plain"].read(DEVICE, "ota/PR0DUCT01/dev01/chunk/get", b"whatever")
    assert reading == (ChunkAsked("ota/PR0DUCT01/dev01/chunk"), "chunk", None)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"type": "report_version"}, "missing_field"),
        ({"type": "report_version", "report": {}}, "missing_field"),
        ({"type": "report_version", "report": []}, "not_object"),
        ({"type": "report_version", "report": {"version": "1\0"}}, "bad_field"),
        ({"type": "report_version", "report": {"version": "1", "fw_type": "\x07"}}, "bad_field"),
        ({"type": "report_progress"}, "missing_field"),
        ({"type": "report_progress", "report": {}}, "missing_field"),
        ({"type": "report_progress", "report": {"progress": "done"}}, "not_object"),
        ({"type": "report_progress", "report": {"progress": {}}}, "unknown_state"),
        ({"type": "report_progress", "report": {"progress": {"state": "cooking"}}}, "unknown_state"),
        ({"type": "report_progress", "report": {"progress": {"state": "done"}, "version": 0.2}}, "bad_field"),
    ],
)
def test_tencent_refuses_what_it_cannot_use(payload: dict[str, Any], reason: str) -> None:
    """A Tencent report with a field that cannot be used is refused."""
    assert refusal("tencent", payload) == reason


@pytest.mark.parametrize("said", ["0", "200", "ok", "", None, {}, True])
def test_done_stays_done_unless_its_code_is_negative(said: object) -> None:
    """Only a negative code, the vendor's mark of a failure, turns `done` into one."""
    event = read(
        "tencent", {"type": "report_progress", "report": {"progress": {"state": "done", "result_code": said}}}
    ).event

    assert isinstance(event, StateReported)
    assert (event.state, event.reason) == (State.SUCCEEDED, Reason.NONE)


@pytest.mark.parametrize(
    ("said", "percent"),
    [
        (0, 0),
        (20, 20),
        (20.9, 20),
        ("20", 20),
        ("20%", 20),
        (" 20 % ", 20),
        ("20.5", 20),
        (-1, 0),
        (101, 100),
        ("250", 100),
        (10**400, 100),
        ("", None),
        ("half", None),
        ("nan", None),
        ("inf", None),
        ("9" * 400, None),
        (None, None),
        (True, None),
        ([20], None),
    ],
)
def test_percent_is_read_in_every_spelling(said: object, percent: int | None) -> None:
    """A percent is cut to 0 to 100; one that cannot be read is left out, because the state still counts."""
    event = read("plain", {"type": "state", "state": "downloading", "percent": said}).event

    assert isinstance(event, StateReported)
    assert event.percent == percent


@pytest.mark.parametrize(
    ("said", "accept"),
    [
        (True, True),
        (1, True),
        (1.0, True),
        ("1", True),
        (" True ", True),
        ("YES", True),
        (False, False),
        (0, False),
        ("0", False),
        ("false", False),
        ("no", False),
    ],
)
def test_a_users_answer_is_read_in_every_spelling(said: object, accept: bool) -> None:  # noqa: FBT001
    """Yes and no come as what the device's language has for them."""
    reading = read("plain", {"type": "confirm", "accept": said})

    assert reading == Reading(Confirmed(device=DEVICE, accept=accept), "confirm")


@pytest.mark.parametrize(
    ("said", "signal"),
    [
        (-97, -97),
        (31.9, 31),
        ("-97", -97),
        (" -97.5 dBm", -97),
        ("+4", 4),
        (2**31 - 1, 2**31 - 1),
        (2**31, None),
        ("9" * 11, None),
        (10**400, None),
        ("strong", None),
        ("", None),
        (None, None),
        (True, None),
        ([4], None),
    ],
)
def test_a_signal_is_read_in_whatever_unit(said: object, signal: int | None) -> None:
    """A number that cannot be read or kept is left out, because the version still counts."""
    event = read("plain", {"type": "version", "version": "1.0", "signal": said}).event

    assert event == VersionReported(device=DEVICE, version=Version("1.0"), signal=signal)


def test_text_for_people_is_kept_as_far_as_it_can_be_stored() -> None:
    """What a store or UTF-8 cannot hold is replaced, what is too long is cut, the rest is verbatim."""
    said = "欠压\u3000\n" + "\0\ud800" + "x" * 1000
    event = read("plain", {"type": "state", "state": "failed", "detail": said}).event

    assert isinstance(event, StateReported)
    assert event.detail == "欠压\u3000\n\ufffd\ufffd" + "x" * 506
    assert event.detail.encode()


def test_the_unused_end_of_a_buffer_is_ignored() -> None:
    """NULs after the JSON are no part of the message."""
    reading = read("plain", b'{"type":"version","version":"1.0"}\0\0\0')

    assert reading.event == VersionReported(device=DEVICE, version=Version("1.0"))


def test_of_duplicate_keys_the_last_counts() -> None:
    """A key said twice is read as JSON libraries read it."""
    reading = read("plain", b'{"type":"version","version":"1.0","version":"1.1"}')

    assert reading.event == VersionReported(device=DEVICE, version=Version("1.1"))
