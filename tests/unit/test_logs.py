"""Log lines: their form, their way out, and what never is in them."""

import contextlib
import io
import json
import logging
import sys
import time
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from gateway import logs
from gateway.logs import Redactor
from gateway.model.identity import DeviceId


@pytest.fixture(autouse=True)
def _restored_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave the process's logging as it was, and forget what a test registered."""
    monkeypatch.setattr(logs, "_redactor", Redactor())
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    for handler in handlers:
        root.removeHandler(handler)
    with warnings.catch_warnings():
        yield
        logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


Captured = pytest.CaptureFixture[str]


def _lines(capsys: Captured) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_is_json_where_nobody_watches(capsys: Captured) -> None:
    """Off a terminal a line is JSON with a word, facts, level and a UTC time in ISO 8601."""
    logs.configure()
    structlog.get_logger().info("event_delivered", device=DeviceId("P", "d"), lane="cloud/x", age_s=1.5)
    [line] = _lines(capsys)
    assert list(line)[:3] == ["timestamp", "level", "event"]
    stamp = datetime.fromisoformat(line.pop("timestamp"))
    assert stamp.utcoffset() is not None
    assert line == {
        "event": "event_delivered",
        "device": "P/d",
        "lane": "cloud/x",
        "age_s": 1.5,
        "level": "info",
    }


def test_a_line_is_for_eyes_on_a_terminal(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a line has colours."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    logs.configure()
    structlog.get_logger().info("event_delivered", token="hunter2")
    shown = capsys.readouterr().out
    assert "\x1b[" in shown
    assert "hunter2" not in shown


def test_lines_below_the_level_are_left_out(capsys: Captured) -> None:
    """The level is a floor."""
    logs.configure("warning", json=True)
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in _lines(capsys)] == ["loud"]


def test_an_unknown_level_is_refused() -> None:
    """The sentence names value and rule."""
    with pytest.raises(ValueError, match='the log level is "loud"; it must be one of debug, info, warning'):
        logs.configure("loud")


def test_libraries_leave_by_the_same_way(capsys: Captured) -> None:
    """A library's warning is a line like ours with its logger's name; its chatter is left out."""
    logs.configure("debug", json=True)
    logs.redact("hunter2")
    logging.getLogger("aiohttp.client").info("chatter")
    logging.getLogger("aiohttp.client").warning("peer said %s", "hunter2")
    [line] = _lines(capsys)
    assert (line["event"], line["logger"], line["level"]) == ("peer said ***", "aiohttp.client", "warning")


def test_python_warnings_are_logged(capsys: Captured) -> None:
    """A deprecation at run time is a line, too, and not lost on standard error."""
    logs.configure(json=True)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old ways", stacklevel=1)
    [line] = _lines(capsys)
    assert line["logger"] == "py.warnings"


@pytest.mark.parametrize("render_json", [True, False], ids=["json", "console"])
def test_an_exception_keeps_its_trace_and_loses_its_secrets(capsys: Captured, *, render_json: bool) -> None:
    """A traceback is there for whoever must repair it, without a registered value in it, from both loggers."""
    logs.configure(json=render_json)
    logs.redact("hunter2")
    try:
        int("hunter2")
    except ValueError:
        structlog.get_logger().exception("it_broke")
        logging.getLogger("aiohttp").exception("it broke")
    shown = capsys.readouterr().out
    assert shown.count("with base 10: '***'") == 2
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    "key",
    [
        "token",
        "access_token",
        "AccessToken",
        "Authorization",
        "secret",
        "device_secret",
        "clientSecret",
        "password",
        "sign",
        "Signature",
        "x-api-key",
        "access_key",
        "Cookie",
    ],
)
def test_a_value_under_a_secret_key_is_hidden(key: str) -> None:
    """The key alone is reason enough, at any depth and whatever the value is."""
    clean = Redactor().clean
    assert clean({"facts": [{key: "hunter2"}, {key: 12345}, {key: ["hunter2"]}]}) == {
        "facts": [{key: "***"}, {key: "***"}, {key: "***"}]
    }


