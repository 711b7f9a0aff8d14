"""Events as JSON: short, lossless, and readable by an older gateway."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.model.codec import decode, encode
from gateway.model.events import StateReported
from gateway.model.identity import DeviceId, Module, Version
from gateway.model.states import Phase, Reason, State

BARE = StateReported(device=DeviceId("P1", "dev01"), state=State.NOTIFIED)
WHOLE = StateReported(
    device=DeviceId("P1", "设备/01"),
    state=State.FAILED,
    version=Version("2.0"),
    module=Module("mcu"),
    percent=0,
    phase=Phase.DOWNLOAD,
    reason=Reason.LOW_BATTERY,
    code="-7",
    detail="电量 3.1 V\n",
    synthetic=True,
)


@pytest.mark.parametrize("event", [BARE, WHOLE])
def test_what_was_written_can_be_read(event: StateReported) -> None:
    """Nothing is lost and nothing added."""
    assert decode(encode(event)) == event


def test_defaults_are_left_out() -> None:
    """A million rows are a million times the same words."""
    assert encode(BARE) == '{"product":"P1","device":"dev01","state":"notified"}'


def test_it_is_one_line_as_people_read_it() -> None:
    """No escapes for Chinese, none but for control characters."""
    assert "\n" not in encode(WHOLE)
    assert "电量" in encode(WHOLE)


def test_unknown_keys_are_ignored() -> None:
    """Rows of a newer gateway can be read after a downgrade."""
    fields = {**json.loads(encode(WHOLE)), "colour": "blue", "wishes": [1, {"two": None}]}
    assert decode(json.dumps(fields)) == WHOLE


@pytest.mark.parametrize(("key", "unknown"), [("phase", Phase.UNKNOWN), ("reason", Reason.UNKNOWN)])
def test_a_newer_gateways_words_are_unknown(key: str, unknown: Any) -> None:
    """What a later version calls a phase or a reason does not make the row unreadable."""
    event = decode(json.dumps({**json.loads(encode(WHOLE)), key: "GREMLINS"}))

    assert event == replace(WHOLE, **{key: unknown})


_ROW = '{"product":"P1","device":"d","state":"notified",%s}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "[" * 5000,
        '{"product":"P1","device":"d","state":"asleep"}',
        '{"product":"P1","device":["d"],"state":"notified"}',
        _ROW % '"percent":"20"',
        _ROW % '"percent":true',
        _ROW % '"version":2.0',
        _ROW % '"module":null',
        _ROW % '"detail":{}',
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """A row that makes no sense is an error, not an event."""
    with pytest.raises((ValueError, KeyError)):
        decode(text)
