"""How the fleet speaks, checked against literal messages."""

import json
from random import Random
from typing import Any

import pytest

from tests.simulators.fleet.device import Device
from tests.simulators.fleet.dialect import DIALECTS
from tests.simulators.fleet.saying import Failure, Saying, Word

FAILURE = Failure(phase="download", reason="LOW_BATTERY", tencent=-2, onenet=105, text="3.1 V")


def about(word: Word, **more: Any) -> Saying:
    """Return a report about the update to 2.0."""
    return Saying(word=word, version="2.0", target="2.0", **more)


PLAIN = [
    (about(Word.VERSION), {"type": "version", "version": "2.0"}),
    (
        about(Word.DOWNLOADING, percent=20),
        {"type": "state", "version": "2.0", "state": "downloading", "percent": 20},
    ),
    (about(Word.DONE), {"type": "state", "version": "2.0", "state": "succeeded"}),
    (
        about(Word.FAILED, failure=FAILURE),
        {
            "type": "state",
            "version": "2.0",
            "state": "failed",
            "phase": "download",
            "reason": "LOW_BATTERY",
            "detail": "3.1 V",
        },
    ),
]
OK = {"result_code": "0", "result_msg": ""}
TENCENT = [
    (about(Word.VERSION), {"type": "report_version", "report": {"version": "2.0"}}),
    (about(Word.DOWNLOADING, percent=20), {**OK, "state": "downloading", "percent": "20"}),
    (about(Word.DOWNLOADED), {**OK, "state": "downloading", "percent": "100"}),
    (about(Word.INSTALLING), {**OK, "state": "burning"}),
    (about(Word.DONE), {**OK, "state": "done"}),
    (about(Word.FAILED, failure=FAILURE), {"state": "fail", "result_code": "-2", "result_msg": "3.1 V"}),
]


@pytest.mark.parametrize(("saying", "payload"), PLAIN)
def test_plain(saying: Saying, payload: dict[str, Any]) -> None:
    """The product's own dialect, as its documents show it."""
    assert json.loads(DIALECTS["plain"].phrase(saying)) == payload


@pytest.mark.parametrize(("saying", "payload"), TENCENT)
def test_tencent(saying: Saying, payload: dict[str, Any]) -> None:
    """The dialect of page 1081/39359: percent and result_code are strings."""
    if "type" not in payload:
        payload = {"type": "report_progress", "report": {"progress": payload, "version": "2.0"}}
    assert json.loads(DIALECTS["tencent"].phrase(saying)) == payload


def test_names() -> None:
    """Topics and the plain login."""
    device = Device(product="P", name="d", secret="s")
    assert DIALECTS["plain"].login(device, Random(0))[1:] == ("P/d", "s")
    assert [DIALECTS["plain"].up(device), DIALECTS["plain"].down(device)] == [
        "ota/P/d/report",
        "ota/P/d/command",
    ]
    assert [DIALECTS["tencent"].up(device), DIALECTS["tencent"].down(device)] == [
        "$ota/report/P/d",
        "$ota/update/P/d",
    ]


def test_the_signed_login() -> None:
    """The signature was made with: printf %s "$USERNAME" | openssl dgst -sha256 -mac HMAC -macopt hexkey:00010203."""
    device = Device(product="P", name="d", secret="AAECAw==", dialect="tencent")
    login = DIALECTS["tencent"].login(device, Random(0))
    assert login.client_id == "Pd"
    assert login.username == "Pd;12010126;qkQGV;7559008892"
    assert login.password == "9d891aab57050ac23c72a36f376bb5e839a91ddd5df404c9eaef088c69ab542b;hmacsha256"


@pytest.mark.parametrize(
    ("payload", "is_answer"),
    [
        (b'{"type":"report_version_rsp","version":"1.0","result_code":0,"result_msg":"success"}', True),
        (b'{"type":"report_version_rsp","result_code":"0"}', False),
        (b'{"type":"update_firmware","version":"2.0"}', False),
        (b"[]", False),
        (b"rsp", False),
    ],
)
def test_answers(payload: bytes, is_answer: bool) -> None:  # noqa: FBT001  a column of the table
    """Downstream, result_code is a number."""
    assert DIALECTS["tencent"].is_answer(payload) is is_answer
    assert not DIALECTS["plain"].is_answer(payload)
