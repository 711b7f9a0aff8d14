"""Every alert says what it means, speaks of metrics that exist, and is proven by promtool."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.shipped import (
    DEPLOY,
    PROMETHEUS,
    ROOT,
    known_metrics,
    metrics_in,
    parsed,
    rules,
    text,
    tool,
)

ALERTS = {rule["alert"]: rule for rule in rules()}
HEADING = re.compile(r"^## (\w+)$", re.MULTILINE)
#: A word of the log in the runbook.
LOG_WORD = re.compile(r"`([a-z]+(?:_[a-z0-9]+)+)`")

every_alert = pytest.mark.parametrize("name", ALERTS)


def cases(name: str) -> list[dict[str, Any]]:
    """What alerts_test.yml expects of an alert."""
    tests = parsed("prometheus", "alerts_test.yml")["tests"]
    return [case for test in tests for case in test["alert_rule_test"] if case["alertname"] == name]


def section(name: str) -> str:
    """The paragraphs of the runbook under a heading."""
    parts = HEADING.split(text("runbook.md"))
    return dict(zip(parts[1::2], parts[2::2], strict=True)).get(name, "").strip()


@every_alert
def test_an_alert_says_what_it_means(name: str) -> None:
    """A severity, one line, one sentence, and where to read on."""
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"deploy/runbook.md#{name.lower()}"


@every_alert
def test_an_alert_speaks_of_metrics_that_exist(name: str) -> None:
    """A renamed metric would make its alert silent for ever."""
    found = metrics_in(ALERTS[name]["expr"])
    assert found
    assert found <= known_metrics()


@every_alert
def test_an_alert_is_proven_to_fire_and_not_to_fire(name: str) -> None:
    """Both cases stand in alerts_test.yml."""
    expected = {bool(case["exp_alerts"]) for case in cases(name)}
    assert expected == {True, False}


@every_alert
def test_an_alert_has_its_paragraph_in_the_runbook(name: str) -> None:
    """Meaning, causes, what to do: more than a line."""
    assert len(section(name)) > 150


def test_the_runbook_and_the_tests_have_no_alert_that_is_gone() -> None:
    """What was renamed is renamed everywhere, and in the same order."""
    assert HEADING.findall(text("runbook.md")) == list(ALERTS)
    tests = parsed("prometheus", "alerts_test.yml")["tests"]
    assert [test["name"] for test in tests] == list(ALERTS)


def test_the_runbook_says_words_that_the_gateway_says() -> None:
    """A word of the log, a reason or a key that somebody is told to look for is in the source."""
    source = "\n".join(path.read_text() for path in (ROOT / "gateway").rglob("*.py"))
    unknown = {word for word in LOG_WORD.findall(text("runbook.md")) if not re.search(rf"\b{word}\b", source)}
    assert unknown - known_metrics() == {"http_429"}  # made of the status


@pytest.mark.parametrize("command", [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]])
def test_promtool_is_content(command: list[str]) -> None:
    """The rules parse, and fire when and only when they should."""
    promtool = tool("promtool", "prometheus")
    done = subprocess.run(
        [promtool, *command], cwd=PROMETHEUS, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_scrape_configuration_is_good(tmp_path: Path) -> None:
    """All files that it names are shipped, but for the token."""
    promtool = tool("promtool", "prometheus")
    for name in ("prometheus.yml", "alerts.yml", "targets.yml"):
        (tmp_path / name).write_bytes((PROMETHEUS / name).read_bytes())
    (tmp_path / "ota-gateway-token").write_text("secret")
    done = subprocess.run(
        [promtool, "check", "config", "prometheus.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (DEPLOY / "prometheus" / "ota-gateway-token").exists()


def test_the_rules_know_the_job_of_the_scrape_configuration() -> None:
    """`up` and the metrics of the process have no name of ours: the job tells them apart."""
    [scrape] = parsed("prometheus", "prometheus.yml")["scrape_configs"]
    for name, rule in ALERTS.items():
        for selector in re.findall(r"\b(?:up|process_\w+)\b(\{[^}]*\})?", rule["expr"]):
            assert selector == f'{{job="{scrape["job_name"]}"}}', name


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (lane, a) (rate(x_total{lane="y"}[5m])) > 0.5', {"x_total"}),
        ("0 < a - time() < 7 * 86400 unless on (lane) b offset 1h", {"a", "b"}),
        ('max_over_time(a_b:c[1h]) == 3 or absent(up{job="x"})', {"a_b:c", "up"}),
    ],
)
def test_names_of_metrics_are_found(expression: str, names: set[str]) -> None:
    """What the tests lean on finds metrics, and nothing else."""
    assert metrics_in(expression) == names