@pytest.mark.parametrize("key", ["design", "signal", "tokens_left", "secretary", "monkey", "key", "assigned"])
def test_a_harmless_key_keeps_its_value(key: str) -> None:
    """Words that only look like a secret's name stay readable."""
    assert Redactor().clean({key: "plain"}) == {key: "plain"}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("http://h/p?a=1&sign=ab%2Fc&b=2", "http://h/p?a=1&sign=***&b=2"),
        ("GET http://h/p?access_token=abc failed", "GET http://h/p?access_token=*** failed"),
        ("version=2018-10-31&res=products%2F1&sign=abc=", "version=2018-10-31&res=products%2F1&sign=***"),
        ('{"AccessToken": "abc", "Action": "x"}', '{"AccessToken": "***", "Action": "x"}'),
        ("{'Authorization': 'Bearer abc'}", "{'Authorization': '***'}"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("postgresql+psycopg://u:p@h/d", "postgresql+psycopg://u:***@h/d"),
        ("http://h:1883/a?design=1", "http://h:1883/a?design=1"),
        ("token expired", "token expired"),
    ],
)
def test_a_secret_inside_a_text_is_hidden(text: str, clean: str) -> None:
    """Query strings, headers, JSON and URLs lose their credentials and keep the rest."""
    assert Redactor().clean(text) == clean


def test_a_registered_value_is_hidden_everywhere() -> None:
    """It is hidden in text, bytes, exceptions, tuples and as it looks in a URL; the longest match wins."""
    redactor = Redactor()
    redactor.register("pass word/1")
    redactor.register("pass")
    event = {
        "text": "<pass word/1>",
        "bytes": b"pass word/1",
        "error": OSError("pass word/1"),
        "pair": ("pass%20word%2F1", "pass+word%2F1"),
        "pass word/1": {"pass"},
    }
    cleaned = redactor(None, "info", event)
    assert "pass" not in json.dumps({key: value for key, value in cleaned.items() if key != "pass word/1"})
    assert cleaned["text"] == "<***>"
    assert cleaned["pair"] == ["***", "***"]


def test_a_value_of_three_characters_is_no_secret() -> None:
    """Hiding "abc" everywhere would spoil the log and protect nothing."""
    redactor = Redactor()
    redactor.register("abc")
    assert redactor.clean("abcdef") == "abcdef"


def test_plain_values_keep_their_type() -> None:
    """Numbers, booleans and nothing stay what they are, even booleans under a secret's name."""
    event = {"count": 3, "share": 0.5, "token": True, "password": None}
    assert Redactor()(None, "info", event) == event


@pytest.mark.parametrize("piece", ["a-", "_", "token_", "'a", "://", "://a:", "Bearer ", "sign"])
def test_a_hostile_text_is_cleaned_in_no_time(piece: str) -> None:
    """What a device makes long costs little and is cut."""
    text = piece * 100_000 + "="
    begun = time.process_time()
    cleaned = Redactor().clean(text)
    assert time.process_time() - begun < 0.5
    assert cleaned.endswith(f"… {len(text) - 16_384} more characters")


def test_a_line_that_cannot_be_written_costs_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever logs to a full disk goes on, and the first line after it says how many were held up."""
    with contextlib.suppress(OSError), Path("/dev/full").open("w") as full:
        outlet = logs.Outlet(full)
        for _ in range(2):
            outlet.write("x" * 100_000)
            outlet.flush()
        assert outlet.confess(None, "info", {"event": "x"}) == {"event": "x", "lines_held_up": 2}
        monkeypatch.setattr(outlet, "_stream", io.StringIO())
        outlet.flush()
        assert outlet.confess(None, "info", {"event": "x"}) == {"event": "x"}
