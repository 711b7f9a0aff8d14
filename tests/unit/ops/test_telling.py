"""Lines of a timeline, told in any language, whoever wrote them and however."""

import json
import re
from typing import Any

import pytest

from gateway.ops.telling import phrases, tell


def told(source: str, text: str) -> tuple[str, str]:
    """Tell a line in both languages."""
    found = phrases(source, text)
    return tell(found, "en"), tell(found, "zh")


def understood(**event: Any) -> tuple[str, str]:
    """Tell what was understood."""
    return told("understood", json.dumps({"product": "P", "device": "d", **event}))


@pytest.mark.parametrize(
    ("event", "english", "chinese"),
    [
        ({"state": "downloading", "percent": 20}, "downloading, 20 %", "下载中，20 %"),
        (
            {
                "state": "failed",
                "phase": "download",
                "reason": "LOW_BATTERY",
                "code": "E7",
                "detail": "3.1 V",
            },
            "failed, the battery is low, while downloading, its code: E7, its words: 3.1 V",
            "失败，电量低，下载时，设备代码：E7，设备原话：3.1 V",
        ),
        (
            {"state": "succeeded", "detail": "the device runs it already", "synthetic": True},
            "succeeded, the device runs it already, the gateway says so",
            "成功，the device runs it already，由网关认定",
        ),
        ({"state": "dreaming"}, "dreaming", "dreaming"),
    ],
)
def test_what_was_understood_is_told(event: dict[str, Any], english: str, chinese: str) -> None:
    """State, percent, reason, phase, and the device's own code and words as they came."""
    assert understood(**event) == (english, chinese)


@pytest.mark.parametrize(
    ("source", "text", "english", "chinese"),
    [
        (
            "understood",
            "failed with WEAK_SIGNAL; begins anew (2)",
            "failed (the signal is weak) and begins anew, try 2",
            "失败（信号弱），重新开始，第 2 次",
        ),
        ("understood", "ignored as absorbed", "ignored: the update is over", "已忽略：该升级已经结束"),
        (
            "understood",
            "ignored as stale",
            "ignored: it is older than what is known",
            "已忽略：早于已知状态",
        ),
        ("cloud/a", "ordered 2.0 (t1)", "ordered 2.0 (t1)", "下达 2.0 (t1)"),
        ("cloud/a", "downloading: delivered", "downloading: delivered", "下载中：已送达"),
        (
            "cloud/a",
            "failed: rejected (17: busy) [report 3 ms errno 17]",
            "failed: refused for good, it is a dead letter (17: busy) [report 3 ms errno 17]",
            "失败：被永久拒绝，成为死信 (17: busy) [report 3 ms errno 17]",
        ),
        (
            "cloud/a",
            "believed downloading: told again failed",
            'believed "downloading", is told again: failed',
            "以为“下载中”，再次告知：失败",
        ),
        ("operator", "canceled", "called it off", "已取消"),
        (
            "operator",
            "began it anew as P/d/default/2",
            "began it anew as P/d/default/2",
            "重新开始为 P/d/default/2",
        ),
        (
            "operator",
            "replayed: what cloud/a had refused with E17",
            "sent again: what cloud/a had refused with E17",
            "重新发送：cloud/a 以 E17 拒绝的内容",
        ),
        ("said", '{"state":"done"}', '{"state":"done"}', '{"state":"done"}'),
        ("operator", "danced", "danced", "danced"),
        ("cloud/a", "a newer gateway's line", "a newer gateway's line", "a newer gateway's line"),
        ("understood", "[1, 2]", "[1, 2]", "[1, 2]"),
    ],
)
def test_every_line_is_told(source: str, text: str, english: str, chinese: str) -> None:
    """In the words of its kind; what no form fits, as it stands."""
    assert told(source, text) == (english, chinese)


def test_what_a_device_says_is_never_taken_for_a_form() -> None:
    """Its words are quoted, whatever they look like."""
    assert told("said", "confirmed") == ("confirmed", "confirmed")


def test_braces_in_somebody_s_words_are_no_places() -> None:
    """They stand in the values, and are not filled again."""
    assert understood(state="failed", detail="{0.__class__} {state}")[0] == (
        "failed, its words: {0.__class__} {state}"
    )


def test_every_act_of_the_desk_has_a_form() -> None:
    """What `desk.py` and `dead_letters.py` write is told in Chinese, too."""
    for act in ("confirmed", "refused", "canceled", "paused", "resumed", "asked the clouds what they want"):
        english, chinese = told("operator", act)
        assert re.search("[\u4e00-\u9fff]", chinese), english
    for act in ("replayed", "dropped"):
        assert told("operator", f"{act}: what cloud/a had refused with E1")[1].startswith(("重新", "丢弃"))
